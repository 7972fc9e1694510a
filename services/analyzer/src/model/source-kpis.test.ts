import { create } from '@bufbuild/protobuf'
import { groupMetrics, MetricKind, processMetrics, SeriesSchema, seriesId } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { defaultStepConfig } from '../config.ts'
import { type AnalyzerEvent, openPartition, step } from '../step.ts'
import { START_MS, tick } from '../testing/events.ts'
import type { KpiRows } from './close.ts'
import { columnOf, ownTrack } from './columns.ts'
import { createPartitionState } from './state.ts'

const process = 'device:plant-a:press-3'
const metrics = [processMetrics.executionTime, processMetrics.events, processMetrics.failedEvents, groupMetrics.cpu]
const hostKey = `default/${process}`

const define: AnalyzerEvent = {
  kind: 'series',
  hostKey,
  series: metrics.map(({ name: metric, unit, kind }) => {
    const id = seriesId('default', process, metric, '{}')
    return create(SeriesSchema, { id, tenant: 'default', process, metric, unit, kind, attributes: '{}' })
  }),
}

/** Values by the key of `processMetrics`, at milliseconds after the start. */
function samples(timeMs: number, values: { readonly [key: string]: number }): AnalyzerEvent {
  const ids = Object.keys(values).map((key) => {
    const metric = key === 'cpu' ? groupMetrics.cpu : processMetrics[key as keyof typeof processMetrics]
    return seriesId('default', process, metric.name, '{}')
  })
  const columns = {
    baseTimeMs: BigInt(START_MS + timeMs),
    count: ids.length,
    seriesPairs: new Uint32Array(BigUint64Array.from(ids).buffer),
    timeOffsetMs: new Int32Array(ids.length),
    value: Float64Array.from(Object.values(values)),
  }
  return { kind: 'samples', origin: { hostKey, tenant: 'default', process, storedAtMs: START_MS + timeMs }, columns }
}

function rowsOf(...events: readonly AnalyzerEvent[]): KpiRows[] {
  const partition = openPartition(defaultStepConfig, createPartitionState())
  const all = [define, ...events, tick(60_000)]
  return all.flatMap((event) => step(defaultStepConfig, partition, event).closed)
}

describe('a source counts what it does', () => {
  test('throughput, errors and execution time of a second', () => {
    const [rows] = rowsOf(
      samples(100, { events: 30, failedEvents: 1, executionTime: 0.2 }),
      samples(600, { events: 10, failedEvents: 1, executionTime: 0.4 }),
    )
    expect(rows!.process).toEqual([process])
    expect(rows!.throughputPerSecond[0]).toBe(40)
    expect(rows!.errorRate[0]).toBe(0.05)
    expect(rows!.successRate[0]).toBe(0.95)
    expect(rows!.executionTimeMs[0]).toBeCloseTo(300, 9)
    expect(rows!.cpuCores[0]).toBeNaN()
  })

  test('one that does something every ten seconds does it at a tenth a second', () => {
    const rows = rowsOf(...[0, 10, 20].map((second) => samples(second * 1000 + 300, { events: 1 })))
    expect(rows.map((each) => each.throughputPerSecond[0])).toEqual([1, 0.1, 0.1])
  })

  test('without events there is no rate, and without failures no error', () => {
    const [level, counted] = rowsOf(samples(100, { cpu: 0.5 }), samples(1100, { events: 2 }))
    expect(level!.throughputPerSecond[0]).toBeNaN()
    expect(level!.successRate[0]).toBeNaN()
    expect(level!.cpuCores[0]).toBe(0.5)
    expect(counted!.errorRate[0]).toBe(0)
  })

  test('never more failures than events', () => {
    const [rows] = rowsOf(samples(100, { events: 2, failedEvents: 5 }))
    expect([rows!.errorRate[0], rows!.successRate[0]]).toEqual([1, 0])
  })
})

describe('which series are KPIs', () => {
  const series = (changes: object) => ({
    process,
    metric: processMetrics.events.name,
    kind: MetricKind.DELTA,
    attributes: '{}',
    ...changes,
  })

  test.each<[string, object, boolean]>([
    ['what a device counts', {}, true],
    ['what a log counts', { process: 'log:payments' }, true],
    ['what a service counts', { process: 'service:orders' }, true],
    ['a part of it', { attributes: '{"log.level":"error"}' }, false],
    ['a running total', { kind: MetricKind.CUMULATIVE }, false],
    ['the same name at a group of programs', { process: 'os:web-1:nginx' }, false],
    ['how long it took', { metric: processMetrics.executionTime.name, kind: MetricKind.GAUGE }, true],
    ['any other metric', { metric: 'device.oil.temperature', kind: MetricKind.GAUGE }, false],
  ])('%s', (_, changes, isColumn) => {
    expect(columnOf(series(changes)) !== ownTrack).toBe(isColumn)
  })
})
