import type { Socket } from 'node:net'

export interface GuardedAddress {
  /** Textual IP address that was checked; connect to this one and to no other. */
  readonly address: string
  readonly family: 4 | 6
}

/**
 * Keeps checks away from where they have no business: resolves a name, checks every address, and answers those that
 * may be connected to, for the caller to connect to as they are. Asked again for each redirect and each connection.
 */
export interface AddressGuard {
  /**
   * `host` is a name or an address in any spelling that URL parsers take; `port` matters for what is exempt. Errors:
   * CheckFailure `address_refused` (the message says how an administrator allows it), `name_unknown`.
   */
  resolve(tenant: string, host: string, port: number, signal?: AbortSignal): Promise<readonly GuardedAddress[]>
  /** Resolves, then connects to the first address that answers. Errors: as `resolve`, `connection_refused`, ... */
  connect(tenant: string, host: string, port: number, signal: AbortSignal): Promise<Socket>
}
