import { Severity } from '@driftline/proto'
import type { DetectionConfig, DetectionContext, Detector } from '../../detection/detector.ts'
import { createPerUnit, type PerUnit, type PerUnitState } from '../per-unit.ts'
import { createRhythms, forgetRhythm, grownRhythms, isRegular, noteSent, type Rhythms, waitedMs } from './rhythm.ts'

/**
 * What is expected of a process by its kind. The series of a host come and go with its devices, and those of groups
 * with their processes; a device has the sensors that it has; of a service a metric counts, not its attributes.
 */
type Expected = 'nothing' | 'any' | 'each-series' | 'each-metric'

const expectedOf = new Map<string, Expected>([
  ['os', 'nothing'],
  ['flow', 'nothing'],
  ['host', 'any'],
  ['device', 'each-series'],
])

/** A process that sends. */
interface Sender {
  readonly expected: Expected
  readonly tracks: number[]
  /** No track is overdue before this event time. */
  dueMs: number
}

interface State extends Record<string, unknown> {
  readonly version: 1
  readonly rhythms: Rhythms
  readonly senders: PerUnitState<Sender>
}

interface Judging {
  rhythms: Rhythms
  senders: PerUnit<Sender>
  /** The process of each track that is watched. */
  readonly owners: Map<number, number>
}

/** What has been silent for so long was taken away: it must become regular anew. */
const TAKEN_AWAY_MS = 24 * 3_600_000
const TAKEN_AWAY_INTERVALS = 50
/** Series of one process that are told at once. */
const TOLD_MAX = 8

/** Processes, and series, that used to send regularly and have stopped. */
export function createMissingData(_config: DetectionConfig): Detector {
  const judging: Judging = { rhythms: createRhythms(256), senders: createPerUnit(), owners: new Map() }
  return {
    type: 'missing_data',
    openAfterMs: 0,
    closeAfterMs: 5000,
    onBucket(bucket, context) {
      const { process } = context.tracks
      for (let i = 0; i < bucket.count; i++) {
        if (!Number.isFinite(bucket.value[i]!)) continue
        takeIn(judging, bucket.unit, process[bucket.track[i]!]!, bucket.track[i]!, bucket.startMs, context)
      }
    },
    onTime(unit, nowMs, context) {
      for (const [process, sender] of judging.senders.of(unit) ?? []) {
        if (nowMs >= sender.dueMs) judgeSender(judging, process, sender, nowMs, context)
      }
    },
    forgetTrack(track) {
      forgetRhythm(judging.rhythms, track)
      const tracks = judging.senders.get(judging.owners.get(track) ?? -1)?.tracks
      if (tracks?.includes(track)) tracks.splice(tracks.indexOf(track), 1)
      judging.owners.delete(track)
    },
    forgetProcess(process) {
      for (const track of judging.senders.get(process)?.tracks ?? []) judging.owners.delete(track)
      judging.senders.delete(process)
    },
    state: (): State => ({ version: 1, rhythms: judging.rhythms, senders: judging.senders.state() }),
    restore(stored) {
      if (stored['version'] !== 1) throw new TypeError('missing_data: the stored state is of another version')
      const state = stored as State
      judging.rhythms = state.rhythms
      judging.senders = createPerUnit(state.senders)
      judging.owners.clear()
      for (const senders of state.senders.values()) {
        for (const [process, { tracks }] of senders) for (const track of tracks) judging.owners.set(track, process)
      }
    },
  }
}

function takeIn(
  judging: Judging,
  unit: number,
  process: number,
  track: number,
  timeMs: number,
  { processes }: DetectionContext,
): void {
  let sender = judging.senders.get(process)
  if (sender === undefined) {
    const expected = expectedOf.get(processes.id(process).split(':', 1)[0]!) ?? 'each-metric'
    sender = { expected, tracks: [], dueMs: Number.POSITIVE_INFINITY }
    judging.senders.set(unit, process, sender)
  }
  if (sender.expected === 'nothing') return
  if (track >= judging.rhythms.firstMs.length) judging.rhythms = grownRhythms(judging.rhythms, track)
  if (judging.rhythms.lastMs[track] === 0) {
    sender.tracks.push(track)
    judging.owners.set(track, process)
  }
  noteSent(judging.rhythms, track, timeMs)
  if (!isRegular(judging.rhythms, track)) return
  sender.dueMs = Math.min(sender.dueMs, judging.rhythms.lastMs[track]! + waitedMs(judging.rhythms, track))
}

function judgeSender(
  judging: Judging,
  process: number,
  sender: Sender,
  nowMs: number,
  context: DetectionContext,
): void {
  const { rhythms } = judging
  const regular = sender.tracks.filter((track) => isRegular(rhythms, track))
  const dueMs = (track: number): number => rhythms.lastMs[track]! + waitedMs(rhythms, track)
  const overdue = regular.filter((track) => nowMs >= dueMs(track))
  // No spread: a process may have more series than a call takes arguments.
  sender.dueMs = regular.reduce((least, track) => Math.min(least, dueMs(track)), Number.POSITIVE_INFINITY)
  if (overdue.length === 0) return
  const latestMs = sender.tracks.reduce((most, track) => Math.max(most, rhythms.lastMs[track]!), 0)
  const shortest = overdue.reduce((a, b) => (rhythms.intervalMs[b]! < rhythms.intervalMs[a]! ? b : a))
  if (overdue.length === regular.length && nowMs - latestMs >= waitedMs(rhythms, shortest)) {
    tellMissing(process, -1, nowMs - latestMs, rhythms.intervalMs[shortest]!, context)
  } else {
    for (const track of overdueAlone(sender.expected, regular, overdue, context).slice(0, TOLD_MAX)) {
      tellMissing(process, track, nowMs - rhythms.lastMs[track]!, rhythms.intervalMs[track]!, context)
    }
  }
  for (const track of overdue) {
    const longMs = Math.max(TAKEN_AWAY_MS, TAKEN_AWAY_INTERVALS * rhythms.intervalMs[track]!)
    if (nowMs - rhythms.lastMs[track]! > longMs) rhythms.gaps[track] = 0
  }
}

/** Which series are missed while others of the process go on; of a metric, the one that was heard last. */
function overdueAlone(
  expected: Expected,
  regular: readonly number[],
  overdue: readonly number[],
  { tracks }: DetectionContext,
): number[] {
  if (expected === 'any') return []
  const plain = overdue.filter((track) => tracks.kpi[track] === -1)
  if (expected === 'each-series') return plain
  const missed = new Set(overdue)
  const stillSent = new Set(regular.filter((track) => !missed.has(track)).map((track) => tracks.metric(track)))
  const ofMetric = new Map<string, number>()
  for (const track of plain) if (!stillSent.has(tracks.metric(track))) ofMetric.set(tracks.metric(track), track)
  return [...ofMetric.values()]
}

/** Times are told in seconds, as the value of a series in milliseconds in that unit. */
function tellMissing(
  process: number,
  track: number,
  silentMs: number,
  intervalMs: number,
  context: DetectionContext,
): void {
  const unitMs = track !== -1 && context.tracks.unit(track) === 'ms' ? 1 : 1000
  context.report({
    process,
    track,
    severity: Severity.WARNING,
    value: silentMs / unitMs,
    expectedLow: 0,
    expectedHigh: Number.NaN,
    centre: intervalMs / unitMs,
    score: 0,
  })
}
