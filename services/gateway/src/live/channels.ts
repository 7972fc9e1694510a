import { processId, unescapeName } from '@driftline/proto'
import type { HostState } from '../estate/host-state.ts'
import type { TenantEstate } from '../estate/tenant-estate.ts'
import { shownAlerts, toDashboard, toProcessDetail } from '../estate/views.ts'
import { notFound, ProblemError } from '../http/problems.ts'

/** Where a channel's first answer comes from. Errors: 404 for what the tenant does not have. */
export interface ChannelSource {
  /** Begins to feed its changes when the first client comes; the answer ends that when the last one goes. */
  open?(publish: (changes: unknown) => void): () => void
  /** What its changes are published under, however the client wrote the channel's name. */
  readonly topic: string
  snapshot(nowMs: number): unknown
}

const HOST_CHANNEL = /^host:(.+)\/processes$/

/** Reads a channel's name; `fed` is what another part has under it. Errors: 404 for an unknown channel, host or process. */
export function channelSource(name: string, estate: TenantEstate, fed: ChannelSource | null): ChannelSource {
  if (fed !== null) return fed
  if (name === 'overview') return { topic: name, snapshot: (nowMs) => toDashboard(estate, nowMs) }
  if (name === alertsTopic) return { topic: name, snapshot: () => alertsSnapshotOf(estate) }
  const hostName = HOST_CHANNEL.exec(name)?.[1]
  if (hostName !== undefined) return hostChannel(hostName, estate)
  if (name.startsWith('process:')) return processChannel(name.slice('process:'.length), estate)
  throw new ProblemError(
    404,
    'unknown_channel',
    `There is no channel ${JSON.stringify(name)}; channels are overview, host:<host>/processes, process:<id>, check:<id>, flows, alerts, sources, preview:<id> and logs:<process>`,
  )
}

function hostChannel(name: string, estate: TenantEstate): ChannelSource {
  const host = estate.hosts.get(name) ?? estate.hosts.get(unescapeName(name))
  if (!host) throw notFound('host', name)
  return { topic: hostTopic(host.host), snapshot: () => hostSnapshotOf(host) }
}

function processChannel(id: string, estate: TenantEstate): ChannelSource {
  const state = estate.processes.get(id)
  if (!state) throw notFound('process', id)
  return { topic: processTopic(id), snapshot: (nowMs) => toProcessDetail(estate, state, nowMs) }
}

/** More anomalies at once than this are read page by page, not live. */
const ANOMALIES_SHOWN = 500

function alertsSnapshotOf(estate: TenantEstate) {
  const anomalies = estate.findings.open().sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1))
  return { alerts: shownAlerts(estate), anomalies: anomalies.slice(0, ANOMALIES_SHOWN) }
}

export const overviewTopic = 'overview'
export const alertsTopic = 'alerts'
export const processTopic = (id: string): string => `process:${id}`
/** The host as its process id writes it. */
export const hostTopic = (host: string): string => `${processId('host', host)}/processes`

export function hostSnapshotOf(host: HostState) {
  return {
    host: host.host,
    time: host.timeMs === null ? null : new Date(host.timeMs).toISOString(),
    description: host.description,
    rows: [...host.rows.values()],
  }
}
