import assert from 'node:assert/strict'
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type Anomaly,
  AnomalyPhase,
  AnomalySchema,
  DetectionSettingsSchema,
  SettingsChangeSchema,
  Severity,
  topics,
} from '@driftline/proto'
import { expect, test } from 'vitest'
import { defaultStepConfig } from '../config.ts'
import { createPartitionState } from '../model/state.ts'
import { type AnalyzerEvent, openPartition, step } from '../step.ts'
import { deviceEvents, hostEvents, START_MS, tick } from '../testing/events.ts'
import { createLevelDetector } from '../testing/level-detector.ts'
import type { CreateDetector } from './detector.ts'
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

const settings = (
  effectiveS: number,
  detection: MessageInitShape<typeof DetectionSettingsSchema>,
  process = '',
): AnalyzerEvent => ({
  kind: 'settings',
  change: create(SettingsChangeSchema, {
    tenant: process === '' ? '' : 'default',
    process,
    effectiveTimeMs: BigInt(START_MS + effectiveS * 1000),
    change: { case: 'detection', value: create(DetectionSettingsSchema, detection) },
  }),
})

test.each([
  ['for all processes', '', { enabled: false }],
  ['for its process', 'host:web-1', { enabled: false }],
  ['for its type', '', { disabledTypes: ['level'] }],
])('what is switched off %s closes at the event time of the change, and opens no more', (_, process, change) => {
  const found = anomaliesOf([settings(5, change, process), ...seconds(Array(12).fill(150))])
  expect(found.map(brief)).toMatchObject([
    { phase: AnomalyPhase.OPENED, startS: 0 },
    { phase: AnomalyPhase.CLOSED, startS: 0, endS: 5 },
  ])
})

test('settings of another process change nothing', () => {
  const change = settings(0, { enabled: false }, 'host:web-2')
  expect(anomaliesOf([change, ...seconds(Array(6).fill(150))])).toHaveLength(1)
})

test('several relative types on one track make one anomaly, of the most specific type', () => {
  const named = (type: string, openAfterMs: number) => () => createLevelDetector(100, { type, openAfterMs })
  const detectors = [named('streaming', 0), named('performance_degradation', 3000), named('resource_exhaustion', 0)]
  const found = anomaliesOf(seconds([1, 150, 150, 150, 150, 150]), parts({ detectors }))
  expect(found.map(({ type, phase }) => [type, phase])).toEqual([
    ['resource_exhaustion', AnomalyPhase.OPENED],
    ['performance_degradation', AnomalyPhase.OPENED],
  ])
})

test('what a more specific type takes over is closed', () => {
  const streaming = () => createLevelDetector(100, { type: 'streaming', openAfterMs: 0 })
  const spike = () => createLevelDetector(160, { type: 'error_spike', openAfterMs: 0 })
  const found = anomaliesOf(seconds([1, 150, 150, 170, 170, 170]), parts({ detectors: [streaming, spike] }))
  expect(found.map(({ type, phase }) => [type, phase])).toEqual([
    ['streaming', AnomalyPhase.OPENED],
    ['streaming', AnomalyPhase.CLOSED],
    ['error_spike', AnomalyPhase.OPENED],
  ])
})

test('a detector that throws begins anew, is left out after the third time, and harms nobody else', () => {
  let made = 0
  const broken = () => {
    made += 1
    return { ...createLevelDetector(100, { type: 'broken' }), onBucket: () => assert.fail('on purpose') }
  }
  const partition = openPartition(
    defaultStepConfig,
    createPartitionState(),
    parts({ detectors: [broken, () => createLevelDetector(100)] }),
  )
  const outputs = seconds(Array(10).fill(150)).map((event) => step(defaultStepConfig, partition, event))
  expect(outputs.flatMap(({ detection }) => detection.failures.map(({ detector }) => detector))).toEqual([
    'broken',
    'broken',
    'broken',
  ])
  expect(made).toBe(4)
  expect(outputs.flatMap(({ detection }) => detection.anomalies)).toMatchObject([{ type: 'level' }])
  expect(outputs.flatMap(({ closed }) => closed)).toHaveLength(9)
})

test('an excursion of a process that has ended closes as if it were calm', () => {
  const events: AnalyzerEvent[] = [web.define(['burn'])]
  for (let s = 0; s < 12; s++) {
    const started = s === 0 ? [[7, -90_000, 'burn'] as const] : []
    const ended = s === 8 ? [[7, -90_000] as const] : []
    events.push(web.frame(s * 1000 + 300, { keyFrame: s === 0, started, ended }))
    events.push(web.samples(s * 1000 + 300, s < 8 ? { 'burn.read': 150, 'host.cpu': 1 } : { 'host.cpu': 1 }))
  }
  const found = anomaliesOf(events)
  expect(found.map(brief)).toMatchObject([{ phase: AnomalyPhase.OPENED }, { phase: AnomalyPhase.CLOSED, endS: 8 }])
  expect(found[1]?.description).toBe('disk_read 150; the process has ended')
})

test('programs that come and go have no relative findings', () => {
  const performance = () => createLevelDetector(100, { type: 'performance_degradation', openAfterMs: 0 })
  const run = (startMs: number): Anomaly[] => {
    const events: AnalyzerEvent[] = [web.define(['once'])]
    for (let s = 0; s < 6; s++) {
      events.push(web.frame(s * 1000 + 300, s === 0 ? { keyFrame: true, started: [[7, startMs, 'once']] } : {}))
      events.push(web.samples(s * 1000 + 300, { 'once.read': 150 }))
    }
    return anomaliesOf(events, parts({ detectors: [performance] }))
  }
  expect(run(0)).toEqual([])
  expect(run(-90_000)).toEqual([])
  expect(run(-200_000)).toHaveLength(1)
})

test('what is counted becomes a rate per second, whatever the pace, and a reset is no spike', () => {
  const press = deviceEvents('press')
  const values: number[] = []
  const looks: CreateDetector = () => ({
    ...createLevelDetector(0),
    onBucket(bucket, { tracks }) {
      for (let i = 0; i < bucket.count; i++)
        if (tracks.metric(bucket.track[i]!) !== 'level') values.push(bucket.value[i]!)
    },
  })
  const events: AnalyzerEvent[] = [press.definition]
  const totals = [100, 120, 140, 20, 40]
  for (const [at, total] of totals.entries()) events.push(press.samples(at * 10_000, { counted: 20, total }))
  anomaliesOf([...events, tick(100_000)], parts({ detectors: [looks] }))
  expect(values).toEqual([2, 2, 2, 2, 2, 2, 2, 2])
})

test('numbers of what is forgotten are given again, and what was open of it is closed', () => {
  const config = { ...defaultStepConfig, hostsMax: 1 }
  const partition = openPartition(config, createPartitionState(), parts())
  const run = (events: readonly AnalyzerEvent[]) =>
    events.flatMap((event) => step(config, partition, event).detection.anomalies)
  expect(run(seconds([150, 150, 150, 150, 150]))).toMatchObject([{ phase: AnomalyPhase.OPENED }])
  const other = hostEvents('web-2')
  const hour = 3_700_000
  const found = run([other.define([]), other.samples(hour, { 'host.diskRead': 1 }), other.samples(hour + 1300, {})])
  expect(found).toMatchObject([{ phase: AnomalyPhase.CLOSED }])
  const { engine } = partition
  expect(engine.count()).toMatchObject({ units: 1, processes: 1, tracks: 1 })
  expect(engine.table.processes.id(0)).toBe('host:web-2')
  expect(engine.table.tracks.size).toBe(1)
})

test('tracks beyond the bound are counted and left out', () => {
  const config = { ...defaultStepConfig, detection: { ...defaultStepConfig.detection, tracksMax: 2 } }
  const partition = openPartition(config, createPartitionState(), parts())
  const press = deviceEvents('press')
  const outputs = [press.definition, press.samples(0, { level: 1, counted: 1, total: 1 })].map(
    (event) => step(config, partition, event).detection.dropped.tracks,
  )
  expect(outputs).toEqual([0, 1])
})
