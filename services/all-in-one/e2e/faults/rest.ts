import { eventually } from '../child.ts'

/** A row of a host's process table, as far as these tests look at it. */
export interface TableRow {
  readonly pid: number
  readonly threads: number | null
}

/** The REST API as a client uses it, with a key that reads. */
export interface RestClient {
  /** A key for agents. */
  readonly ingestKey: string
  /** Sum over the steps of an aggregation of a host's metric, such as the number of its samples. */
  total(host: string, metric: string, agg: 'count' | 'sum'): Promise<number>
  tableAt(host: string, atMs: number): Promise<readonly TableRow[]>
}

const SIGN_IN_WITHIN_MS = 60_000
/** A step that all of a test's samples fit into. */
const RANGE_MS = 3_000_000

export const ADMIN_PASSWORD = 'a password for trials'

export async function openRest(address: string): Promise<RestClient> {
  const session = await eventually('signing in', SIGN_IN_WITHIN_MS, () =>
    send<{ token: string }>(`${address}/api/v1/sessions`, null, { username: 'admin', password: ADMIN_PASSWORD }),
  )
  const makeKey = async (name: string, role: string): Promise<string> =>
    (await send<{ key: string }>(`${address}/api/v1/api-keys`, session.token, { name, role })).key
  const readKey = await makeKey('reader of the fault tests', 'viewer')
  return {
    ingestKey: await makeKey('agents of the fault tests', 'ingest'),
    async total(host, metric, agg) {
      const to = Date.now() + 60_000
      const range = `from=${to - RANGE_MS}&to=${to}&step=1s`
      const query = `process=${encodeURIComponent(`host:${host}`)}&metric=${metric}&agg=${agg}&${range}`
      const answer = await send<{ resolution: string; series: { points: { value: number }[] }[] }>(
        `${address}/api/v1/query?${query}`,
        readKey,
      )
      if (answer.resolution !== 'raw') throw new Error('the raw samples were not read')
      return answer.series.flatMap(({ points }) => points).reduce((sum, { value }) => sum + value, 0)
    },
    async tableAt(host, atMs) {
      const at = new Date(atMs).toISOString()
      const url = `${address}/api/v1/hosts/${encodeURIComponent(host)}/processes?at=${at}`
      return (await send<{ items: TableRow[] }>(url, readKey)).items
    },
  }
}

async function send<T>(url: string, token: string | null, body?: object): Promise<T> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
