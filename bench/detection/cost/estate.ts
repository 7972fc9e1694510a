import { create } from '@bufbuild/protobuf'
import {
  encodeSamples,
  groupMetrics,
  hostMetrics,
  MetricKind,
  type Series,
  SeriesSchema,
  seriesId,
} from '../../../proto/src/index.ts'
import { defaultStepConfig, type StepConfig } from '../../../services/analyzer/src/config.ts'
import { decodeRecord } from '../../../services/analyzer/src/decode.ts'
import { createPartitionState } from '../../../services/analyzer/src/model/state.ts'
import { type Outcome, openPartition, type Partition, step } from '../../../services/analyzer/src/step.ts'

export const START_MS = Date.UTC(2027, 0, 18, 8)

/** One source and the ids of its series. */
export interface Source {
  readonly hostKey: string
  readonly process: string
  readonly series: readonly Series[]
  readonly ids: BigUint64Array
  readonly value: Float64Array
  /** What each series is around. */
  readonly level: Float64Array
}

function sourceOf(process: string, series: readonly Series[]): Source {
  return {
    hostKey: `default/${process}`,
    process,
    series,
    ids: BigUint64Array.from(series, ({ id }) => id),
    value: new Float64Array(series.length),
    level: Float64Array.from(series, levelOf),
  }
}

/** Nothing is near its limit: shares of a third, limits that are far. */
function levelOf({ metric }: Series, at: number): number {
  if (metric.endsWith('.utilization') || metric.endsWith('.share')) return 0.3
  return metric.endsWith('.limit') ? 1e6 : 1 + (at % 97)
}

function seriesOf(process: string, metric: string, attributes: string, kind = MetricKind.GAUGE): Series {
  const id = seriesId('default', process, metric, attributes)
  return create(SeriesSchema, { id, tenant: 'default', process, metric, attributes, kind, unit: '1' })
}

/** A host that runs `groups` groups of processes: its series feed KPIs and tracks of their own. */
export function hostSource(name: string, groups: number): Source {
  const host = `host:${name}`
  const series = Object.values(hostMetrics).map(({ name: metric }) => seriesOf(host, metric, '{}'))
  for (let group = 0; group < groups; group++) {
    for (const { name: metric } of Object.values(groupMetrics))
      series.push(seriesOf(`os:${name}:group-${group}`, metric, '{}'))
  }
  return sourceOf(host, series)
}

/** A device with `count` plain series. */
export function deviceSource(name: string, count: number): Source {
  const process = `device:plant:${name}`
  return sourceOf(
    process,
    Array.from({ length: count }, (_, at) => seriesOf(process, `metric_${at % 100}`, `{"part":"${at}"}`)),
  )
}

export function openEstate(sources: readonly Source[], changes: Partial<StepConfig> = {}) {
  const config = { ...defaultStepConfig, ...changes }
  const partition = openPartition(config, createPartitionState())
  for (const { hostKey, series } of sources) step(config, partition, { kind: 'series', hostKey, series })
  return { config, partition }
}

const HEADERS = {
  'content-type': 'application/protobuf',
  message: 'driftline.v1.SampleBatch',
  tenant: 'default',
  source: 'bench',
  epoch: '1',
} as const

/** Bytes of one sample of each series of a source, noisy around a level of its own, with the hours of the day. */
export function scanOf(source: Source, second: number): Uint8Array {
  const { value, ids, level } = source
  const day = 1 + 0.2 * Math.sin((second / 86_400) * 2 * Math.PI)
  for (let at = 0; at < value.length; at++) value[at] = level[at]! * (day + 0.05 * noise(at, second))
  return encodeSamples({
    baseTimeMs: BigInt(START_MS + second * 1000 + 100),
    seriesPairs: ids,
    timeOffsetMs: new Int32Array(ids.length),
    value,
  })
}

/** -1 to 1, the same for the same arguments. */
function noise(at: number, second: number): number {
  const hash = Math.imul((at + 1) * 0x9e3779b1, second + 0x85ebca6b)
  return ((hash ^ (hash >>> 15)) >>> 8) / 0x800000 - 1
}

/** One record as the analyzer takes it from the bus: decodes and applies it. */
export function applyScan(
  config: StepConfig,
  partition: Partition,
  source: Source,
  second: number,
  value: Uint8Array,
): Outcome | null {
  const verdict = decodeRecord({
    topic: 'driftline.samples.v1',
    partition: 0,
    offset: second,
    key: source.hostKey,
    storedAtMs: START_MS + second * 1000 + 150,
    headers: { ...HEADERS, sequence: String(second) },
    value,
  })
  return verdict.kind === 'emit' ? step(config, partition, verdict.value) : null
}
