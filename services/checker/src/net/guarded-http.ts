import type { Readable } from 'node:stream'
import { CheckFailure } from '../check-type.ts'
import type { ClientIdentity } from '../vault/credentials.ts'
import type { AddressGuard } from './address-guard.ts'
import { timeUp, withSignal } from './connect-failures.ts'
import { createCookieJar } from './cookies.ts'
import type { HostLimits } from './host-limits.ts'
import { type BodyProgress, readBody } from './http-body.ts'
import { ConnectionGone, createHttpConnections, type HttpConnection, type HttpConnections } from './http-connections.ts'
import { httpFailure, isLost } from './http-failures.ts'
import { createRedirectTrail, type Hop, placeOf } from './http-redirects.ts'
import { createConnectTls } from './tls-connect.ts'

export interface HttpRequest {
  readonly tenant: string
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly followRedirects?: boolean
  /** Longer bodies are cut off: `bodyIsCut`. Default 5,000,000. */
  readonly bodyBytesMax?: number
  /** Certificate and key to present to the host that the credential is for. */
  readonly identity?: ClientIdentity
  /** Kept for one run of a check or one poll: what the target set is sent to it again. */
  readonly cookies?: CookieJar
  /** Waits for its turn at the host: rate and concurrency. On by default. */
  readonly limited?: boolean
  readonly signal: AbortSignal
  /** Told what happens, without secrets: connected, redirected to, answered. */
  log?(text: string): void
}

/** Of the standard kind; made by `createCookieJar` of `net/cookies.ts`. */
export interface CookieJar {
  headerFor(url: string): string
  take(url: string, setCookie: readonly string[]): void
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Decompressed; at most `bodyBytesMax`. */
  readonly body: Buffer
  readonly bodyIsCut: boolean
  /** Where it came from in the end. */
  readonly url: string
  readonly redirects: number
  /** From the first connection to the last byte of the body, without waiting for a turn. Milliseconds. */
  readonly latencyMs: number
  readonly waitedMs: number
}

/**
 * HTTP and HTTPS to where checks may go. Errors: CheckFailure `address_refused`, `url_invalid`, `name_unknown`,
 * `connection_refused`, `connection_lost`, `certificate_invalid`, `redirect_loop`, `redirects_too_many`, `timeout`
 * (the signal's), `answer_invalid`, `decompressed_too_large`.
 * Credentials are taken off when a redirect leads to another origin.
 */
export interface GuardedHttp {
  request(request: HttpRequest): Promise<HttpAnswer>
  /** Closes connections that idle. */
  stop(): Promise<void>
}

export interface GuardedHttpConfig {
  /** Version of Driftline, for the user agent. */
  readonly version: string
  /** Where the product answers, so that people who see the user agent can ask; may be empty. */
  readonly productUrl?: string
  /** Instead of what is made of the two. */
  readonly userAgent?: string
}

const BODY_BYTES_MAX = 5_000_000
/** What may be sent twice (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Headers that are between us and the next server; another value would break the request or hide a second one. */
const OF_THE_CONNECTION = new Set(
  'connection content-length expect keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' '),
)

/** `Driftline/1.2.0 (+https://driftline.example)`. */
export function userAgentOf({ version, productUrl = '', userAgent }: GuardedHttpConfig): string {
  return userAgent ?? `Driftline/${version}${productUrl === '' ? '' : ` (+${productUrl})`}`
}

export function createGuardedHttp(
  config: GuardedHttpConfig,
  deps: { readonly guard: AddressGuard; readonly limits: HostLimits },
): GuardedHttp {
  const connections = createHttpConnections({ guard: deps.guard, connectTls: createConnectTls() })
  const standard = { 'user-agent': userAgentOf(config), accept: '*/*', 'accept-encoding': 'gzip, deflate, br' }
  return {
    request: (request) => follow({ ...deps, connections, standard }, request),
    stop: () => connections.stop(),
  }
}

interface Tools {
  readonly connections: HttpConnections
  readonly limits: HostLimits
  readonly standard: Readonly<Record<string, string>>
}

interface HopAnswer {
  readonly status: number
  readonly headers: HttpAnswer['headers']
  readonly body: Buffer
  readonly bodyIsCut: boolean
  readonly latencyMs: number
  readonly waitedMs: number
}

/** One request and the redirects that it meets. */
async function follow(tools: Tools, request: HttpRequest): Promise<HttpAnswer> {
  const url = readUrl(request)
  const jar = request.cookies ?? createCookieJar()
  const trail = createRedirectTrail()
  let hop: Hop = {
    method: request.method.toUpperCase(),
    url,
    headers: withStandard(tools.standard, request.headers ?? {}),
    body: request.body,
  }
  let latencyMs = 0
  let waitedMs = 0
  for (;;) {
    const cookies = jar.headerFor(hop.url.href)
    trail.visit(hop, cookies)
    const answer = await ask(tools, request, hop, withCookies(hop.headers, cookies), url.origin)
    latencyMs += answer.latencyMs
    waitedMs += answer.waitedMs
    jar.take(hop.url.href, listOf(answer.headers['set-cookie']))
    request.log?.(`${hop.method} ${placeOf(hop.url)} answered ${answer.status} in ${answer.latencyMs.toFixed(0)} ms`)
    const location = listOf(answer.headers.location)[0]
    const next = request.followRedirects === false ? null : trail.next(hop, answer.status, location)
    if (next === null) {
      const { status, headers, body, bodyIsCut } = answer
      return { status, headers, body, bodyIsCut, url: hop.url.href, redirects: trail.count, latencyMs, waitedMs }
    }
    request.log?.(redirectWords(hop, next))
    hop = next
  }
}

/** One request and its answer; once more over a new connection when a kept one turns out to be closed. */
async function ask(
  tools: Tools,
  request: HttpRequest,
  hop: Hop,
  headers: Readonly<Record<string, string>>,
  home: string,
): Promise<HopAnswer> {
  const { tenant, signal } = request
  const enteringMs = performance.now()
  const host = hop.url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = Number(hop.url.port) || (hop.url.protocol === 'https:' ? 443 : 80)
  const leave = request.limited === false ? () => {} : await tools.limits.enter(tenant, host, signal, port)
  const startedMs = performance.now()
  const identity = hop.url.origin === home ? request.identity : undefined
  const mayRepeat = IDEMPOTENT.has(hop.method)
  try {
    for (let idleMsMax = mayRepeat ? 5000 : 1000; ; idleMsMax = 0) {
      const connection = await tools.connections.take({ tenant, url: hop.url, identity, idleMsMax, signal })
      const outcome = await exchange(connection, request, { ...hop, headers })
      if ('answer' in outcome) {
        const endedMs = performance.now()
        return { ...outcome.answer, latencyMs: endedMs - startedMs, waitedMs: startedMs - enteringMs }
      }
      if (connection.reused && (outcome.unsent || (mayRepeat && outcome.unanswered))) continue
      throw outcome.failure
    }
  } finally {
    leave()
  }
}

type Outcome =
  | { readonly answer: Omit<HopAnswer, 'latencyMs' | 'waitedMs'> }
  | { readonly failure: CheckFailure; readonly unsent: boolean; readonly unanswered: boolean }

async function exchange(connection: HttpConnection, request: HttpRequest, hop: Hop): Promise<Outcome> {
  const { client, where } = connection
  const { signal } = request
  const startedMs = performance.now()
  const progress: BodyProgress = { bytes: 0 }
  let answered = false
  const expired = (): CheckFailure =>
    timeUp(
      answered ? `Reading the body from ${where} (${progress.bytes} bytes came)` : `Waiting for the answer of ${where}`,
      startedMs,
      signal.reason,
    )
  try {
    const response = await withSignal(
      client.request({
        path: `${hop.url.pathname}${hop.url.search}`,
        method: hop.method as 'GET',
        headers: { ...hop.headers },
        body: hop.body ?? null,
        signal,
      }),
      signal,
      expired,
    )
    answered = true
    // The body is read to its end within the signal, or the connection is destroyed below.
    const encoding = listOf(response.headers['content-encoding']).join(',')
    const reading = readBody(response.body as Readable, encoding, request.bodyBytesMax ?? BODY_BYTES_MAX, progress)
    const { body, isCut } = await withSignal(reading, signal, expired)
    if (isCut) connection.destroy()
    else connection.release()
    const headers = response.headers as HttpAnswer['headers']
    return { answer: { status: response.statusCode, headers, body, bodyIsCut: isCut } }
  } catch (error) {
    connection.destroy()
    const unsent = error instanceof ConnectionGone
    const failure = signal.aborted ? expired() : httpFailure(error, { where, answered, bodyBytes: progress.bytes })
    return { failure, unsent: unsent && !signal.aborted, unanswered: !answered && isLost(error) && !signal.aborted }
  }
}

function readUrl({ url: text, log }: HttpRequest): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw new CheckFailure('url_invalid', 'The address is not a URL', {
      hint: 'Write it with its scheme: https://crm.example/health',
      retry: 'never',
      cause,
    })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new CheckFailure('url_invalid', `The address begins with ${url.protocol}, which is neither http nor https`, {
      hint: 'Use http:// or https://',
      retry: 'never',
    })
  }
  if (url.username !== '' || url.password !== '') {
    log?.('User name and password in the address are not sent; use a credential')
    url.username = ''
    url.password = ''
  }
  url.hash = ''
  return url
}

function withStandard(
  standard: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const given = new Set(Object.keys(own).map((name) => name.toLowerCase()))
  const wrong = [...given].find((name) => OF_THE_CONNECTION.has(name))
  if (wrong !== undefined) {
    throw new CheckFailure('config_invalid', `The header ${wrong} is set by Driftline and cannot be given`, {
      hint: 'Leave it out of the headers of the step',
      retry: 'never',
    })
  }
  return { ...Object.fromEntries(Object.entries(standard).filter(([name]) => !given.has(name))), ...own }
}

/** Cookies of the jar after those that the step's author wrote. */
function withCookies(headers: Readonly<Record<string, string>>, cookies: string): Readonly<Record<string, string>> {
  if (cookies === '') return headers
  const own = Object.entries(headers).find(([name]) => name.toLowerCase() === 'cookie')
  if (own === undefined) return { ...headers, cookie: cookies }
  return { ...headers, [own[0]]: `${own[1]}; ${cookies}` }
}

function redirectWords(from: Hop, to: Hop): string {
  const words = [`Redirected to ${placeOf(to.url)}`]
  if (from.url.protocol === 'https:' && to.url.protocol === 'http:') words.push('which is not encrypted')
  if (Object.keys(to.headers).length < Object.keys(from.headers).length && from.url.origin !== to.url.origin) {
    words.push('credentials and headers of one’s own are not sent there')
  }
  return words.join('; ')
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}
