import { Severity } from '@driftline/proto'
import type {
  ClosedBucket,
  DetectionConfig,
  DetectionContext,
  Detector,
  ProcessLife,
} from '../../detection/detector.ts'
import { durationInWords } from '../../detection/quantities.ts'
import { createPerUnit, type PerUnit, type PerUnitState } from '../per-unit.ts'

/** What comes back within this time was restarted. */
const GRACE_MS = 10_000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** What nobody saw fail is missed when it was meant to stay: it ran for so long, */
const STAYS_MS = 30 * MINUTE_MS
/** or for most of the time for which its host has been watched, when that tells something. */
const WATCHED_MS = 10 * MINUTE_MS
const MOST_OF_IT = 0.8
/** Instances that ended within this time before the last one went with it. */
const TOGETHER_MS = MINUTE_MS
/** What ended so often by itself comes and goes, unless it had run so many times longer than ever before. */
const HABIT_ENDS = 2
const HABIT_FACTOR = 4
/** For so long an end is told: the shorter one for what may well have been meant. */
const TOLD_MS = 24 * HOUR_MS
const TOLD_LITTLE_MS = 10 * MINUTE_MS

/** What is known of a group of processes of which something began or ended. */
interface Group {
  /** Since when it has had an instance without a break, as far as it was seen. */
  aliveSinceMs: number
  /** When it lost its last instance; NaN while it has one. */
  lostAtMs: number
  /** Whether that was a death, if it does not come back. */
  unexpected: boolean
  failed: boolean
  /** How long it had run. */
  ranMs: number
  /** Longest run of an instance that ended lately, and when it did. */
  instanceMs: number
  instanceAtMs: number
  /** Ends that were none, and the longest run before one. */
  ends: number
  longestMs: number
}

interface State extends Record<string, unknown> {
  readonly version: 2
  /** When a process was first seen, by number; 0 before that. */
  firstSeenMs: Float64Array
  readonly groups: PerUnitState<Group>
  /** Since when each unit has been watched. */
  readonly watchedSinceMs: Map<number, number>
}

/** A group of processes that ran for long and lost all its instances, without having been seen to end well. */
export function createProcessDeath(_config: DetectionConfig): Detector {
  let firstSeenMs: Float64Array = new Float64Array(256)
  let groups: PerUnit<Group> = createPerUnit()
  let watchedSinceMs = new Map<number, number>()
  return {
    type: 'process_death',
    openAfterMs: 0,
    closeAfterMs: 3000,
    onBucket(bucket, { tracks }) {
      const since = watchedSinceMs.get(bucket.unit) ?? bucket.startMs
      watchedSinceMs.set(bucket.unit, Math.min(since, bucket.startMs))
      for (let i = 0; i < bucket.count; i++) {
        const process = tracks.process[bucket.track[i]!]!
        if (process >= firstSeenMs.length) firstSeenMs = grown(firstSeenMs, process)
        if (firstSeenMs[process] === 0) firstSeenMs[process] = bucket.startMs
      }
      for (const life of bucket.lives) {
        if (life.process >= firstSeenMs.length) firstSeenMs = grown(firstSeenMs, life.process)
        noteLife(groups, bucket, life, firstSeenMs[life.process]!, since)
      }
    },
    onTime(unit, nowMs, context) {
      for (const [process, group] of groups.of(unit) ?? []) tellDeath(process, group, nowMs, context)
    },
    forgetProcess(process) {
      if (process < firstSeenMs.length) firstSeenMs[process] = 0
      groups.delete(process)
    },
    state: (): State => ({ version: 2, firstSeenMs, groups: groups.state(), watchedSinceMs }),
    restore(stored) {
      if (stored['version'] !== 2) throw new TypeError('process_death: the stored state is of another version')
      const state = stored as State
      firstSeenMs = state.firstSeenMs
      groups = createPerUnit(state.groups)
      watchedSinceMs = state.watchedSinceMs
    },
  }
}

function grown(from: Float64Array, index: number): Float64Array {
  const to = new Float64Array(Math.max(index + 1, from.length * 2))
  to.set(from)
  return to
}

function noteLife(
  groups: PerUnit<Group>,
  { unit, startMs, endMs }: ClosedBucket,
  life: ProcessLife,
  firstSeenMs: number,
  watchedSinceMs: number,
): void {
  let group = groups.get(life.process)
  if (group === undefined) {
    const aliveSinceMs = firstSeenMs === 0 || life.starts >= Math.max(1, life.alive) ? startMs : firstSeenMs
    const instance = { instanceMs: 0, instanceAtMs: startMs }
    const run = { lostAtMs: Number.NaN, unexpected: false, failed: false, ranMs: 0 }
    group = { aliveSinceMs, ...run, ...instance, ends: 0, longestMs: 0 }
    groups.set(unit, life.process, group)
  }
  noteInstance(group, life.longestMs, endMs)
  const wasLost = !Number.isNaN(group.lostAtMs)
  if (life.alive > 0) {
    if (wasLost) comeBack(group, startMs)
  } else if (!wasLost) {
    group.lostAtMs = endMs
    group.ranMs = Math.max(startMs - group.aliveSinceMs, group.instanceMs)
    group.failed = life.unexpectedEnds > 0
    // An end that counts as expected at once was seen to be one; what nobody saw is decided later.
    const isSeen = life.expectedEnds > 0 && !group.failed
    const isMissed = group.failed || ((life.isContained || stays(group, endMs - watchedSinceMs)) && !isHabit(group))
    group.unexpected = life.longRunning && group.ranMs >= MINUTE_MS && !isSeen && isMissed
  }
}

function noteInstance(group: Group, ranMs: number, endMs: number): void {
  if (endMs - group.instanceAtMs > TOGETHER_MS) group.instanceMs = 0
  if (ranMs === 0) return
  group.instanceMs = Math.max(group.instanceMs, ranMs)
  group.instanceAtMs = endMs
}

/** A server, not a batch: what counts is how long one instance ran, not how long its name was seen. */
const stays = ({ instanceMs }: Group, watchedMs: number): boolean =>
  instanceMs >= STAYS_MS || (watchedMs >= WATCHED_MS && instanceMs >= MOST_OF_IT * watchedMs)

/** A run has ended and another begins: what stayed away for a while had ended by itself. */
function comeBack(group: Group, startMs: number): void {
  if (!group.failed && group.ranMs >= MINUTE_MS && startMs - group.lostAtMs > GRACE_MS) {
    group.ends += 1
    group.longestMs = Math.max(group.longestMs, group.ranMs)
  }
  group.aliveSinceMs = startMs
  group.lostAtMs = Number.NaN
  group.unexpected = false
}

const isHabit = ({ ends, ranMs, longestMs }: Group): boolean => ends >= HABIT_ENDS && ranMs < HABIT_FACTOR * longestMs

/** A build or a shell that ends is news at most; a server that ran for days, or failed, is not expected to end. */
function severityOf({ failed, ranMs }: Group): Severity.INFO | Severity.WARNING | Severity.CRITICAL {
  if (ranMs >= (failed ? HOUR_MS : 24 * HOUR_MS)) return Severity.CRITICAL
  return failed || ranMs >= HOUR_MS / 2 ? Severity.WARNING : Severity.INFO
}

function tellDeath(process: number, group: Group, nowMs: number, { report }: DetectionContext): void {
  if (!group.unexpected) return
  const goneMs = nowMs - group.lostAtMs
  const severity = severityOf(group)
  if (goneMs < GRACE_MS || goneMs > (severity === Severity.INFO ? TOLD_LITTLE_MS : TOLD_MS)) return
  const how = group.failed ? 'its last instance failed' : 'its last instance ended, and nobody saw how'
  report({
    process,
    track: -1,
    severity,
    value: Number.NaN,
    expectedLow: Number.NaN,
    expectedHigh: Number.NaN,
    centre: Number.NaN,
    score: 0,
    words: `${how}, after it had run for ${durationInWords(group.ranMs)}`,
  })
}
