import { eventually } from '../child.ts'
import { ADMIN_PASSWORD } from '../faults/rest.ts'

/** A source as the list answers it, as far as these tests look at it. */
export interface SourceItem {
  readonly source: string
  readonly kind: string
  readonly name: string
  readonly status: string
  readonly processId: string | null
  readonly refused: number
  readonly topic: { readonly source: string } | null
}

export interface LogLine {
  readonly time: string
  readonly body: string
  readonly level: string
  readonly fields: Readonly<Record<string, string | number | boolean | null>>
}

export interface Anomaly {
  readonly id: string
  readonly type: string
  readonly processId: string
  readonly description: string
  readonly endedAt: string | null
  readonly record: Readonly<Record<string, unknown>> | string | null
  readonly alertId: string | null
}

/** The REST API as an administrator uses it. Answers other than 2xx are errors that say what was answered. */
export interface Session {
  get<T>(path: string): Promise<T>
  post<T>(path: string, body: object): Promise<T>
  put<T>(path: string, body: object): Promise<T>
  /** Changes the definition of a source as somebody does who has just looked at it. */
  redefine<T extends object>(source: string, change: (definition: T) => object): Promise<void>
  list<T>(path: string): Promise<readonly T[]>
  /** An API key for whoever sends data. */
  makeKey(name: string): Promise<string>
  /** Sum over all steps of the last fifty minutes of an aggregation of a metric. */
  total(process: string, metric: string, agg: 'count' | 'sum'): Promise<number>
  /** Every line that fits a search of the last hour, oldest first, over all pages. */
  lines(search: string): Promise<readonly LogLine[]>
}

interface StoredSource<T> {
  readonly name: string
  readonly active: boolean
  readonly revision: number
  readonly definition: T
}

const SIGN_IN_WITHIN_MS = 60_000
const RANGE_MS = 3_000_000

export async function openSession(address: string, password = ADMIN_PASSWORD): Promise<Session> {
  let token: string | null = null
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${address}/api/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as T
  }
  const signedIn = await eventually('signing in', SIGN_IN_WITHIN_MS, () =>
    ask<{ token: string }>('POST', 'sessions', { username: 'admin', password }),
  )
  token = signedIn.token
  const get = <T>(path: string): Promise<T> => ask<T>('GET', path)
  return {
    get,
    post: (path, body) => ask('POST', path, body),
    put: (path, body) => ask('PUT', path, body),
    async redefine<T extends object>(source: string, change: (definition: T) => object) {
      const path = `sources/${encodeURIComponent(source)}`
      const { name, active, revision, definition } = await get<StoredSource<T>>(path)
      await ask('PUT', path, { name, active, revision, definition: change(definition) })
    },
    list: async <T>(path: string) => (await get<{ items: T[] }>(path)).items,
    makeKey: async (name) => (await ask<{ key: string }>('POST', 'api-keys', { name, role: 'ingest' })).key,
    async total(process, metric, agg) {
      const to = Date.now() + 60_000
      const range = `from=${to - RANGE_MS}&to=${to}&step=1s`
      const path = `query?process=${encodeURIComponent(process)}&metric=${metric}&agg=${agg}&${range}`
      const { series } = await get<{ series: { points: { value: number }[] }[] }>(path)
      return series.flatMap(({ points }) => points).reduce((sum, { value }) => sum + value, 0)
    },
    async lines(search) {
      const found: LogLine[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const page: { items: LogLine[]; nextCursor: string | null } = await get(
          `logs?limit=1000&${search}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
        )
        found.push(...page.items)
        cursor = page.nextCursor
      }
      return found.reverse()
    },
  }
}
