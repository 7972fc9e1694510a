import type { IncomingMessage } from 'node:http'

/** A request, read whole. */
export interface DemoRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
  readonly contentType: string
  readonly cookies: ReadonlyMap<string, string>
  /** Of `Authorization: Bearer`. */
  readonly token: string | undefined
  /** What the route's pattern caught. */
  readonly caught: readonly string[]
}

export interface DemoAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string
}

export const BODY_BYTES_MAX = 65_536

/** Null when the body is too large; what is left of it is not read. */
export async function readDemoRequest(request: IncomingMessage): Promise<DemoRequest | null> {
  const url = new URL(request.url ?? '/', 'http://demo.invalid')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) return null
    chunks.push(chunk)
  }
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    body: Buffer.concat(chunks).toString('utf8'),
    contentType: (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase(),
    cookies: cookiesOf(request.headers.cookie ?? ''),
    token: /^bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1],
    caught: [],
  }
}

function cookiesOf(header: string): Map<string, string> {
  const pairs = header.split(';').map((pair) => pair.trim().split('=', 2))
  return new Map(pairs.map(([name = '', value = '']) => [name, value]))
}

export function json(status: number, value: unknown): DemoAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}

export const problem = (status: number, detail: string): DemoAnswer => ({
  ...json(status, { status, detail }),
  headers: { 'content-type': 'application/problem+json' },
})

export function html(status: number, body: string, headers: DemoAnswer['headers'] = {}): DemoAnswer {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8', ...headers }, body }
}

/** The body as a JSON object; null when it is none. */
export function objectOf({ body }: DemoRequest): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(body)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
