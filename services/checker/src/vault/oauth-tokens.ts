import type { OpenedCredential } from '@driftline/checks/vault/credential-store'
import type { Clock } from '@driftline/platform/clock'
import { CheckFailure } from '../check-type.ts'
import type { GuardedHttp, HttpAnswer } from '../net/guarded-http.ts'
import type { CredentialUse, RequestUse } from './credentials.ts'
import { type SharedWork, shareWork } from './shared-work.ts'

/** Access tokens of OAuth2 clients (RFC 6749, section 4.4), in memory. */
export interface OauthTokens {
  /** Errors: CheckFailure `credentials_refused`, `answer_invalid`, and those of the guard. */
  tokenOf(credential: OpenedCredential, use: CredentialUse & RequestUse): Promise<string>
  forget(tenant: string, name: string): void
}

interface Token {
  readonly text: string
  /** No longer given out from then on: before it expires, for requests take time. */
  readonly staleAtMs: number
}

interface Kept {
  readonly tenant: string
  readonly name: string
  readonly fetched: SharedWork<Token>
  token: Token | null
}

const EARLY_MS = 30_000
/** RFC 6749, section 5.1 leaves the lifetime to the documentation of the server when it is not said. */
const UNSAID_SECONDS = 300
const KEPT_MAX = 5000
const ANSWER_BYTES_MAX = 100_000

export function createOauthTokens({ http, clock }: { readonly http: GuardedHttp; readonly clock: Clock }): OauthTokens {
  const kept = new Map<string, Kept>()
  return {
    async tokenOf(credential, use) {
      const key = `${use.tenant} ${credential.id} ${credential.version}`
      let entry = kept.get(key)
      const isStale = entry?.token != null && entry.token.staleAtMs <= clock.nowMs()
      if (entry === undefined || isStale || entry.fetched.isLeft()) {
        if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value!)
        const fetched = shareWork(`asking ${hostOf(credential.fields['tokenUrl']!)} for a token`, (signal) =>
          fetchToken(http, clock, credential, { tenant: use.tenant, signal }),
        )
        const made: Kept = { tenant: use.tenant, name: credential.name, fetched, token: null }
        entry = made
        kept.set(key, made)
        const drop = (): void => {
          if (kept.get(key) === made) kept.delete(key)
        }
        fetched.done.then((token) => {
          made.token = token
        }, drop)
        use.log(`asking ${hostOf(credential.fields['tokenUrl']!)} for a token`)
      }
      const { text } = await entry.fetched.wait(use.signal)
      use.secret(text)
      return text
    },

    forget(tenant, name) {
      for (const [key, entry] of kept) if (entry.tenant === tenant && entry.name === name) kept.delete(key)
    },
  }
}

async function fetchToken(
  http: GuardedHttp,
  clock: Clock,
  { fields, name }: OpenedCredential,
  use: { readonly tenant: string; readonly signal: AbortSignal },
): Promise<Token> {
  const url = fields['tokenUrl']!
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  if (fields['scope']) form.set('scope', fields['scope'])
  if (fields['audience']) form.set('audience', fields['audience'])
  const headers: Record<string, string> = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
  }
  if (fields['send'] === 'body') {
    form.set('client_id', fields['clientId']!)
    form.set('client_secret', fields['clientSecret']!)
  } else {
    // RFC 6749, section 2.3.1: both are form-encoded before they become user name and password.
    const pair = `${formEncoded(fields['clientId']!)}:${formEncoded(fields['clientSecret']!)}`
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`
  }
  const askedAtMs = clock.nowMs()
  const request = { method: 'POST', url, headers, body: form.toString(), followRedirects: false }
  const answer = await http
    .request({ ...use, ...request, bodyBytesMax: ANSWER_BYTES_MAX })
    .catch((error: unknown) => Promise.reject(named(error, `Asking ${hostOf(url)} for a token`)))
  if (answer.status !== 200) throw refusal(answer, name, fields)
  return tokenIn(answer, url, askedAtMs)
}

function tokenIn(answer: HttpAnswer, url: string, askedAtMs: number): Token {
  const body = jsonOf(answer)
  const { access_token: text, token_type: type, expires_in: seconds } = body
  const isToken = typeof text === 'string' && /^[\x21-\x7e]{1,20000}$/.test(text)
  if (!isToken) {
    const hint = 'Look whether the address is that of the token endpoint'
    throw new CheckFailure('answer_invalid', `The answer of ${hostOf(url)} has no access_token`, { hint })
  }
  if (typeof type === 'string' && type.toLowerCase() !== 'bearer') {
    throw new CheckFailure('answer_invalid', `${hostOf(url)} gives tokens that are no bearer tokens`, {
      retry: 'never',
    })
  }
  const lifeMs = (Number(seconds) > 0 ? Number(seconds) : UNSAID_SECONDS) * 1000
  return { text, staleAtMs: askedAtMs + lifeMs - EARLY_MS }
}

/** Names the answer by its status and the word of RFC 6749, section 5.2; what else stands there may hold secrets. */
function refusal(answer: HttpAnswer, name: string, fields: OpenedCredential['fields']): CheckFailure {
  const { error } = jsonOf(answer)
  const isWord = typeof error === 'string' && /^[a-z][a-z_]{2,40}$/.test(error) && error !== fields['clientSecret']
  const said = isWord ? `${answer.status} ${error}` : String(answer.status)
  const message = `${hostOf(fields['tokenUrl']!)} gave no token for the credential ${name}: status was ${said}, expected 200`
  if (answer.status >= 500 || answer.status === 429) {
    return new CheckFailure('status_unexpected', message, { hint: 'Look after the token endpoint', retry: 'always' })
  }
  const hints: Readonly<Record<string, string>> = {
    invalid_client: 'Type the client id and its secret again; some servers want them sent in the body',
    invalid_scope: 'Look which scopes the client may ask for',
    unauthorized_client: 'Let the client use the grant client_credentials',
    unsupported_grant_type: 'The server does not know the grant client_credentials',
  }
  const hint = (isWord ? hints[error] : undefined) ?? 'Look at the credential under Settings, Credentials'
  return new CheckFailure('credentials_refused', message, { hint, retry: 'never' })
}

function jsonOf(answer: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(answer.body.toString('utf8'))
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const formEncoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : '')

/** The same failure with what was being done, so that nobody takes it for the target's. */
export function named(error: unknown, doing: string): unknown {
  if (!(error instanceof CheckFailure)) return error
  const { reason, message, hint, retry, retryAfterMs } = error
  return new CheckFailure(reason, `${doing}: ${message}`, { hint, retry, retryAfterMs, cause: error })
}
