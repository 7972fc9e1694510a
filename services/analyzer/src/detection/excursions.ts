import { AnomalyPhase } from '@driftline/proto'
import type { Finding } from './detector.ts'
import { type Cadence, type Ending, type Excursion, excursionKey } from './excursion.ts'
import { rankOf } from './precedence.ts'
import type { UnitState } from './unit-state.ts'

/** A finding with what its detector asks of an excursion. */
export interface Report {
  readonly type: string
  readonly openAfterMs: number
  readonly closeAfterMs: number
  readonly finding: Finding
}

/** What was judged: a bucket, a minute, or time that passed. Event time. */
export interface Judged {
  readonly cadence: Cadence
  readonly startMs: number
  readonly endMs: number
}

export interface ExcursionDeps {
  /** Whether there was anything to judge an excursion by. */
  wasJudged(excursion: Excursion): boolean
  /** Whether its process has no instance any more. */
  isGone(excursion: Excursion): boolean
  /** Whether somebody still wants to know. */
  isWanted(excursion: Excursion): boolean
  /** Whether it has to wait although it is time to open. */
  isHeldBack(excursion: Excursion, nowMs: number): boolean
  metric(track: number): string
  /** A record is due; when it is the first, the excursion is given its id here. */
  write(unit: UnitState, excursion: Excursion, phase: AnomalyPhase, timeMs: number, ending: Ending | null): void
  /** An excursion found no room. */
  dropped(): void
}

/** Excursions, open or not yet, of one unit and of one process in it; what is reported beyond is dropped and counted. */
const PER_UNIT_MAX = 512
const PER_PROCESS_MAX = 32
/** Without data for so long an excursion ends: minutes are judged a sixtieth as often as buckets. */
const SILENT_AFTER_MS: Readonly<Record<Cadence, number>> = { bucket: 300_000, minute: 600_000, time: 600_000 }
/** While it lasts it is told again when it has grown by a tenth, at most this often, and in any case this often. */
const GROWN_EVERY_MS = 10_000
const TOLD_EVERY_MS = 60_000
const GROWN = 1.1

/**
 * Makes one anomaly of what lasts: opens what was reported for long enough, closes what was calm for long enough, and
 * lets the most specific of several relative types speak for the same track.
 */
export function applyReports(deps: ExcursionDeps, unit: UnitState, judged: Judged, reports: readonly Report[]): void {
  if (reports.length === 0 && unit.excursions.size === 0) return
  const reported = new Set<Excursion>()
  for (const report of reports) {
    const excursion = takeReport(deps, unit, judged, report)
    if (excursion !== null) reported.add(excursion)
  }
  for (const [key, excursion] of unit.excursions) {
    if (!deps.isWanted(excursion)) end(deps, unit, key, excursion, judged.endMs, 'switched_off')
    else if (reported.has(excursion)) proceed(deps, unit, key, excursion, judged.endMs)
    else rest(deps, unit, key, excursion, judged)
  }
}

/** Ends what is left of a process that is about to be forgotten; of all when `process` is null. */
export function endExcursions(deps: ExcursionDeps, unit: UnitState, process: number | null, timeMs: number): void {
  for (const [key, excursion] of unit.excursions) {
    if (process === null || excursion.process === process) end(deps, unit, key, excursion, timeMs, 'forgotten')
  }
}

/** The same of a track. */
export function endExcursionsOfTrack(deps: ExcursionDeps, unit: UnitState, track: number, timeMs: number): void {
  for (const [key, excursion] of unit.excursions) {
    if (excursion.track === track) end(deps, unit, key, excursion, timeMs, 'forgotten')
  }
}

/** The same of a detector that has failed. */
export function endExcursionsOfType(deps: ExcursionDeps, unit: UnitState, type: string, timeMs: number): void {
  for (const [key, excursion] of unit.excursions) {
    if (excursion.type === type) end(deps, unit, key, excursion, timeMs, 'switched_off')
  }
}

/** How far a finding is out: its score, or for rules the distance to the expected range. */
function farness({ score, value, expectedLow, expectedHigh }: Finding): number {
  if (score > 0) return score
  if (value > expectedHigh) return value - expectedHigh
  return value < expectedLow ? expectedLow - value : 0
}

function takeReport(deps: ExcursionDeps, unit: UnitState, judged: Judged, report: Report): Excursion | null {
  const { finding, type } = report
  const rule = finding.rule ?? ''
  const key = excursionKey(type, finding.process, finding.track, rule)
  const known = unit.excursions.get(key)
  if (known === undefined) {
    if (!hasRoom(unit, finding.process)) {
      deps.dropped()
      return null
    }
    const excursion = pendingExcursion(judged, report, rule)
    unit.excursions.set(key, excursion)
    return excursion
  }
  known.cadence = judged.cadence
  known.lastMs = Math.max(known.lastMs, judged.endMs)
  known.judgedMs = Math.max(known.judgedMs, judged.endMs)
  known.calmSinceMs = Number.NaN
  known.finding = finding
  const score = farness(finding)
  if (score >= known.worstScore) {
    known.worstScore = score
    known.worstValue = finding.value
  }
  return known
}

function hasRoom({ excursions }: UnitState, process: number): boolean {
  if (excursions.size >= PER_UNIT_MAX) return false
  if (excursions.size < PER_PROCESS_MAX) return true
  let ofProcess = 0
  for (const excursion of excursions.values()) if (excursion.process === process) ofProcess += 1
  return ofProcess < PER_PROCESS_MAX
}

function pendingExcursion(judged: Judged, report: Report, rule: string): Excursion {
  const { finding, type, openAfterMs, closeAfterMs } = report
  return {
    type,
    process: finding.process,
    track: finding.track,
    rule,
    openAfterMs,
    closeAfterMs,
    cadence: judged.cadence,
    startMs: judged.startMs,
    lastMs: judged.endMs,
    judgedMs: judged.endMs,
    calmSinceMs: Number.NaN,
    id: '',
    severity: finding.severity,
    finding,
    worstValue: finding.value,
    worstScore: farness(finding),
    revision: 0,
    recordedMs: Number.NEGATIVE_INFINITY,
    recordedScore: 0,
  }
}

/** It was reported: opens it when it is time, or says what is new of it. */
function proceed(deps: ExcursionDeps, unit: UnitState, key: string, excursion: Excursion, nowMs: number): void {
  const { finding } = excursion
  const rises = finding.severity > excursion.severity
  if (rises) excursion.severity = finding.severity
  if (excursion.id !== '') {
    const sinceMs = nowMs - excursion.recordedMs
    const grew = sinceMs >= GROWN_EVERY_MS && excursion.worstScore > excursion.recordedScore * GROWN
    if (rises || grew || sinceMs >= TOLD_EVERY_MS) write(deps, unit, excursion, AnomalyPhase.CHANGED, nowMs, null)
    return
  }
  const { state, worse } = placeAmong(deps, unit, excursion)
  if (state === 'explained') unit.excursions.delete(key)
  if (state !== 'first' || excursion.lastMs - excursion.startMs < excursion.openAfterMs) return
  if (deps.isHeldBack(excursion, nowMs)) return
  for (const [otherKey, other] of worse) end(deps, unit, otherKey, other, nowMs, 'explained')
  write(deps, unit, excursion, AnomalyPhase.OPENED, nowMs, null)
}

/** How an excursion stands to the others on its track: it waits while a more specific one has not made up its mind. */
function placeAmong(
  deps: ExcursionDeps,
  unit: UnitState,
  excursion: Excursion,
): { state: 'first' | 'waits' | 'explained'; worse: [string, Excursion][] } {
  const rank = rankOf(excursion.type)
  const worse: [string, Excursion][] = []
  if (rank === -1) return { state: 'first', worse }
  let state: 'first' | 'waits' = 'first'
  for (const [key, other] of unit.excursions) {
    const otherRank = rankOf(other.type)
    if (other === excursion || otherRank === -1 || other.process !== excursion.process) continue
    if (otherRank < rank && (excursion.track === -1 || other.track === excursion.track)) {
      if (other.id !== '') return { state: 'explained', worse: [] }
      state = 'waits'
    }
    if (otherRank <= rank || other.id === '') continue
    const isSame = other.track === excursion.track || isMadeOf(deps, other, excursion.track)
    if (isSame) worse.push([key, other])
  }
  return { state, worse }
}

/** Whether a finding about a process as a whole is made of this track more than of any other. */
function isMadeOf(deps: ExcursionDeps, { track, finding }: Excursion, of: number): boolean {
  return track === -1 && of !== -1 && finding.contributions?.[0]?.metric === deps.metric(of)
}

/** It was not reported: that is calm if there was something to judge it by, and silence if there was nothing for long. */
function rest(deps: ExcursionDeps, unit: UnitState, key: string, excursion: Excursion, judged: Judged): void {
  const isGone = excursion.cadence !== 'time' && judged.cadence === 'bucket' && deps.isGone(excursion)
  const isJudged = excursion.cadence === judged.cadence && (judged.cadence === 'time' || deps.wasJudged(excursion))
  if (isGone || isJudged) {
    if (excursion.id === '') {
      unit.excursions.delete(key)
      return
    }
    excursion.judgedMs = Math.max(excursion.judgedMs, judged.endMs)
    if (Number.isNaN(excursion.calmSinceMs)) excursion.calmSinceMs = judged.startMs
    if (judged.endMs - excursion.calmSinceMs < excursion.closeAfterMs) return
    end(deps, unit, key, excursion, judged.endMs, isGone ? 'gone' : 'calm')
    return
  }
  if (judged.cadence !== 'time' || judged.endMs - excursion.judgedMs < SILENT_AFTER_MS[excursion.cadence]) return
  end(deps, unit, key, excursion, judged.endMs, 'silent')
}

function end(
  deps: ExcursionDeps,
  unit: UnitState,
  key: string,
  excursion: Excursion,
  nowMs: number,
  ending: Ending,
): void {
  unit.excursions.delete(key)
  if (excursion.id !== '') write(deps, unit, excursion, AnomalyPhase.CLOSED, nowMs, ending)
}

function write(
  deps: ExcursionDeps,
  unit: UnitState,
  excursion: Excursion,
  phase: AnomalyPhase,
  timeMs: number,
  ending: Ending | null,
): void {
  excursion.revision += 1
  excursion.recordedMs = timeMs
  excursion.recordedScore = excursion.worstScore
  deps.write(unit, excursion, phase, timeMs, ending)
}
