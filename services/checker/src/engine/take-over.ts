import type { CheckQueue, QueuedCheck } from '@driftline/checks/check-queue'

/**
 * Finds runs whose instance is gone: those whose lease did not change for as long as a lease lasts. That is measured
 * with a clock that is never set, so no change of any machine's time makes a run look abandoned.
 */
export interface TakeOver {
  /** Runs that are ours now, to be ended. Call it about every second. */
  look(): Promise<QueuedCheck[]>
}

export function createTakeOver(
  { owner, leaseMs }: { readonly owner: string; readonly leaseMs: number },
  { queue }: { readonly queue: Pick<CheckQueue, 'heldByOthers' | 'takeOver'> },
): TakeOver {
  let seen = new Map<string, { readonly leasedUntilMs: number; readonly sinceMs: number }>()
  return {
    async look() {
      const nowMs = performance.now()
      const held = await queue.heldByOthers(owner)
      const next: typeof seen = new Map()
      const taken: QueuedCheck[] = []
      for (const each of held) {
        const key = `${each.tenant} ${each.id}`
        const before = seen.get(key)
        const isSame = before?.leasedUntilMs === each.leasedUntilMs
        const sinceMs = isSame ? before.sinceMs : nowMs
        next.set(key, { leasedUntilMs: each.leasedUntilMs, sinceMs })
        if (nowMs - sinceMs < leaseMs) continue
        const check = await queue.takeOver(each, owner, leaseMs)
        if (check !== null) taken.push(check)
      }
      seen = next
      return taken
    },
  }
}
