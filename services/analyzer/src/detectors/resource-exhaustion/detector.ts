import { Severity } from '@driftline/proto'
import type { ClosedBucket, DetectionConfig, DetectionContext, Detector, Finding } from '../../detection/detector.ts'
import { quantity } from '../../detection/quantities.ts'
import { type Culprits, createCulprits, findCulprit, hasCulprit, noteGoing } from './culprit.ts'
import { forecastOf, foresee, type Outlooks } from './forecast.ts'
import { pairKey, resource, resourceOf } from './resources.ts'

const OPEN_AFTER_MS = 8000
/** Disks and lines work at their limit for a while in the course of things. */
const DEVICE_HELD_MS = 60_000
/** Memory of the mean that decides when it is over; one second below does not end it. */
const MEAN_MS = 4000
/** How far the mean may fall below the threshold: before it has opened, and after. */
const SLACK = 0.02
const HYSTERESIS = 0.05
const CRITICAL_SHARE = 0.97
/** What is only busy is critical when it has been at its limit for this long. */
const BUSY_CRITICAL_MS = 30_000
const SOON_MS = 15 * 60_000
const TODAY_MS = 24 * 3_600_000
/** Sources that call percents shares are not judged. */
const SHARE_MAX = 2
/** Of a program that comes and goes the CPU is its host's: ends within about a minute that make it one. */
const ENDS_MIN = 5
const ENDS_MS = 60_000

/** What was not heard of for so long begins anew. */
const GONE_MS = 600_000

/** A track at its limit. */
interface Raised {
  mean: number
  lastMs: number
  readonly sinceMs: number
  /** Since when the mean is critical; NaN while it is not. */
  hotSinceMs: number
}

interface Comings {
  ends: number
  endsMs: number
  longRunning: boolean
}

/** The newest value of a series that is the limit of another. */
interface Limit {
  readonly track: number
  readonly value: number
}

interface State extends Record<string, unknown> {
  readonly version: 3
  /** `resource` of each track; 0 while it is not known. */
  kinds: Uint8Array
  readonly raised: Map<number, Raised>
  readonly outlooks: Outlooks
  /** Limits of series that have one of their own, by process and what usage and limit have in common. */
  readonly limits: Map<number, Map<string, Limit>>
  readonly comings: Map<number, Comings>
  readonly culprits: Culprits
}

/**
 * A share of a limit that is used up: at the threshold now, or foreseen to reach its end. Its values are shares of the
 * limit, whatever the unit of the track.
 */
export function createResourceExhaustion(_config: DetectionConfig): Detector {
  let state: State = {
    version: 3,
    kinds: new Uint8Array(256),
    raised: new Map(),
    outlooks: new Map(),
    limits: new Map(),
    comings: new Map(),
    culprits: createCulprits(),
  }
  return {
    type: 'resource_exhaustion',
    openAfterMs: OPEN_AFTER_MS,
    closeAfterMs: 10_000,
    onBucket(bucket, context) {
      for (const life of bucket.lives) noteEnds(state, life, bucket.endMs)
      let full = false
      for (let i = 0; i < bucket.count; i++) {
        const track = bucket.track[i]!
        const kind = kindOf(state, track, context)
        if (kind === resource.none) continue
        takeValue(state, kind, track, bucket.value[i]!, bucket, context)
        full ||= hasCulprit(context.tracks.kpi[track]!) && state.raised.has(track)
      }
      if (full) nameCulprits(state, bucket, context)
    },
    onMinute(minute, context) {
      for (let i = 0; i < minute.count; i++) {
        const track = minute.track[i]!
        if (kindOf(state, track, context) === resource.store) lookAhead(state, track, minute.value[i]!, minute, context)
      }
    },
    forgetTrack(track) {
      if (state.kinds[track] === resource.limit) forgetLimit(state, track)
      if (track < state.kinds.length) state.kinds[track] = 0
      state.raised.delete(track)
      state.outlooks.delete(track)
      state.culprits.levels.delete(track)
    },
    forgetProcess(process) {
      state.limits.delete(process)
      state.comings.delete(process)
      state.culprits.goings.delete(process)
    },
    state: () => state,
    restore(stored) {
      if (stored['version'] !== 3) throw new TypeError('resource_exhaustion: the stored state is of another version')
      state = stored as State
    },
  }
}

function forgetLimit({ limits }: State, track: number): void {
  for (const [process, ofProcess] of limits) {
    for (const [key, limit] of ofProcess) if (limit.track === track) ofProcess.delete(key)
    if (ofProcess.size === 0) limits.delete(process)
  }
}

function kindOf(state: State, track: number, { tracks }: DetectionContext): number {
  if (track >= state.kinds.length) {
    const kinds = new Uint8Array(Math.max(track + 1, state.kinds.length * 2))
    kinds.set(state.kinds)
    state.kinds = kinds
  }
  if (state.kinds[track] === 0) state.kinds[track] = resourceOf(tracks, track)
  return state.kinds[track]!
}

function noteEnds({ comings, culprits }: State, life: ClosedBucket['lives'][number], nowMs: number): void {
  const ends = life.expectedEnds + life.unexpectedEnds
  if (ends === 0) return
  noteGoing(culprits, life.process, nowMs)
  const known = comings.get(life.process) ?? { ends: 0, endsMs: nowMs, longRunning: false }
  known.ends = known.ends * Math.exp(-Math.max(0, nowMs - known.endsMs) / ENDS_MS) + ends
  known.endsMs = nowMs
  known.longRunning = life.longRunning
  comings.set(life.process, known)
}

/** Compilers and shells: none of them is busy for long, however busy all of them keep the host. */
function comesAndGoes({ comings }: State, process: number, nowMs: number): boolean {
  const known = comings.get(process)
  if (known === undefined || known.longRunning) return false
  return known.ends * Math.exp(-Math.max(0, nowMs - known.endsMs) / ENDS_MS) >= ENDS_MIN
}

function takeValue(
  state: State,
  kind: number,
  track: number,
  value: number,
  bucket: ClosedBucket,
  context: DetectionContext,
): void {
  const { tracks } = context
  if (!Number.isFinite(value)) return
  const process = tracks.process[track]!
  if (kind === resource.limit || kind === resource.usage) {
    const limits = state.limits.get(process)
    if (kind === resource.limit) {
      const ofProcess = limits ?? new Map<string, Limit>()
      ofProcess.set(pairKey(tracks, track), { track, value })
      state.limits.set(process, ofProcess)
    } else if (limits !== undefined) {
      const limit = limits.get(pairKey(tracks, track))?.value ?? 0
      if (limit > 0) judgeLevel(state, kind, track, value, limit, bucket, context)
    }
    return
  }
  judgeLevel(state, kind, track, value, tracks.unit(track) === '%' ? 100 : 1, bucket, context)
}

/** `whole` is the limit in the unit of the value. */
function judgeLevel(
  state: State,
  kind: number,
  track: number,
  value: number,
  whole: number,
  { startMs, endMs }: ClosedBucket,
  context: DetectionContext,
): void {
  const share = value / whole
  const last = state.raised.get(track)
  const raised = last !== undefined && startMs - last.lastMs > GONE_MS ? undefined : last
  const process = context.tracks.process[track]!
  const threshold = context.settings(process).exhaustionShare
  if (raised === undefined && share < threshold) {
    if (last !== undefined) state.raised.delete(track)
    return
  }
  if (share > SHARE_MAX) return
  const now = raised ?? { mean: share, lastMs: endMs, sinceMs: startMs, hotSinceMs: Number.NaN }
  if (raised === undefined) state.raised.set(track, now)
  now.mean += (1 - Math.exp(-Math.max(0, endMs - now.lastMs) / MEAN_MS)) * (share - now.mean)
  now.lastMs = Math.max(now.lastMs, endMs)
  const lastedMs = endMs - now.sinceMs
  if (now.mean < threshold - (lastedMs > OPEN_AFTER_MS ? HYSTERESIS : SLACK)) {
    state.raised.delete(track)
    return
  }
  if (now.mean < CRITICAL_SHARE) now.hotSinceMs = Number.NaN
  else if (Number.isNaN(now.hotSinceMs)) now.hotSinceMs = startMs
  if (kind === resource.device && lastedMs < DEVICE_HELD_MS) return
  if (kind !== resource.store && kind !== resource.usage && comesAndGoes(state, process, endMs)) return
  const exhaustedAtMs = forecastOf(state.outlooks, track, startMs)
  const isHot = endMs - now.hotSinceMs >= (kind === resource.busy || kind === resource.device ? BUSY_CRITICAL_MS : 0)
  const isCritical = isHot || exhaustedAtMs - endMs < SOON_MS
  context.report({
    ...findingOf(process, track, share, threshold),
    severity: isCritical ? Severity.CRITICAL : Severity.WARNING,
    exhaustedAtMs,
    ...(kind === resource.usage ? { words: usageInWords(value, whole, context.tracks.unit(track)) } : {}),
  })
}

/** Of a host at its limit, the group that takes most of it is told as well, unless its own share says so already. */
function nameCulprits(state: State, bucket: ClosedBucket, context: DetectionContext): void {
  const { tracks, processes } = context
  for (let i = 0; i < bucket.count; i++) {
    const track = bucket.track[i]!
    const host = tracks.process[track]!
    if (!hasCulprit(tracks.kpi[track]!) || !processes.id(host).startsWith('host:')) continue
    const raised = state.raised.get(track)
    if (raised === undefined) continue
    const culprit = findCulprit(state.culprits, track, bucket, context)
    if (culprit === null || state.raised.has(culprit.track)) continue
    const isCritical = bucket.endMs - Math.max(raised.hotSinceMs, culprit.sinceMs) >= BUSY_CRITICAL_MS
    context.report({
      ...findingOf(culprit.process, culprit.track, culprit.share, context.settings(culprit.process).exhaustionShare),
      severity: isCritical ? Severity.CRITICAL : Severity.WARNING,
      words: culprit.words,
    })
  }
}

function lookAhead(
  state: State,
  track: number,
  value: number,
  { startMs, endMs }: ClosedBucket,
  context: DetectionContext,
): void {
  const share = value / (context.tracks.unit(track) === '%' ? 100 : 1)
  if (!(share >= 0 && share <= SHARE_MAX)) return
  const exhaustedAtMs = foresee(state.outlooks, track, startMs, share)
  // What is at its limit already says so itself.
  if (Number.isNaN(exhaustedAtMs) || state.raised.has(track)) return
  const process = context.tracks.process[track]!
  const leftMs = exhaustedAtMs - endMs
  context.report({
    ...findingOf(process, track, share, context.settings(process).exhaustionShare),
    severity: leftMs < SOON_MS ? Severity.CRITICAL : leftMs < TODAY_MS ? Severity.WARNING : Severity.INFO,
    exhaustedAtMs,
    rule: 'forecast',
  })
}

const usageInWords = (value: number, limit: number, unit: string): string =>
  `${quantity(value, unit, false)} of ${quantity(limit, unit, false)}`

function findingOf(process: number, track: number, value: number, expectedHigh: number): Omit<Finding, 'severity'> {
  return { process, track, value, expectedLow: 0, expectedHigh, centre: Number.NaN, score: 0 }
}
