import { randomUUID } from 'node:crypto'
import type { NetworkPolicy } from '@driftline/checks/network-policy'
import type { Clock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import { CheckFailure } from '../check-type.ts'
import { type AddressGuard, matchesHost } from './address-guard.ts'
import { readHost } from './host-spelling.ts'
import { createHostTurns, type HostTurns, type Limit } from './host-turns.ts'
import type { NetworkPolicies } from './network-policies.ts'

/** How often and how many at once a host is asked, over all instances of the checker. */
export interface HostLimits {
  /**
   * Waits for a turn; call what it answers when the request is over. `port` tells the product's own address from
   * others of its host. Errors: CheckFailure `host_busy` when no turn came within the signal.
   */
  enter(tenant: string, host: string, signal: AbortSignal, port?: number): Promise<() => void>
  /** Gives up the places that are held. */
  stop(): Promise<void>
}

export interface HostLimitsDeps {
  readonly policies: NetworkPolicies
  readonly hotState: Pick<HotState, 'increment' | 'acquireLease' | 'releaseLease'>
  readonly guard: Pick<AddressGuard, 'isExempt'>
  readonly clock: Clock
}

/** This machine's own services and the product: nobody else is bothered, so other instances need not be asked. */
const OWN_LIMIT: Limit = { requestsPerSecond: 1000, concurrent: 64 }
const HOSTS_MAX = 10_000

/** Requests of one instance wait in line at each host; places and seconds are shared through the hot state. */
export function createHostLimits(deps: HostLimitsDeps): HostLimits {
  const owner = randomUUID()
  const hosts = new Map<string, HostTurns>()

  const turnsOf = (tenant: string, host: string, isOwn: boolean): HostTurns => {
    const key = JSON.stringify([tenant, host, isOwn])
    const known = hosts.get(key)
    if (known !== undefined) return known
    if (hosts.size >= HOSTS_MAX) forgetIdle(hosts)
    const turns = createHostTurns({ key, owner, hotState: isOwn ? null : deps.hotState, clock: deps.clock })
    hosts.set(key, turns)
    return turns
  }

  return {
    async enter(tenant, host, signal, port = 0) {
      const plain = readHost(host)?.host ?? host.toLowerCase()
      const isOwn = isLoopback(plain) || deps.guard.isExempt(plain, port)
      const limit = isOwn ? OWN_LIMIT : limitOf(await deps.policies.of(tenant), plain)
      const startedMs = performance.now()
      const leave = await turnsOf(tenant, plain, isOwn).enter(limit, signal)
      if (typeof leave === 'function') return leave
      throw busy(plain, limit, leave.waiting, performance.now() - startedMs)
    },
    async stop() {
      await Promise.all([...hosts.values()].map((turns) => turns.stop()))
      hosts.clear()
    },
  }
}

function limitOf(policy: NetworkPolicy, host: string): Limit {
  return policy.hosts.find((each) => matchesHost(each.host, host)) ?? policy
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** Hosts that nobody waits for or holds; when all are busy the oldest stays known to its requests and to nobody else. */
function forgetIdle(hosts: Map<string, HostTurns>): void {
  for (const [key, turns] of hosts) {
    if (!turns.isIdle()) continue
    hosts.delete(key)
  }
  if (hosts.size >= HOSTS_MAX) hosts.delete(hosts.keys().next().value!)
}

function busy(host: string, limit: Limit, waiting: number, waitedMs: number): CheckFailure {
  const limits = `${limit.requestsPerSecond} requests/s and ${limit.concurrent} at once`
  const line = waiting === 1 ? 'another request waits' : `${waiting} other requests wait`
  return new CheckFailure(
    'host_busy',
    `No turn at ${host} came within ${(waitedMs / 1000).toFixed(1)} s: its limits are ${limits}, and ${line}`,
    { hint: 'Run fewer checks of this host at once, or raise its limits under Settings, Network', retry: 'asked' },
  )
}
