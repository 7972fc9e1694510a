import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type Anomaly,
  AnomalyPhase,
  AnomalySchema,
  type FlaggedRecord,
  type LogPattern,
  Severity,
} from '@driftline/proto'
import { type Core, unitOf } from './engine-core.ts'
import { anomalyId } from './excursion.ts'
import { kpiValuesOf } from './kpi-values.ts'
import { flaggedInWords, patternInWords } from './point-words.ts'
import { recordOfAnomaly } from './record-of-anomaly.ts'
import type { UnitState } from './unit-state.ts'
import { isWanted } from './wanted.ts'

/** Something that happened at one moment and that people should see, as opposed to an excursion, which lasts. */
export interface PointFinding {
  readonly id: string
  readonly type: string
  readonly severity: Severity
  readonly timeMs: number
  readonly description: string
  /** The record or line: a JSON object, or a text. */
  readonly record: string
  readonly field: string
  readonly unit: string
  readonly value: number
  /** For so long it stays open: people should find it when they look. Milliseconds. */
  readonly openMs: number
}

/** One that is open, as its last record said. Plain data, stored with its unit. */
export interface OpenPoint {
  readonly id: string
  readonly anomaly: Uint8Array
  readonly closesAtMs: number
}

const HOUR = 3_600_000
const FLAGGED_OPEN_MS = HOUR
const PATTERN_OPEN_MS = 600_000
/** Open at once in one unit: the oldest is closed when another comes. */
const OPEN_MAX = 200
const ERROR_SEVERITY = 17

export function findingOfRecord(record: FlaggedRecord): PointFinding {
  return {
    id: record.id,
    type: 'flagged_record',
    severity: record.severity === Severity.UNSPECIFIED ? Severity.WARNING : record.severity,
    timeMs: Number(record.timeMs),
    description: flaggedInWords(record),
    record: record.record,
    field: record.field,
    unit: record.unit,
    value: record.value,
    openMs: FLAGGED_OPEN_MS,
  }
}

/** Null for what was learnt: a source that is read for the first time shows all its templates. */
export function findingOfPattern(pattern: LogPattern): PointFinding | null {
  if (pattern.learning) return null
  return {
    id: `pattern-${pattern.id.toString(16).padStart(16, '0')}-${pattern.firstSeenMs}`,
    type: 'new_log_pattern',
    severity: pattern.severity >= ERROR_SEVERITY ? Severity.WARNING : Severity.INFO,
    timeMs: Number(pattern.firstSeenMs),
    description: patternInWords(pattern),
    record: pattern.example,
    field: '',
    unit: '',
    value: Number.NaN,
    openMs: PATTERN_OPEN_MS,
  }
}

/** Tells of a finding; one whose time is over by `nowMs`, as when old data is read in, is told as closed. */
export function takePoint(core: Core, unit: number, process: number, finding: PointFinding, nowMs: number): void {
  if (!isWanted(core, finding.type, process)) return
  const state = unitOf(core, unit)
  const anomaly = anomalyOf(core, state, process, finding)
  if (state.points.some(({ id }) => id === anomaly.id)) return
  const closesAtMs = finding.timeMs + finding.openMs
  if (closesAtMs <= nowMs) {
    write(core, state, closed(anomaly, closesAtMs), nowMs)
    return
  }
  write(core, state, anomaly, nowMs)
  if (state.points.length >= OPEN_MAX) close(core, state, state.points.shift()!, nowMs)
  state.points.push({ id: anomaly.id, anomaly: toBinary(AnomalySchema, anomaly), closesAtMs })
}

/** Closes what has been open for long enough. */
export function closePoints(core: Core, unit: number, nowMs: number): void {
  const { points } = unitOf(core, unit)
  for (let at = points.length - 1; at >= 0; at--) {
    if (points[at]!.closesAtMs <= nowMs) close(core, unitOf(core, unit), points.splice(at, 1)[0]!, nowMs)
  }
}

/** Closes all, because their unit is about to be forgotten. */
export function endPoints(core: Core, state: UnitState, nowMs: number): void {
  for (const point of state.points.splice(0)) close(core, state, point, nowMs)
}

function close(core: Core, state: UnitState, { anomaly }: OpenPoint, nowMs: number): void {
  write(core, state, closed(fromBinary(AnomalySchema, anomaly), nowMs), nowMs)
}

function closed(anomaly: Anomaly, endMs: number): Anomaly {
  const revision = anomaly.revision + 1
  return { ...anomaly, phase: AnomalyPhase.CLOSED, endTimeMs: BigInt(Math.round(endMs)), revision }
}

function write({ output }: Core, state: UnitState, anomaly: Anomaly, nowMs: number): void {
  output.records.push(recordOfAnomaly(state, anomaly, nowMs))
  output.anomalies.push({ type: anomaly.type, severity: anomaly.severity, phase: anomaly.phase })
}

function anomalyOf(core: Core, { tenant }: UnitState, number: number, finding: PointFinding): Anomaly {
  const { type, severity, timeMs, description, record, field, unit, value } = finding
  const process = core.table.processes.id(number)
  const named = { tenant, process, type, metric: '', attributes: '', rule: finding.id, startMs: timeMs }
  return create(AnomalySchema, {
    tenant,
    id: anomalyId(named),
    process,
    type,
    severity,
    phase: AnomalyPhase.OPENED,
    startTimeMs: BigInt(timeMs),
    timeMs: BigInt(timeMs),
    description,
    metric: field,
    unit,
    value,
    worstValue: value,
    expectedLow: Number.NaN,
    expectedHigh: Number.NaN,
    expectedCentre: Number.NaN,
    metrics: kpiValuesOf(core.table.state, number, timeMs),
    revision: 1,
    record,
  })
}
