/** How often and how many at once a host is asked, over all instances of the checker. */
export interface HostLimits {
  /** Waits for a turn; call what it answers when the request is over. Errors: CheckFailure `host_busy`. */
  enter(tenant: string, host: string, signal: AbortSignal): Promise<() => void>
}
