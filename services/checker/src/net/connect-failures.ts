import { CheckFailure } from '../check-type.ts'

/** Code of an error of Node's `net`, `dns`, `tls` or of a library; empty without one. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What went wrong while connecting, in words; `where` is `host:port`. */
export function connectFailure(error: unknown, where: string): CheckFailure {
  if (error instanceof CheckFailure) return error
  const options = { retry: 'always', cause: error } as const
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return new CheckFailure('connection_refused', `${where} refused the connection`, {
        ...options,
        hint: 'Check that the service runs and listens on this port',
      })
    case 'ETIMEDOUT':
      return new CheckFailure('timeout', `${where} did not answer the attempt to connect`, {
        ...options,
        hint: 'Check that the machine is up and that no firewall drops the packets',
      })
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
    case 'EADDRNOTAVAIL':
      return new CheckFailure('host_unreachable', `There is no way to ${where} (${codeOf(error)})`, {
        ...options,
        hint: 'Check the route and the firewall between this machine and the target',
      })
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
      return new CheckFailure('connection_lost', `${where} closed the connection before it answered`, {
        ...options,
        hint: 'Check the log of the service, and that this is the right port and protocol for it',
      })
    default:
      return new CheckFailure('connection_failed', `Connecting to ${where} failed: ${messageOf(error)}`, options)
  }
}

/** The attempt's time was over, or somebody cancelled; the engine knows which. */
export function timeUp(doing: string, startedMs: number, cause?: unknown): CheckFailure {
  const seconds = Math.max(0, performance.now() - startedMs) / 1000
  return new CheckFailure('timeout', `${doing} was not finished after ${seconds.toFixed(1)} s`, {
    hint: 'See whether the target is slow or overloaded, or give the step a longer timeout',
    retry: 'always',
    cause,
  })
}

/** Ends with the work or with the signal, whichever is first; the work's late result is ignored. */
export async function withSignal<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  expired: () => CheckFailure,
): Promise<T> {
  if (signal === undefined) return work
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(expired())
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => {})
    aborted.catch(() => {})
  }
}
