import type { Host, ProcessMetrics } from '../../api/types.ts'
import { driftRank } from '../../drift/score.ts'

/** A host with what the estate knows of its drift. */
export interface HostRow extends Host {
  readonly drift?: number | null
  readonly driftKpi?: string | null
}

export type HostSortKey =
  | 'host'
  | 'drift'
  | 'os'
  | 'cores'
  | 'cpu'
  | 'memory'
  | 'read'
  | 'write'
  | 'network'
  | 'processes'
  | 'agent'
  | 'seen'

export interface HostSort {
  readonly key: HostSortKey
  readonly descending: boolean
}

export const hostSortKeys: readonly HostSortKey[] = [
  'host',
  'drift',
  'os',
  'cores',
  'cpu',
  'memory',
  'read',
  'write',
  'network',
  'processes',
  'agent',
  'seen',
]

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

export function networkOf(metrics: ProcessMetrics | null): number | null {
  const receive = metrics?.values.networkReceiveBytesPerSecond ?? null
  const transmit = metrics?.values.networkTransmitBytesPerSecond ?? null
  return receive === null && transmit === null ? null : (receive ?? 0) + (transmit ?? 0)
}

/** What a column is compared by; null is unknown. */
function fieldOf(host: HostRow, key: HostSortKey): string | number | null {
  switch (key) {
    case 'host':
      return host.host
    case 'drift':
      return driftRank({ status: host.status, drift: host.drift ?? null })
    case 'os':
      return host.description ? `${host.description.osName} ${host.description.osVersion}` : null
    case 'cores':
      return host.description?.logicalCpus ?? null
    case 'cpu':
      return host.metrics?.resourceUtilization.cpu ?? null
    case 'memory':
      return host.metrics?.resourceUtilization.memory ?? null
    case 'read':
      return host.metrics?.values.readBytesPerSecond ?? null
    case 'write':
      return host.metrics?.values.writeBytesPerSecond ?? null
    case 'network':
      return networkOf(host.metrics)
    case 'processes':
      return host.processCount
    case 'agent':
      return host.description?.agentVersion ?? null
    case 'seen':
      return Date.parse(host.lastSeen)
  }
}

/** Hosts that contain every word of `query` in name or system, in the order of `sort`; unknown is always last. */
export function arrangeHosts(hosts: readonly HostRow[], query: string, sort: HostSort): HostRow[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const found = hosts.filter((host) => {
    const text =
      `${host.host} ${host.status} ${fieldOf(host, 'os') ?? ''} ${host.description?.kernel ?? ''} ${host.description?.agentVersion ?? ''}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  const sign = sort.descending ? -1 : 1
  return found.sort((a, b) => {
    const left = fieldOf(a, sort.key)
    const right = fieldOf(b, sort.key)
    if (left === null || right === null)
      return Number(left === null) - Number(right === null) || collator.compare(a.host, b.host)
    const by = typeof left === 'string' ? collator.compare(left, String(right)) : left - Number(right)
    return sign * by || collator.compare(a.host, b.host)
  })
}
