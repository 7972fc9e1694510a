import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import {
  DeadLetterSchema,
  KpiBatchSchema,
  MetricKind,
  PackedSnapshotSchema,
  routingKey,
  SampleBatchSchema,
  SeriesBatchSchema,
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

export function deadLetterRecord(timeMs: number, reason: string, tenant = 'default'): TestRecord {
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
    },
    { tenant, process: 'host:web-1' },
  )
}
