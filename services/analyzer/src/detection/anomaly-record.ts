import { create, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { type Anomaly, AnomalyPhase, AnomalySchema, KpiValuesSchema, topics } from '@driftline/proto'
import type { LearningBaselines } from './baselines.ts'
import { anomalyId, type Ending, type Excursion } from './excursion.ts'
import { kpiCount, type TrackTable } from './track-table.ts'
import type { UnitState } from './unit-state.ts'
import type { DescribedAnomaly } from './words.ts'

/** Values of KPIs older than this are not those of the moment, seconds. */
const FRESH_S = 60
/** Records of one unit and second that keep the sequence in step with time. */
const PER_SECOND = 10_000

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

/**
 * The record of an excursion as it stands. Sequences only grow, also when an agent hands in late what it kept: a
 * record that is made again after a restart has the same one.
 */
export function anomalyRecord(
  { table, baselines, describe }: { table: TrackTable; baselines: LearningBaselines; describe: Describe },
  unit: UnitState,
  excursion: Excursion,
  event: { readonly phase: AnomalyPhase; readonly timeMs: number; readonly ending: Ending | null },
): { readonly record: OutgoingRecord; readonly anomaly: Anomaly } {
  const anomaly = anomalyOf(table, unit, excursion, event.phase, event.timeMs)
  const words = describe(describedAnomaly(table, baselines, excursion, event))
  anomaly.description = event.ending === null ? words : `${words}${endings[event.ending]}`
  unit.anomalySequence = Math.max(unit.anomalySequence + 1, Math.floor(event.timeMs / 1000) * PER_SECOND)
  const record: OutgoingRecord = {
    topic: topics.anomalies.name,
    key: unit.key,
    headers: {
      'content-type': 'application/protobuf',
      message: topics.anomalies.message.typeName,
      tenant: unit.tenant,
      source: `detector/${unit.key}`,
      epoch: '1',
      sequence: String(unit.anomalySequence),
    },
    value: toBinary(AnomalySchema, anomaly),
  }
  return { record, anomaly }
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

function kpiValuesOf(state: TrackTable['state'], process: number, timeMs: number) {
  const value = (kpi: number): number => {
    const track = state.kpiTracks[process * kpiCount + kpi]!
    return track !== -1 && state.lastBucketS[track]! >= timeMs / 1000 - FRESH_S ? state.lastValue[track]! : Number.NaN
  }
  return create(KpiValuesSchema, {
    executionTimeMs: value(0),
    successRate: value(1),
    errorRate: value(2),
    throughputPerSecond: value(3),
    cpuCores: value(4),
    memoryBytes: value(5),
    readBytesPerSecond: value(6),
    writeBytesPerSecond: value(7),
    networkReceiveBytesPerSecond: value(8),
    networkTransmitBytesPerSecond: value(9),
    cpuShare: value(10),
    memoryShare: value(11),
    ioShare: value(12),
    networkShare: value(13),
    instances: value(14),
  })
}
