import type { NetworkPolicy } from '@driftline/checks/network-policy'

/** The policy of each tenant, as it was at most two seconds ago. */
export interface NetworkPolicies {
  of(tenant: string): Promise<NetworkPolicy>
}
