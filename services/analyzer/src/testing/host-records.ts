import { create, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import {
  encodeSamples,
  groupMetrics,
  MetricKind,
  PackedSnapshotSchema,
  ProcessTableSchema,
  routingKey,
  SeriesBatchSchema,
  seriesId,
  topics,
} from '@driftline/proto'
import { START_MS } from './events.ts'

/** Everything that an intake would publish of one host, second by second. */
export function hostRecords(host: string, second: number): OutgoingRecord[] {
  const key = routingKey('default', `host:${host}`)
  const process = `os:${host}:nginx`
  const metric = groupMetrics.cpu.name
  const id = seriesId('default', process, metric, '{}')
  const timeMs = BigInt(START_MS + second * 1000 + 300)
  const headers = {
    'content-type': 'application/protobuf',
    tenant: 'default',
    source: `agent-${host}`,
    epoch: '1',
  } as const
  const record = (topic: { name: string; message: { typeName: string } }, value: Uint8Array): OutgoingRecord => ({
    topic: topic.name,
    key,
    headers: { ...headers, message: topic.message.typeName, sequence: String(second + 1) },
    value,
  })
  const table = create(ProcessTableSchema, {
    strings: ['', process],
    started: { pid: [second + 1], startTimeMs: [timeMs - 100n], group: [1] },
  })
  const snapshot = {
    tenant: 'default',
    host,
    timeMs,
    keyFrame: second === 0,
    table: toBinary(ProcessTableSchema, table),
  }
  const samples = encodeSamples({
    baseTimeMs: timeMs,
    seriesPairs: BigUint64Array.of(id),
    timeOffsetMs: new Int32Array(1),
    value: Float64Array.of(second / 8),
  })
  const series = { id, tenant: 'default', process, metric, unit: '{cpu}', kind: MetricKind.GAUGE, attributes: '{}' }
  const definition = record(topics.series, toBinary(SeriesBatchSchema, create(SeriesBatchSchema, { series: [series] })))
  return [
    ...(second === 0 ? [definition] : []),
    record(topics.samples, samples),
    record(topics.snapshots, toBinary(PackedSnapshotSchema, create(PackedSnapshotSchema, snapshot))),
  ]
}
