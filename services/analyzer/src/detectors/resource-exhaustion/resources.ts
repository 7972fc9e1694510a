import { kpis } from '@driftline/proto'
import type { Tracks } from '../../detection/detector.ts'

/**
 * What a track is to this detector. `busy` can be at its limit without harm for a moment (CPU), `device` for longer
 * (a disk that writes out, a full line); `store` fills up, so that its limit can be foreseen; `usage` and `limit` are
 * two series of which one is the limit of the other.
 */
export const resource = { none: 1, busy: 2, device: 3, store: 4, usage: 5, limit: 6 } as const

const byKpi: ReadonlyMap<string, number> = new Map([
  ['cpu_share', resource.busy],
  ['memory_share', resource.store],
  ['io_share', resource.device],
  ['network_share', resource.device],
])

const kindOfKpi = kpis.map(({ name }) => byKpi.get(name) ?? resource.none)

/** Shares of parts whose whole is a KPI of the host. */
const PARTS = /^system\.(cpu|disk|memory|network)\./
const SHARE = /(^|\.)utilization$/
const LIMIT = /\.(limit|max)$/
const USAGE = /\.(usage|used|count)$/

export function resourceOf(tracks: Tracks, track: number): number {
  const kpi = tracks.kpi[track]!
  if (kpi !== -1) return kindOfKpi[kpi]!
  const metric = tracks.metric(track)
  if (SHARE.test(metric)) {
    const isShare = tracks.unit(track) === '1' || tracks.unit(track) === '%'
    if (!isShare || PARTS.test(metric)) return resource.none
    return /memory|filesystem|disk|storage|heap/.test(metric) ? resource.store : resource.busy
  }
  if (LIMIT.test(metric)) return resource.limit
  return USAGE.test(metric) ? resource.usage : resource.none
}

/** What a usage and its limit have in common: `jvm.memory.used` and `jvm.memory.limit`, each set of attributes. */
export function pairKey(tracks: Tracks, track: number): string {
  return `${tracks.metric(track).replace(LIMIT, '').replace(USAGE, '')} ${tracks.unit(track)} ${tracks.attributes(track)}`
}
