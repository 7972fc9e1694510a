import { kpiNumber, kpis } from '@driftline/proto'
import type { ClosedBucket, DetectionContext } from '../../detection/detector.ts'
import { quantity } from '../../detection/quantities.ts'

/** A share of its host that makes a group the one that uses it up, and how far it may fall while it is named. */
const LARGE_SHARE = 0.4
const HELD_SHARE = 0.3
/** And by so many times the largest: others that take as much have the same part in it. */
const BY_FAR = 2
const HELD_BY_FAR = 1.3
/** Memory of the means, as of the level of the host. */
const MEAN_MS = 4000
/** What was followed that long ago was in another excursion. */
const FORGOTTEN_MS = 10_000
/** What has gone so often within about ten minutes comes and goes: it will be over before anybody has looked. */
const GONE_OFTEN = 2
const GONE_MS = 600_000

const resources = [
  { share: kpiNumber('cpu_share'), amount: kpiNumber('cpu') },
  { share: kpiNumber('memory_share'), amount: kpiNumber('memory') },
] as const

interface Level {
  mean: number
  lastMs: number
  named: boolean
  /** Since when it is named. */
  sinceMs: number
}

interface Goings {
  times: number
  atMs: number
}

/** Plain data: it is stored as it is. */
export interface Culprits {
  /** Parts of the host's limit, by the track of the group's amount; kept while the host is at its limit. */
  readonly levels: Map<number, Level>
  readonly goings: Map<number, Goings>
}

export const createCulprits = (): Culprits => ({ levels: new Map(), goings: new Map() })

/** A group that takes by far the most of what its host has no more of. */
export interface Culprit {
  readonly process: number
  /** Its share KPI. */
  readonly track: number
  /** Of the host's limit. */
  readonly share: number
  readonly sinceMs: number
  readonly words: string
}

/** Notes that instances ended; those that end together count once. */
export function noteGoing({ goings }: Culprits, process: number, nowMs: number): void {
  goings.set(process, { times: timesGone(goings.get(process), nowMs) + 1, atMs: nowMs })
}

const timesGone = (known: Goings | undefined, nowMs: number): number =>
  known === undefined ? 0 : known.times * Math.exp(-Math.max(0, nowMs - known.atMs) / GONE_MS)

/** Whether a track is a share that can have a culprit. */
export const hasCulprit = (kpi: number): boolean => resources.some(({ share }) => share === kpi)

/**
 * Who takes the most of a host that is at its limit: `hostTrack` is its share KPI. On a loaded machine no group has 90 %
 * for itself, so that none would be found by its own share.
 */
export function findCulprit(
  culprits: Culprits,
  hostTrack: number,
  bucket: ClosedBucket,
  { tracks, processes }: DetectionContext,
): Culprit | null {
  const host = tracks.process[hostTrack]!
  const { share, amount } = resources.find((resource) => resource.share === tracks.kpi[hostTrack])!
  const whole = valueIn(bucket, processes.track(host, amount)) / valueIn(bucket, hostTrack)
  if (!(whole > 0)) return null
  const largest = { track: -1, mean: 0, value: 0 }
  let second = 0
  for (let at = 0; at < bucket.count; at++) {
    const track = bucket.track[at]!
    if (tracks.kpi[track] !== amount || tracks.process[track] === host) continue
    const mean = follow(culprits, track, bucket.value[at]! / whole, bucket)
    if (mean > largest.mean) {
      second = largest.mean
      Object.assign(largest, { track, mean, value: bucket.value[at]! })
    } else second = Math.max(second, mean)
  }
  const level = culprits.levels.get(largest.track)
  if (level === undefined) return null
  const process = tracks.process[largest.track]!
  const isLarge = largest.mean >= (level.named ? HELD_SHARE : LARGE_SHARE)
  const isByFar = largest.mean >= second * (level.named ? HELD_BY_FAR : BY_FAR)
  if (!level.named) level.sinceMs = bucket.startMs
  level.named = isLarge && isByFar && timesGone(culprits.goings.get(process), bucket.endMs) < GONE_OFTEN
  const track = processes.track(process, share)
  if (!level.named || track === -1) return null
  const part = Math.min(1, largest.value / whole)
  const own = quantity(largest.value, kpis[amount]!.unit, false)
  const words = `${own}, ${quantity(part, '1', true)} of the host's, which is at its limit`
  return { process, track, share: part, sinceMs: level.sinceMs, words }
}

function follow({ levels }: Culprits, track: number, share: number, { endMs }: ClosedBucket): number {
  const known = levels.get(track)
  if (known === undefined || endMs - known.lastMs > FORGOTTEN_MS) {
    levels.delete(track)
    if (share >= HELD_SHARE) levels.set(track, { mean: share, lastMs: endMs, named: false, sinceMs: endMs })
    return share
  }
  known.mean += (1 - Math.exp(-Math.max(0, endMs - known.lastMs) / MEAN_MS)) * (share - known.mean)
  known.lastMs = endMs
  if (known.mean < HELD_SHARE / 2) levels.delete(track)
  return known.mean
}

function valueIn({ track, value, count }: ClosedBucket, of: number): number {
  for (let at = 0; at < count; at++) if (track[at] === of) return value[at]!
  return Number.NaN
}
