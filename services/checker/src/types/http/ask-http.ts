import type { RestConfig } from '@driftline/checks/types/api'
import type { Json } from '@driftline/platform/metadata/tables'
import { type CheckAnswer, type CheckContext, CheckFailure, type CheckTools } from '../../check-type.ts'
import { createCookieJar } from '../../net/cookies.ts'
import type { CookieJar, HttpAnswer, HttpRequest } from '../../net/guarded-http.ts'
import { statusFault } from './status-fault.ts'

/** Of every configuration that speaks HTTP. */
export type HttpConfig = Pick<RestConfig, 'url' | 'headers' | 'credential' | 'followRedirects' | 'bodyBytesMax'>

export interface Asking {
  readonly method: string
  /** Added to those of the configuration, which win. */
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Asked {
  readonly answer: HttpAnswer
  readonly cookies: CookieJar
  /** What is wrong with the answer by itself. */
  readonly faults: NonNullable<CheckAnswer['faults']>
}

/**
 * Sends one request with the credential of the configuration. One that was fetched (a token, a session) is fetched anew
 * when the target refuses it, once. Errors: those of GuardedHttp and Credentials, `answer_too_large`.
 */
export async function askHttp(
  tools: Pick<CheckTools, 'http' | 'credentials'>,
  context: CheckContext,
  config: HttpConfig,
  asking: Asking,
): Promise<Asked> {
  const cookies = createCookieJar()
  let answer = await askOnce(tools, context, config, asking, cookies)
  let faults: Asked['faults'] = []
  if (config.credential !== undefined && (answer.status === 401 || answer.status === 403)) {
    const { credential } = config
    tools.credentials.refused(context.tenant, credential)
    if (await isRenewable(tools, context, credential, config.url)) {
      context.log(`The credential ${credential} was refused with ${answer.status}: renewing it`)
      answer = await askOnce(tools, context, config, asking, cookies)
    }
    if (answer.status === 401 || answer.status === 403) faults = [{ of: 'status', failure: refused(config, answer) }]
  }
  const wrong = faults.length === 0 ? statusFault(answer) : null
  if (wrong !== null) faults = [{ of: 'status', failure: wrong }]
  if (answer.bodyIsCut) throw tooLarge(config.bodyBytesMax)
  return { answer, cookies, faults }
}

async function askOnce(
  { http, credentials }: Pick<CheckTools, 'http' | 'credentials'>,
  context: CheckContext,
  config: HttpConfig,
  asking: Asking,
  cookies: CookieJar,
): Promise<HttpAnswer> {
  const { tenant, signal } = context
  const log = (text: string): void => context.log(text)
  const url = withQuery(config.url, asking.query ?? {})
  const auth =
    config.credential === undefined
      ? null
      : await credentials.forRequest(config.credential, url, {
          tenant,
          signal,
          cookies,
          host: hostOf(url),
          secret: (text) => context.secret(text),
          log,
        })
  const request: HttpRequest = {
    tenant,
    signal,
    cookies,
    log,
    method: asking.method,
    url: auth === null ? url : withQuery(url, auth.query),
    headers: merged(asking.headers ?? {}, config.headers, auth?.headers ?? {}),
    ...(asking.body === undefined ? {} : { body: asking.body }),
    followRedirects: config.followRedirects,
    bodyBytesMax: config.bodyBytesMax,
    ...(auth?.identity ? { identity: auth.identity } : {}),
  }
  return http.request(request)
}

async function isRenewable(
  { credentials }: Pick<CheckTools, 'credentials'>,
  context: CheckContext,
  name: string,
  url: string,
): Promise<boolean> {
  const { tenant, signal } = context
  const use = { tenant, signal, host: hostOf(url), secret: (text: string) => context.secret(text) }
  const { kind } = await credentials.open(name, use)
  return kind === 'oauth2' || kind === 'form_login'
}

function refused({ credential }: HttpConfig, { status }: HttpAnswer): CheckFailure {
  return new CheckFailure(
    'credentials_refused',
    `The target refused the credential ${credential}: status was ${status}`,
    {
      hint:
        status === 401
          ? 'See whether it has expired or was changed, and save it again under Settings, Credentials'
          : 'See whether its account has the right to this address',
      retry: 'never',
    },
  )
}

function tooLarge(bytesMax: number): CheckFailure {
  return new CheckFailure('answer_too_large', `The body is larger than ${bytesMax.toLocaleString('en')} bytes`, {
    hint: 'Ask for less of it, or raise bodyBytesMax (20,000,000 at most)',
    retry: 'never',
  })
}

/** By names without case; later ones win. */
function merged(...all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const headers = new Map<string, readonly [string, string]>()
  for (const each of all)
    for (const [name, value] of Object.entries(each)) headers.set(name.toLowerCase(), [name, value])
  return Object.fromEntries(headers.values())
}

function withQuery(text: string, query: Readonly<Record<string, string>>): string {
  const entries = Object.entries(query)
  if (entries.length === 0 || !URL.canParse(text)) return text
  const url = new URL(text)
  for (const [name, value] of entries) url.searchParams.append(name, value)
  return url.href
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : ''
}

/** Of a header by its name in any case, several joined by a comma; all of them without a name. */
export function headerFact({ headers }: HttpAnswer, name?: string): Json | undefined {
  const joined = (value: string | readonly string[]): string => (typeof value === 'string' ? value : value.join(', '))
  if (name === undefined) {
    return Object.fromEntries(Object.entries(headers).map(([each, value]) => [each, joined(value)]))
  }
  const value = Object.hasOwn(headers, name.toLowerCase()) ? headers[name.toLowerCase()] : undefined
  return value === undefined ? undefined : joined(value)
}

/** The body as text, by the charset of its content-type; UTF-8 without one. */
export function bodyText(answer: HttpAnswer): string {
  const charset = /charset\s*=\s*"?([^\s;"]+)/i.exec(mediaTypeOf(answer))?.[1] ?? 'utf-8'
  try {
    return new TextDecoder(charset).decode(answer.body)
  } catch {
    return new TextDecoder().decode(answer.body)
  }
}

export function mediaTypeOf(answer: HttpAnswer): string {
  return String(headerFact(answer, 'content-type') ?? '')
}

const EVIDENCE_BYTES = 16_384

/** Start of the body, for people with the right; null without a body or for one that is no text. */
export function bodyEvidence(answer: HttpAnswer): Pick<CheckAnswer, 'body'> {
  const { body } = answer
  if (body.length === 0 || body.subarray(0, 512).includes(0)) return {}
  const text = bodyText({ ...answer, body: body.subarray(0, EVIDENCE_BYTES) })
  return { body: { text, mediaType: mediaTypeOf(answer) || 'text/plain' } }
}

/** What everybody may see of an answer. */
export function httpResult(answer: HttpAnswer): { readonly [name: string]: Json } {
  const { origin, pathname } = new URL(answer.url)
  return {
    status: answer.status,
    url: `${origin}${pathname}`,
    contentType: mediaTypeOf(answer),
    bytes: answer.body.length,
    redirects: answer.redirects,
    latencyMs: Math.round(answer.latencyMs * 100) / 100,
    ...(answer.waitedMs >= 1 ? { waitedMs: Math.round(answer.waitedMs) } : {}),
  }
}

export function latencyFact(answer: HttpAnswer): number {
  return Math.round(answer.latencyMs * 1000) / 1000
}

/** The body as JSON. Errors: CheckFailure `answer_invalid`, which names the content-type and no part of the body. */
export function jsonOf(answer: HttpAnswer): Json {
  const text = bodyText(answer)
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    const what = text.trim() === '' ? 'empty' : `${mediaTypeOf(answer) || 'of an unknown type'} and no JSON`
    throw new CheckFailure('answer_invalid', `The body was ${what}, expected JSON (status was ${answer.status})`, {
      hint: 'Check the address and the accept header; sign-in pages and proxies answer with HTML',
      cause,
    })
  }
}
