import { create } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { type Anomaly, AnomalyPhase, AnomalySchema } from '@driftline/proto'
import type { LearningBaselines } from './baselines.ts'
import { anomalyId, type Ending, type Excursion } from './excursion.ts'
import { kpiValuesOf } from './kpi-values.ts'
import { recordOfAnomaly } from './record-of-anomaly.ts'
import type { TrackTable } from './track-table.ts'
import type { UnitState } from './unit-state.ts'
import type { DescribedAnomaly } from './words.ts'

/** Writes an anomaly in words. */
export type Describe = (anomaly: DescribedAnomaly) => string

/** Why it ended, where that is not that it calmed down. */
const endings: Readonly<Record<Ending, string>> = {
  calm: '',
  gone: '; the process has ended',
  silent: '; nothing has been heard since',
  switched_off: '; no longer looked for',
  explained: '; goes on as another anomaly of the same values',
  forgotten: '; no longer watched',
}

/** The record of an excursion as it stands. */
export function anomalyRecord(
  { table, baselines, describe }: { table: TrackTable; baselines: LearningBaselines; describe: Describe },
  unit: UnitState,
  excursion: Excursion,
  event: { readonly phase: AnomalyPhase; readonly timeMs: number; readonly ending: Ending | null },
): { readonly record: OutgoingRecord; readonly anomaly: Anomaly } {
  const anomaly = anomalyOf(table, unit, excursion, event.phase, event.timeMs)
  const words = describe(describedAnomaly(table, baselines, excursion, event))
  anomaly.description = event.ending === null ? words : `${words}${endings[event.ending]}`
  return { record: recordOfAnomaly(unit, anomaly, event.timeMs), anomaly }
}

function anomalyOf(
  { tracks, processes, state }: TrackTable,
  { tenant }: UnitState,
  excursion: Excursion,
  phase: AnomalyPhase,
  timeMs: number,
): Anomaly {
  const { finding, type, rule, process: number, track, startMs } = excursion
  const process = processes.id(number)
  const line = track === -1 ? noLine : lineOf(tracks, track)
  if (excursion.id === '') {
    const { metric, attributes } = line
    excursion.id = anomalyId({ tenant, process, type, metric, attributes, rule, startMs })
  }
  return create(AnomalySchema, {
    tenant,
    id: excursion.id,
    process,
    type,
    severity: excursion.severity,
    phase,
    startTimeMs: BigInt(startMs),
    endTimeMs: phase === AnomalyPhase.CLOSED ? BigInt(excursion.lastMs) : 0n,
    timeMs: BigInt(timeMs),
    ...line,
    value: finding.value,
    worstValue: excursion.worstValue,
    expectedLow: finding.expectedLow,
    expectedHigh: finding.expectedHigh,
    expectedCentre: finding.centre,
    score: finding.score,
    exhaustedAtMs: wholeMs(finding.exhaustedAtMs),
    contributions: finding.contributions?.map(({ metric, share }) => ({ metric, share })) ?? [],
    metrics: kpiValuesOf(state, number, timeMs),
    revision: excursion.revision,
  })
}

function describedAnomaly(
  { tracks, processes }: TrackTable,
  baselines: LearningBaselines,
  { finding, type, track, startMs, lastMs, severity, worstValue }: Excursion,
  { timeMs, ending }: { readonly timeMs: number; readonly ending: Ending | null },
): DescribedAnomaly {
  return {
    ...finding,
    ...(track === -1 ? noLine : lineOf(tracks, track)),
    type,
    process: processes.id(finding.process),
    kpi: track === -1 ? -1 : tracks.kpi[track]!,
    worstValue,
    severity,
    startMs,
    endMs: ending === null ? Number.NaN : lastMs,
    atMs: timeMs,
    hasSeason: track !== -1 && (baselines.hasSeason?.(track) ?? false),
    isLearnt: track !== -1 && (baselines.shiftedAtMs?.(track) ?? Number.NaN) >= startMs,
  }
}

const noLine = { metric: '', attributes: '', unit: '' }

function lineOf(tracks: TrackTable['tracks'], track: number): typeof noLine {
  return { metric: tracks.metric(track), attributes: tracks.attributes(track), unit: tracks.unit(track) }
}

const LAST_MS = 8.64e15

/** A forecast may lie beyond what a date can say. */
function wholeMs(timeMs: number | undefined): bigint {
  return timeMs !== undefined && timeMs > 0 && timeMs <= LAST_MS ? BigInt(Math.round(timeMs)) : 0n
}
