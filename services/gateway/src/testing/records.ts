import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import {
  AlertSchema,
  AlertStatus,
  AnomalyPhase,
  AnomalySchema,
  BaselineBatchSchema,
  DeadLetterSchema,
  KpiBatchSchema,
  MetricKind,
  PackedSnapshotSchema,
  routingKey,
  SampleBatchSchema,
  SeriesBatchSchema,
  Severity,
  seriesId,
  type Topic,
  topics,
} from '@driftline/proto'
import { kpiColumns } from '../estate/kpi-columns.ts'
import { encodeDescription, encodeTable, type TableParts } from './tables.ts'

/** Something published: the record for the bus, and the same message for the store. */
export interface TestRecord {
  readonly record: OutgoingRecord
  readonly table: string
  readonly schema: DescMessage
}

let sequence = 0

function record<D extends DescMessage>(
  topic: Topic,
  table: string,
  schema: D,
  message: MessageInitShape<D>,
  place: { tenant: string; process: string; source?: string; epoch?: string; sequence?: number },
): TestRecord {
  const value = toBinary(schema, create(schema, message))
  return {
    table,
    schema,
    record: {
      topic: topic.name,
      key: routingKey(place.tenant, place.process),
      headers: {
        'content-type': 'application/protobuf',
        message: topic.message.typeName,
        tenant: place.tenant,
        source: place.source ?? 'agent-1',
        epoch: place.epoch ?? '1',
        sequence: String(place.sequence ?? ++sequence),
      },
      value,
    },
  }
}

export interface FrameOptions {
  readonly tenant?: string
  readonly host?: string
  readonly timeMs: number
  readonly keyFrame?: boolean
  readonly sequence?: number
  readonly source?: string
}

/** A process table of a host, as the intake publishes it; bytes are taken as an encoded table. */
export function snapshotRecord(parts: TableParts | Uint8Array, options: FrameOptions): TestRecord {
  const { tenant = 'default', host = 'web-1', timeMs, keyFrame = false, source = `agent-${host}` } = options
  return record(
    topics.snapshots,
    'snapshots_in',
    PackedSnapshotSchema,
    {
      tenant,
      host,
      timeMs: BigInt(timeMs),
      keyFrame,
      description: keyFrame ? encodeDescription() : new Uint8Array(),
      table: parts instanceof Uint8Array ? parts : encodeTable(parts),
    },
    {
      tenant,
      process: `host:${host}`,
      source,
      ...(options.sequence === undefined ? {} : { sequence: options.sequence }),
    },
  )
}

type Kpis = Partial<Record<(typeof kpiColumns)[number]['field'], number>>

/** KPIs of processes in one bucket; what a process does not name is no data. */
export function kpiRecord(bucketMs: number, processes: Record<string, Kpis>, tenant = 'default'): TestRecord {
  const ids = Object.keys(processes)
  const columns = Object.fromEntries(
    kpiColumns.map(({ field }) => [field, ids.map((id) => processes[id]?.[field] ?? Number.NaN)]),
  )
  return record(
    topics.kpis,
    'kpis_in',
    KpiBatchSchema,
    { tenant, bucketTimeMs: BigInt(bucketMs), bucketMs: 1000, process: ids, ...columns },
    { tenant, process: ids[0] ?? '' },
  )
}

export interface SeriesName {
  readonly process: string
  readonly metric: string
  readonly unit?: string
  readonly attributes?: string
}

export function idOf(name: SeriesName, tenant = 'default'): bigint {
  return seriesId(tenant, name.process, name.metric, name.attributes ?? '{}')
}

export function seriesRecord(names: readonly SeriesName[], tenant = 'default', definedAtMs = Date.now()): TestRecord {
  const series = names.map((name) => ({
    id: idOf(name, tenant),
    tenant,
    process: name.process,
    metric: name.metric,
    unit: name.unit ?? '',
    kind: MetricKind.GAUGE,
    attributes: name.attributes ?? '{}',
    definedAtMs: BigInt(definedAtMs),
  }))
  return record(topics.series, 'series_in', SeriesBatchSchema, { series }, { tenant, process: names[0]?.process ?? '' })
}

/** Samples as `[id, time, value]`. */
export function sampleRecord(samples: readonly (readonly [bigint, number, number])[], tenant = 'default'): TestRecord {
  const baseMs = Math.min(...samples.map(([, timeMs]) => timeMs))
  return record(
    topics.samples,
    'samples_in',
    SampleBatchSchema,
    {
      baseTimeMs: BigInt(baseMs),
      series: samples.map(([id]) => id),
      timeOffsetMs: samples.map(([, timeMs]) => timeMs - baseMs),
      value: samples.map(([, , value]) => value),
    },
    { tenant, process: 'host:web-1', source: 'agent-web-1' },
  )
}

/** A line of numbers in a closed minute: centre, spread and deviation; the value follows. */
export type BaselineLine = readonly [process: string, metric: string, centre: number, spread: number, deviation: number]

export function baselineRecord(minuteTimeMs: number, lines: readonly BaselineLine[], tenant = 'default'): TestRecord {
  return record(
    topics.baselines,
    'baselines_in',
    BaselineBatchSchema,
    {
      tenant,
      minuteTimeMs: BigInt(minuteTimeMs),
      process: lines.map(([process]) => process),
      metric: lines.map(([, metric]) => metric),
      attributes: lines.map(() => ''),
      value: lines.map(([, , centre, spread, deviation]) => centre + spread * deviation),
      centre: lines.map(([, , centre]) => centre),
      spread: lines.map(([, , , spread]) => spread),
      deviation: lines.map(([, , , , deviation]) => deviation),
    },
    { tenant, process: lines[0]?.[0] ?? '', source: 'analyzer' },
  )
}

export interface TestAnomaly {
  readonly id: string
  readonly process: string
  readonly startMs: number
  readonly endMs?: number
  readonly type?: string
  readonly severity?: Severity
  readonly description?: string
  readonly revision?: number
  readonly tenant?: string
  readonly record?: string
}

export function anomalyRecord(anomaly: TestAnomaly): TestRecord {
  const { tenant = 'default', endMs = 0, startMs, revision = 1 } = anomaly
  const phase = revision === 1 ? AnomalyPhase.OPENED : AnomalyPhase.CHANGED
  return record(
    topics.anomalies,
    'anomalies_in',
    AnomalySchema,
    {
      tenant,
      id: anomaly.id,
      process: anomaly.process,
      type: anomaly.type ?? 'performance_degradation',
      severity: anomaly.severity ?? Severity.WARNING,
      phase: endMs > 0 ? AnomalyPhase.CLOSED : phase,
      startTimeMs: BigInt(startMs),
      endTimeMs: BigInt(endMs),
      timeMs: BigInt(Math.max(startMs, endMs)),
      description: anomaly.description ?? `CPU of ${anomaly.process} is high`,
      metric: 'cpu',
      unit: '{cpu}',
      value: 3.7,
      worstValue: 4.2,
      expectedLow: 0.6,
      expectedHigh: 1.2,
      expectedCentre: 0.9,
      score: 18.7,
      contributions: [{ metric: 'cpu', share: 0.75 }],
      record: anomaly.record ?? '',
      metrics: { ...noKpis, cpuCores: 3.7 },
      revision,
    },
    { tenant, process: anomaly.process, source: 'analyzer' },
  )
}

const noKpis = Object.fromEntries(kpiColumns.map(({ field }) => [field, Number.NaN]))

export interface TestAlert {
  readonly id: string
  readonly process: string
  readonly anomalyIds: readonly string[]
  readonly openedAtMs: number
  readonly status?: AlertStatus
  readonly version?: number
  readonly severity?: Severity
  readonly acknowledgedBy?: string
  readonly tenant?: string
}

export function alertRecord(alert: TestAlert): TestRecord {
  const { tenant = 'default', acknowledgedBy = '' } = alert
  return record(
    topics.alerts,
    'alerts_in',
    AlertSchema,
    {
      tenant,
      id: alert.id,
      anomalyId: alert.anomalyIds[0] ?? '',
      anomalyIds: [...alert.anomalyIds],
      process: alert.process,
      rule: 'warning_anomaly',
      type: 'performance_degradation',
      severity: alert.severity ?? Severity.WARNING,
      status: alert.status ?? AlertStatus.OPEN,
      message: `CPU of ${alert.process} is high`,
      recipients: ['webhook:https://example.org'],
      openedAtMs: BigInt(alert.openedAtMs),
      acknowledgedAtMs: acknowledgedBy === '' ? 0n : BigInt(alert.openedAtMs + 1000),
      acknowledgedBy,
      version: alert.version ?? 1,
    },
    { tenant, process: alert.process, source: 'alerter' },
  )
}

export function deadLetterRecord(
  timeMs: number,
  reason: string,
  tenant = 'default',
  more: MessageInitShape<typeof DeadLetterSchema> = {},
): TestRecord {
  return record(
    topics.deadLetters,
    'dead_letters_in',
    DeadLetterSchema,
    {
      tenant,
      timeMs: BigInt(timeMs),
      service: 'intake',
      source: 'agent-1',
      reason,
      detail: 'a test said so',
      payload: Uint8Array.of(1, 2, 255),
      payloadSize: 3n,
      ...more,
    },
    { tenant, process: 'host:web-1' },
  )
}
