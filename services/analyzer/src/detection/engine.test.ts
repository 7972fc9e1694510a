import { fromBinary } from '@bufbuild/protobuf'
import { type Anomaly, AnomalyPhase, AnomalySchema, Severity, topics } from '@driftline/proto'
import { expect, test } from 'vitest'
import { defaultStepConfig } from '../config.ts'
import { createPartitionState } from '../model/state.ts'
import { type AnalyzerEvent, openPartition, step } from '../step.ts'
import { hostEvents, START_MS, tick } from '../testing/events.ts'
import { createLevelDetector } from '../testing/level-detector.ts'
import type { EngineDeps } from './engine-core.ts'
import { createUnlearntBaselines } from './unlearnt-baselines.ts'

const web = hostEvents('web-1')

const parts = (changes: Partial<EngineDeps> = {}): EngineDeps => ({
  detectors: [() => createLevelDetector(100)],
  createBaselines: createUnlearntBaselines,
  describe: ({ metric, value }) => `${metric} ${value}`,
  ...changes,
})

function anomaliesOf(events: readonly AnalyzerEvent[], engine: EngineDeps = parts()): Anomaly[] {
  const partition = openPartition(defaultStepConfig, createPartitionState(), engine)
  const records = events.flatMap((event) => step(defaultStepConfig, partition, event).detection.records)
  return records
    .filter(({ topic }) => topic === topics.anomalies.name)
    .map(({ value }) => fromBinary(AnomalySchema, value))
}

/** One sample of the host's disk reads per second; undefined for none. */
const seconds = (values: readonly (number | undefined)[]): AnalyzerEvent[] => [
  web.define([]),
  ...values.flatMap((value, second) =>
    value === undefined ? [] : [web.samples(second * 1000 + 300, { 'host.diskRead': value })],
  ),
]

const brief = (anomaly: Anomaly) => ({
  phase: anomaly.phase,
  startS: (Number(anomaly.startTimeMs) - START_MS) / 1000,
  endS: anomaly.endTimeMs === 0n ? null : (Number(anomaly.endTimeMs) - START_MS) / 1000,
  value: anomaly.value,
  worst: anomaly.worstValue,
})

test('what lasts opens once, is told again when it grows, and closes after the calm', () => {
  const found = anomaliesOf(seconds([1, 150, 160, 170, 180, 90, 90, 90, 90]))
  expect(found.map(brief)).toEqual([
    { phase: AnomalyPhase.OPENED, startS: 1, endS: null, value: 170, worst: 170 },
    { phase: AnomalyPhase.CLOSED, startS: 1, endS: 5, value: 180, worst: 180 },
  ])
  expect(new Set(found.map(({ id }) => id)).size).toBe(1)
  expect(found[0]).toMatchObject({
    process: 'host:web-1',
    type: 'level',
    metric: 'disk_read',
    unit: 'By/s',
    severity: Severity.WARNING,
    revision: 1,
    description: 'disk_read 170',
  })
  expect(found[0]?.metrics?.readBytesPerSecond).toBe(170)
  expect(found[1]).toMatchObject({ revision: 2, description: 'disk_read 180' })
})

test.each([
  ['too short an excursion', [1, 150, 150, 1, 150, 150, 1, 1, 1, 1]],
  ['nothing at all', [1, 2, 3, 4, 5, 6]],
])('%s opens nothing', (_, values) => {
  expect(anomaliesOf(seconds(values))).toEqual([])
})

test('a rise in severity is told at once', () => {
  const found = anomaliesOf(seconds([150, 150, 150, 150, 250, 150, 150]))
  expect(found.map(({ phase, severity }) => [phase, severity])).toEqual([
    [AnomalyPhase.OPENED, Severity.WARNING],
    [AnomalyPhase.CHANGED, Severity.CRITICAL],
  ])
})

test('a calm that is too short does not close', () => {
  const found = anomaliesOf(seconds([150, 150, 150, 1, 150, 150, 150, 1, 1, 1]))
  expect(found.map(({ phase }) => phase)).toEqual([AnomalyPhase.OPENED, AnomalyPhase.CLOSED])
})

test('a source that goes silent keeps its excursion for five minutes', () => {
  const events = seconds([150, 150, 150, 150])
  const silent = (s: number) => [...events, ...Array.from({ length: s }, (_, at) => tick(4000 + at * 1000))]
  expect(anomaliesOf(silent(290)).map(({ phase }) => phase)).toEqual([AnomalyPhase.OPENED])
  const found = anomaliesOf(silent(310))
  expect(found.map(brief)[1]).toMatchObject({ phase: AnomalyPhase.CLOSED, endS: 4 })
  expect(found[1]?.description).toBe('disk_read 150; nothing has been heard since')
})
