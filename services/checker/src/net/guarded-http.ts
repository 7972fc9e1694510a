import type { ClientIdentity } from '../vault/credentials.ts'

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
}
