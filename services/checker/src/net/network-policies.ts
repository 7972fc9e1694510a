import type { NetworkPolicy } from '@driftline/checks/network-policy'
import type { NetworkPolicyStore } from '@driftline/checks/network-policy-store'
import type { Clock } from '@driftline/platform/clock'

/** The policy of each tenant, as it was at most two seconds ago. */
export interface NetworkPolicies {
  of(tenant: string): Promise<NetworkPolicy>
}

interface Kept {
  answer: Promise<NetworkPolicy>
  askedMs: number
  /** What was read last, for the time in which the database does not answer. */
  last: { readonly policy: NetworkPolicy; readonly version: number; readonly readMs: number } | null
}

const FRESH_MS = 2000
/** An outage of the database does not stop checks for so long; a network withdrawn meanwhile is still allowed. */
const STALE_MS_MAX = 60_000
const TENANTS_MAX = 1000

export function createNetworkPolicies(deps: {
  readonly store: Pick<NetworkPolicyStore, 'get'>
  readonly clock: Clock
}): NetworkPolicies {
  const { store, clock } = deps
  const kept = new Map<string, Kept>()

  const read = async (tenant: string, last: Kept['last']): Promise<NetworkPolicy> => {
    try {
      const { policy, version } = await store.get(tenant)
      // The same object for the same version: what others derived from it stays theirs.
      const same = last !== null && last.version === version ? last.policy : policy
      const entry = kept.get(tenant)
      if (entry !== undefined) entry.last = { policy: same, version, readMs: clock.nowMs() }
      return same
    } catch (error) {
      if (last !== null && clock.nowMs() - last.readMs < STALE_MS_MAX) return last.policy
      kept.delete(tenant)
      throw error
    }
  }

  return {
    of(tenant) {
      const nowMs = clock.nowMs()
      const entry = kept.get(tenant)
      if (entry !== undefined && Math.abs(nowMs - entry.askedMs) < FRESH_MS) return entry.answer
      const last = entry?.last ?? null
      const answer = read(tenant, last)
      kept.delete(tenant)
      kept.set(tenant, { answer, askedMs: nowMs, last })
      if (kept.size > TENANTS_MAX) kept.delete(kept.keys().next().value!)
      return answer
    },
  }
}
