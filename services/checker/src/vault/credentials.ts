import type { CredentialKind } from '@driftline/checks/vault/credential-kinds'
import type { CookieJar } from '../net/guarded-http.ts'

/** Certificate and key in PEM. */
export interface ClientIdentity {
  readonly certificate: string
  readonly key: string
  readonly passphrase?: string
  /** Certificates to trust beside the system's. */
  readonly authorities?: string
}

/** An opened credential. Every secret of it was declared to the context, so that it is masked. */
export interface OpenCredential {
  readonly kind: CredentialKind
  readonly name: string
  /** Fields of its kind: `username`, `password`, `token`, ... */
  readonly fields: Readonly<Record<string, string>>
}

/** What credentials add to a request. */
export interface RequestAuth {
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly identity: ClientIdentity | null
}

/** The vault, as checks use it. */
export interface Credentials {
  /**
   * Opens a credential for use at `host`. Errors: CheckFailure `credential_unknown`, `credential_not_for_host` (each
   * credential names the hosts that may see it), `credential_unreadable`.
   */
  open(name: string, use: CredentialUse): Promise<OpenCredential>
  /**
   * What to add to an HTTP request: basic, bearer, API key, OAuth2 client credentials (tokens are fetched through the
   * guard and kept until they expire), form login (signs in once per cookie jar), client certificate.
   */
  forRequest(name: string, url: string, use: CredentialUse & RequestUse): Promise<RequestAuth>
  /** Forgets what was fetched for it, after the target refused it once. */
  refused(tenant: string, name: string): void
}

export interface CredentialUse {
  readonly tenant: string
  readonly host: string
  readonly signal: AbortSignal
  secret(text: string): void
}

export interface RequestUse {
  readonly cookies: CookieJar
  log(text: string): void
}
