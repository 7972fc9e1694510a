import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Anomaly, AnomalyPhase, AnomalySchema, type Severity } from '@driftline/proto'
import { type Core, unitOf } from '../engine-core.ts'
import { anomalyId } from '../excursion.ts'
import { kpiValuesOf } from '../kpi-values.ts'
import { recordOfAnomaly } from '../record-of-anomaly.ts'
import type { UnitState } from '../unit-state.ts'
import { isWanted } from '../wanted.ts'
import type { OpenAnomaly } from './run-memory.ts'
import { sinceInWords } from './run-words.ts'

export type RunAnomalyType = 'step_slow' | 'run_slow' | 'run_failed'

/** What was found about a flow at a moment of event time. */
export interface RunFinding {
  readonly type: RunAnomalyType
  /** What makes it one excursion beside others of its type: the step's key. */
  readonly rule: string
  readonly severity: Severity.WARNING | Severity.CRITICAL
  /** Without the times, which are added. */
  readonly words: string
  /** What the words are once it is over. */
  readonly wordsOver: string
  readonly metric: string
  readonly attributes: string
  readonly unit: string
  readonly value: number
  readonly expectedHigh: number
  readonly expectedCentre: number
  readonly score: number
  /** When the excursion began if this is the first of it, and how far it has come. */
  readonly startMs: number
  readonly lastMs: number
  readonly isRunning: boolean
  /** A JSON object: which run it is about. */
  readonly record: string
}

/** Where anomalies of a flow go. */
export interface RunPlace {
  readonly core: Core
  readonly unit: number
  /** Number of the flow's process. */
  readonly process: number
  /** Event time. */
  readonly nowMs: number
}

/** What is found run after run is told again at most this often, unless it got worse. */
const TOLD_EVERY_MS = 10_000
const GROWN = 1.1

const endings = {
  calm: '',
  silent: '; no run since',
  switched_off: '; no longer looked for',
  gone: '; the step is gone',
  forgotten: '; no longer watched',
} as const
export type RunEnding = keyof typeof endings

/** Opens an anomaly, or says what is new of it. Answers what is open then. */
export function tellFinding(place: RunPlace, open: OpenAnomaly | null, finding: RunFinding): OpenAnomaly | null {
  const { core, process, nowMs } = place
  if (!isWanted(core, finding.type, process)) return open
  const state = unitOf(core, place.unit)
  if (open === null) {
    const anomaly = anomalyOf(place, state, finding)
    write(place, state, anomaly)
    return kept(anomaly, finding, nowMs)
  }
  const before = fromBinary(AnomalySchema, open.anomaly)
  open.lastMs = Math.max(open.lastMs, finding.lastMs)
  const rises = finding.severity > before.severity
  const grew = finding.value > before.value * GROWN && !finding.isRunning
  const isDue = nowMs - open.recordedMs >= TOLD_EVERY_MS
  const hasEnded = open.isRunning && !finding.isRunning
  if (!rises && !hasEnded && !isDue && !grew) return open
  const { words, value, expectedHigh, expectedCentre, score, record } = finding
  const isWorse = !(before.worstValue > value)
  const anomaly: Anomaly = {
    ...before,
    phase: AnomalyPhase.CHANGED,
    severity: rises ? finding.severity : before.severity,
    timeMs: BigInt(Math.round(nowMs)),
    description: `${words}${sinceInWords(Number(before.startTimeMs), null, nowMs)}`,
    value,
    worstValue: isWorse ? value : before.worstValue,
    expectedHigh,
    expectedCentre,
    score,
    record,
    revision: before.revision + 1,
  }
  write(place, state, anomaly)
  // What is told at the end is the worst of it.
  return { ...kept(anomaly, isWorse ? finding : { ...finding, wordsOver: open.wordsOver }, nowMs), lastMs: open.lastMs }
}

export function closeAnomaly(place: RunPlace, open: OpenAnomaly, ending: RunEnding): null {
  const before = fromBinary(AnomalySchema, open.anomaly)
  const startMs = Number(before.startTimeMs)
  const endMs = Math.max(startMs, open.lastMs)
  const over = `${open.wordsOver}${sinceInWords(startMs, endMs, place.nowMs)}`
  const anomaly: Anomaly = {
    ...before,
    phase: AnomalyPhase.CLOSED,
    timeMs: BigInt(Math.round(place.nowMs)),
    endTimeMs: BigInt(Math.round(endMs)),
    description: `${over}${endings[ending]}`,
    revision: before.revision + 1,
  }
  write(place, unitOf(place.core, place.unit), anomaly)
  return null
}

/** Closes what nobody wants to know any more. */
export function closeUnwanted(place: RunPlace, type: RunAnomalyType, open: OpenAnomaly | null): OpenAnomaly | null {
  if (open === null || isWanted(place.core, type, place.process)) return open
  return closeAnomaly(place, open, 'switched_off')
}

function kept(anomaly: Anomaly, finding: RunFinding, nowMs: number): OpenAnomaly {
  const { lastMs, isRunning, wordsOver } = finding
  return { anomaly: toBinary(AnomalySchema, anomaly), wordsOver, lastMs, recordedMs: nowMs, isRunning }
}

function write({ core, nowMs }: RunPlace, state: UnitState, anomaly: Anomaly): void {
  core.output.records.push(recordOfAnomaly(state, anomaly, nowMs))
  core.output.anomalies.push({ type: anomaly.type, severity: anomaly.severity, phase: anomaly.phase })
}

function anomalyOf({ core, process: number, nowMs }: RunPlace, { tenant }: UnitState, finding: RunFinding): Anomaly {
  const { type, rule, severity, words, metric, attributes, unit, value, expectedHigh, expectedCentre, score } = finding
  const process = core.table.processes.id(number)
  const startMs = Math.round(finding.startMs)
  return create(AnomalySchema, {
    tenant,
    id: anomalyId({ tenant, process, type, metric, attributes, rule, startMs }),
    process,
    type,
    severity,
    phase: AnomalyPhase.OPENED,
    startTimeMs: BigInt(startMs),
    timeMs: BigInt(Math.round(nowMs)),
    description: `${words}${sinceInWords(startMs, null, nowMs)}`,
    metric,
    attributes,
    unit,
    value,
    worstValue: value,
    expectedLow: Number.NaN,
    expectedHigh,
    expectedCentre,
    score,
    metrics: kpiValuesOf(core.table.state, number, nowMs),
    revision: 1,
    record: finding.record,
  })
}
