import type { HotState } from '@driftline/platform/hot-state/hot-state'
import type { Logger } from '@driftline/platform/logger'

/** How long the others wait for an instance that died. */
const LEASE_MS = 6000
const RENEW_MS = 2000

/** Of several instances the one that holds the lease of a source reads it. */
export interface Lease {
  start(): void
  stop(): Promise<void>
}

export interface LeaseDeps {
  readonly hotState: HotState
  readonly logger: Logger
  held(): void
  /** Another instance has it now. */
  lost(): void
}

/**
 * Tries for the lease until it is held, and renews it. While nobody can be asked, whoever holds it goes on: the broker
 * lets only one of two clients with one id in.
 */
export function createLease(name: string, owner: string, deps: LeaseDeps): Lease {
  let isHeld = false
  let stopped = false
  let failed = false
  let timer: NodeJS.Timeout | undefined
  let asking: Promise<void> = Promise.resolve()

  const ask = async (): Promise<void> => {
    try {
      const holds = await deps.hotState.acquireLease(name, owner, LEASE_MS)
      failed = false
      if (stopped || holds === isHeld) return
      isHeld = holds
      if (holds) deps.held()
      else deps.lost()
    } catch (error) {
      if (!failed) deps.logger.warn({ error, lease: name }, 'could not ask who reads a source')
      failed = true
    }
  }
  const next = (): void => {
    if (stopped) return
    timer = setTimeout(() => {
      asking = ask().then(next)
    }, RENEW_MS)
  }
  return {
    start() {
      asking = ask().then(next)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await asking
      if (isHeld) await deps.hotState.releaseLease(name, owner).catch(() => {})
      isHeld = false
    },
  }
}
