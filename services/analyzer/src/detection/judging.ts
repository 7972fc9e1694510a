import { isComparable } from './comparable.ts'
import type { ClosedBucket, Detector, Finding } from './detector.ts'
import { type Columns, type Core, type Seat, unitOf } from './engine-core.ts'
import { applyReports, endExcursionsOfType, type Judged } from './excursions.ts'
import { beginLesson, endLesson, learning, learnOn } from './lessons.ts'
import { closePoints } from './point-findings.ts'
import { rankOf } from './precedence.ts'
import { grown } from './track-table.ts'
import type { UnitState } from './unit-state.ts'
import { isWanted } from './wanted.ts'

/** A bucket that was closed. Its values were put before. */
export interface EngineBucket {
  readonly startMs: number
  readonly endMs: number
  readonly lives: ClosedBucket['lives']
}

/** Values beyond this are taken for broken: their squares would not be finite. */
const VALUE_MAX = 1e100
/** Findings of one unit and bucket; what is reported beyond is dropped and counted. */
const REPORTS_MAX = 4096
/** A detector that has thrown so often is left out until the next start. */
const FAILURES_MAX = 3
/** Gaps longer than this are told minute by minute, and of those longer than a day only the last day. */
const TOLD_SINGLY_MS = 600_000
const TOLD_AT_ALL_MS = 86_400_000
const MINUTE_MS = 60_000

/** Adds a value to the bucket that is judged next. */
export function put({ next }: Core, track: number, value: number): void {
  if (!(Math.abs(value) <= VALUE_MAX)) return
  if (next.count >= next.track.length) growColumns(next, next.count * 2)
  next.track[next.count] = track
  next.value[next.count] = value
  next.count += 1
}

function growColumns(columns: Columns, length: number): void {
  columns.track = grown(columns.track, length)
  columns.value = grown(columns.value, length)
}

/** Lets detectors look at what was put, after the time before it has passed. */
export function judge(core: Core, unit: number, bucket: EngineBucket): void {
  const state = unitOf(core, unit)
  const { next } = core
  passTime(core, unit, bucket.startMs)
  const minuteMs = Math.floor(bucket.startMs / MINUTE_MS) * MINUTE_MS
  if (state.minuteMs < minuteMs) closeMinute(core, unit)
  remember(core, bucket.startMs)
  begin(core, unit, { cadence: 'bucket', startMs: bucket.startMs, endMs: bucket.endMs })
  giveModels(core, unit, bucket.startMs)
  learning(core, () => core.baselines.moveTo(bucket.startMs))
  const { startMs, endMs, lives } = bucket
  const closed: ClosedBucket = { unit, startMs, endMs, count: next.count, track: next.track, value: next.value, lives }
  for (const seat of core.seats) {
    if (seat.detector.onBucket === undefined) continue
    ask(core, seat, (detector) => detector.onBucket?.(closed, core.context))
  }
  finish(core, state)
  if (minuteMs >= state.minutesClosedMs) {
    state.minuteMs = minuteMs
    for (let i = 0; i < next.count; i++) core.minutes.add(state, next.track[i]!, next.value[i]!)
  }
  next.count = 0
  passTime(core, unit, bucket.endMs)
}

/** Keeps the last value of each track, for anomalies that are told later. */
function remember({ next, table }: Core, startMs: number): void {
  const { lastValue, lastBucketS } = table.state
  const startS = Math.floor(startMs / 1000)
  for (let i = 0; i < next.count; i++) {
    const track = next.track[i]!
    lastValue[track] = next.value[i]!
    lastBucketS[track] = startS
  }
}

/** Tells detectors that time has come to `nowMs`, bucket by bucket, with data or without. */
export function passTime(core: Core, unit: number, nowMs: number): void {
  const state = unitOf(core, unit)
  const { bucketMs } = core.config
  const untilMs = Math.floor(nowMs / bucketMs) * bucketMs
  if (state.toldMs === Number.NEGATIVE_INFINITY) state.toldMs = untilMs - bucketMs
  while (state.toldMs < untilMs) {
    const aheadMs = untilMs - state.toldMs
    if (aheadMs > TOLD_AT_ALL_MS) state.toldMs = untilMs - TOLD_AT_ALL_MS
    const before = state.toldMs
    const nextMinuteMs = (Math.floor(before / MINUTE_MS) + 1) * MINUTE_MS
    state.toldMs = aheadMs > TOLD_SINGLY_MS ? nextMinuteMs : before + bucketMs
    if (state.toldMs >= state.minuteMs + MINUTE_MS) closeMinute(core, unit)
    begin(core, unit, { cadence: 'time', startMs: before, endMs: state.toldMs })
    for (const seat of core.seats) {
      if (seat.detector.onTime === undefined) continue
      ask(core, seat, (detector) => detector.onTime?.(unit, core.judged.endMs, core.context))
    }
    finish(core, state)
    if (state.points.length > 0) closePoints(core, unit, state.toldMs)
    learnOn(core, unit, state)
  }
}

/** Judges the open minute by what was known before it, and begins to learn from it. */
function closeMinute(core: Core, unit: number): void {
  const state = unitOf(core, unit)
  const { minute } = core
  const startMs = state.minuteMs
  if (Number.isNaN(startMs)) return
  endLesson(core, unit, state)
  if (minute.track.length < state.touchedCount) growColumns(minute, state.touched.length)
  minute.count = core.minutes.take(state, minute.track, minute.value)
  const endMs = startMs + MINUTE_MS
  begin(core, unit, { cadence: 'minute', startMs, endMs })
  learning(core, () => core.baselines.moveTo(startMs))
  const { count, track, value } = minute
  const closed: ClosedBucket = { unit, startMs, endMs, count, track, value, lives: [] }
  for (const seat of core.seats) {
    if (seat.detector.onMinute === undefined) continue
    ask(core, seat, (detector) => detector.onMinute?.(closed, core.context))
    if (seat.detector.takeJobs !== undefined) core.output.jobs.push(...seat.detector.takeJobs())
  }
  finish(core, state)
  beginLesson(core, unit, state, closed)
  core.minutes.clear(state)
  state.minutesClosedMs = endMs
  state.minuteMs = Number.NaN
}

/** Learns a minute of the past from what was put. */
export function learnPast(core: Core, unit: number, minuteMs: number): void {
  const { track, value, count } = core.next
  const closed = { unit, startMs: minuteMs, endMs: minuteMs + MINUTE_MS, count, track, value, lives: [] }
  learning(core, () => {
    core.baselines.moveTo(minuteMs)
    core.baselines.learn(closed, core.table.tracks)
  })
  core.next.count = 0
}

function begin(core: Core, unit: number, judged: Judged): void {
  core.judged = judged
  core.judgedUnit = unit
}

function finish(core: Core, state: UnitState): void {
  const { reports } = core
  applyReports(core.excursionDeps, state, core.judged, reports)
  if (reports.length > 0) core.reports = []
}

/**
 * An exception in a detector is a mistake of ours. It must not stop the partition, which would meet it again with the
 * same record for ever: the detector begins anew without what it knew, and the third time it is left out.
 */
export function ask(core: Core, seat: Seat, work: (detector: Detector) => void): void {
  core.reporting = seat
  try {
    work(seat.detector)
    if (seat.detector.takeDropped !== undefined) core.output.dropped.expressions += seat.detector.takeDropped()
  } catch (error) {
    seat.failures += 1
    const { type } = seat.detector
    core.output.failures.push({ detector: type, error: error as Error })
    seat.detector = seat.create(core.config)
    if (seat.failures >= FAILURES_MAX) leaveOut(core, seat)
    else awaitModelsAnew(core)
  }
  core.reporting = null
}

function leaveOut(core: Core, seat: Seat): void {
  core.seats.splice(core.seats.indexOf(seat), 1)
  for (const state of core.units) {
    if (state !== null) endExcursionsOfType(core.excursionDeps, state, seat.detector.type, core.judged.endMs)
  }
}

/** Takes a finding of the detector that is being asked. */
export function takeFinding(core: Core, finding: Finding): void {
  const seat = core.reporting
  if (seat === null) return
  const { type, openAfterMs, closeAfterMs } = seat.detector
  const { processes } = core.table
  if (processes.unit(finding.process) !== core.judgedUnit) return
  if (!isWanted(core, type, finding.process)) return
  if (rankOf(type) !== -1 && !isComparable(core, finding.process, finding.track)) return
  if (core.reports.length >= REPORTS_MAX) core.output.dropped.findings += 1
  else core.reports.push({ type, openAfterMs, closeAfterMs, finding: { ...finding } })
}

/** Processes whose last model is not in effect, by what the settings say. */
export function awaitModelsAnew(core: Core): void {
  core.models.clear()
  for (const process of core.processAt.values()) awaitModel(core, process)
}

export function awaitModel(core: Core, process: number): void {
  const { processes } = core.table
  const lastMs = core.settings.lastModelMs(processes.tenant(process), processes.id(process))
  if (Number.isNaN(lastMs) || core.models.get(process) === lastMs) return
  const unit = processes.unit(process)
  const awaiting = core.awaited.get(unit) ?? new Set()
  core.awaited.set(unit, awaiting.add(process))
}

function giveModels(core: Core, unit: number, timeMs: number): void {
  const awaiting = core.awaited.get(unit)
  if (awaiting === undefined) return
  const { processes } = core.table
  for (const process of awaiting) {
    const due = core.settings.modelAt(processes.tenant(process), processes.id(process), timeMs)
    if (due === undefined || core.models.get(process) === due.effectiveMs) continue
    core.models.set(process, due.effectiveMs)
    for (const seat of [...core.seats])
      ask(core, seat, (detector) => detector.onModel?.(process, due.model, core.context))
    if (core.settings.lastModelMs(processes.tenant(process), processes.id(process)) === due.effectiveMs) {
      awaiting.delete(process)
    }
  }
  if (awaiting.size === 0) core.awaited.delete(unit)
}
