import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Trial } from './trial.ts'

export const SAMPLES = '/api/v1/ingest/samples'
export const RECORDS = '/api/v1/ingest/records'
export const METRICS = '/v1/metrics'
export const LOGS = '/v1/logs'
export const WRITE = '/api/v1/prometheus/write'

export interface PostOptions {
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Posts to a push door with the key of the trial, and says in a line what was answered. */
export async function post(
  { world, key }: Trial,
  path: string,
  body: string | Uint8Array,
  { type = 'application/json', headers = {} }: PostOptions = {},
): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${world.httpPort}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key.key}`, 'content-type': type, ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  })
  return summaryOf(response.status, await response.text())
}

interface Told {
  readonly code?: string | number
  readonly message?: string
  readonly accepted?: number
  readonly refused?: number
  readonly errors?: readonly { readonly reason: string }[]
  readonly partialSuccess?: {
    readonly rejectedDataPoints?: string
    readonly rejectedLogRecords?: string
    readonly errorMessage?: string
  }
}

/** Status, and of the body its code, or how much was accepted and for which reasons the rest was not. */
export function summaryOf(status: number, body: string): string {
  if (!body.startsWith('{')) return `${status} ${textSummary(body)}`.trim()
  const told = JSON.parse(body) as Told
  if (typeof told.code === 'string') return `${status} ${told.code}`
  if (typeof told.code === 'number') return `${status} ${told.message?.split(':', 1)[0]}`
  if (told.partialSuccess !== undefined) {
    const { rejectedDataPoints, rejectedLogRecords, errorMessage = '' } = told.partialSuccess
    return `${status} ${rejectedDataPoints ?? rejectedLogRecords} rejected: ${reasonsIn(errorMessage)}`
  }
  if (told.accepted === undefined) return `${status}`
  const reasons = [...new Set((told.errors ?? []).map(({ reason }) => reason))].sort().join(', ')
  return `${status} ${told.accepted} accepted, ${told.refused} refused${reasons === '' ? '' : `: ${reasons}`}`
}

function textSummary(body: string): string {
  const partial = /^(\d+) samples were accepted, (\d+) refused: (.*)/s.exec(body)
  if (partial !== null) return `${partial[1]} accepted, ${partial[2]} refused: ${reasonsIn(partial[3]!)}`
  return body.split(':', 1)[0]!.trim().slice(0, 100)
}

/** `2 time_too_old (...); 1 value_not_finite (...)`: each reason once. */
function reasonsIn(message: string): string {
  const found = [...message.matchAll(/(?:^|; )\d+ ([a-z_]+) \(/g)].map((match) => match[1]!)
  return [...new Set(found)].sort().join(', ')
}

/** Writes bytes to the HTTP port and answers everything that comes back until the product closes. */
export async function rawHttp(
  port: number,
  parts: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const broken = new Promise<void>((resolve) => socket.once('error', () => resolve()))
  const answer = text(socket).catch(() => '')
  for await (const part of parts) {
    if (socket.destroyed || socket.writableEnded) break
    if (!socket.write(part)) {
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), answer, broken])
    }
  }
  const told = await answer
  socket.destroy()
  return told
}

/** The head of a POST as it goes over the wire. */
export function headOf({ key }: Trial, path: string, headers: readonly string[]): string {
  return [`POST ${path} HTTP/1.1`, 'host: localhost', `authorization: Bearer ${key.key}`, ...headers, '', ''].join(
    '\r\n',
  )
}

/** Statuses of the answers in what came back over a connection. */
export function statusesIn(told: string): string {
  return [...told.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => match[1]).join(' ')
}
