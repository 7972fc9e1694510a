import type { Subscription } from '@driftline/platform/bus/bus'
import type { Logger } from '@driftline/platform/logger'

/** Being in a consumer group, and joining it anew. */
export interface Membership {
  join(): Promise<void>
  /** Leaves and joins after a while, if that is still needed then. Asking more than once changes nothing. */
  joinAgainLater(): void
  leave(): Promise<void>
}

export interface MembershipConfig {
  /** How long it waits before it joins again, and between attempts that failed. Milliseconds. */
  readonly joinAgainAfterMs: number
}

export interface MembershipDeps {
  subscribe(): Promise<Subscription>
  /** Whether joining again is still needed. */
  isStuck(): Promise<boolean>
  readonly logger: Logger
}

export function createMembership({ joinAgainAfterMs }: MembershipConfig, deps: MembershipDeps): Membership {
  let subscription: Subscription | undefined
  let timer: NodeJS.Timeout | undefined
  let changing: Promise<void> = Promise.resolve()
  let left = false

  const joinAgain = async (): Promise<void> => {
    timer = undefined
    if (left || (subscription !== undefined && !(await deps.isStuck()))) return
    deps.logger.warn('joining the group again')
    await subscription?.stop()
    subscription = undefined
    subscription = await deps.subscribe()
  }

  const joinAgainLater = (): void => {
    if (left) return
    timer ??= setTimeout(() => {
      changing = joinAgain().catch((error: unknown) => {
        deps.logger.warn({ error }, 'could not join the group again; trying once more')
        joinAgainLater()
      })
    }, joinAgainAfterMs)
  }

  return {
    async join() {
      left = false
      subscription = await deps.subscribe()
    },
    joinAgainLater,
    async leave() {
      left = true
      clearTimeout(timer)
      timer = undefined
      await changing
      await subscription?.stop()
      subscription = undefined
    },
  }
}
