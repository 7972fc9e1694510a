import { fromBinary } from '@bufbuild/protobuf'
import { type Anomaly, AnomalySchema, SettingsChangeSchema, topics } from '@driftline/proto'
import { expect, test } from 'vitest'
import { defaultStepConfig } from '../../config.ts'
import type { EngineDeps } from '../../detection/engine-core.ts'
import { createUnlearntBaselines } from '../../detection/unlearnt-baselines.ts'
import { createPartitionState } from '../../model/state.ts'
import { modelRecord } from '../../settings-records.ts'
import { type AnalyzerEvent, openPartition, stateOf, step } from '../../step.ts'
import { hostEvents } from '../../testing/events.ts'
import { createIsolationForest } from './detector.ts'
import { createRandom } from './random.ts'
import { forestModel, rowsOf, trainBytes } from './train-job.ts'
import type { TrainingJob } from './training.ts'

const parts: EngineDeps = {
  detectors: [createIsolationForest],
  createBaselines: createUnlearntBaselines,
  describe: ({ type }) => type,
}
const web = hostEvents('web-1')
const MINUTES = 2600

/** A sample a minute for almost two days; for ten minutes near the end the disk is read and written as never before. */
function* minutes(): Generator<AnalyzerEvent> {
  const random = createRandom(1n)
  yield web.define([])
  for (let minute = 0; minute < MINUTES; minute++) {
    const load = 1.5 + Math.sin((2 * Math.PI * minute) / 720) + 0.2 * random.nextUnit()
    const isBusy = minute >= 2400 && minute < 2410
    const disk = isBusy ? { diskRead: 3e9, diskWrite: 2e9 } : { diskRead: 1e5 * load, diskWrite: 2e5 * load }
    const values = { ...disk, memoryUsed: 4e9 + 1e9 * load, processes: 100 + Math.round(5 * load) }
    const named = Object.entries(values).map(([metric, value]) => [`host.${metric}`, value])
    yield web.samples(minute * 60_000 + 30_000, Object.fromEntries(named))
  }
}

const settingsOf = (job: TrainingJob): AnalyzerEvent => {
  const { value } = modelRecord(job, forestModel(job, rowsOf(job), trainBytes(job)))
  return { kind: 'settings', change: fromBinary(SettingsChangeSchema, value) }
}

interface Run {
  readonly stream: AnalyzerEvent[]
  readonly anomalies: Anomaly[]
  readonly jobs: number
}

/** Applies events; jobs are done `trainedAfter` events later, or not at all, when the stream has the models already. */
function run(events: Iterable<AnalyzerEvent>, trainedAfter: number, restartEvery = Number.POSITIVE_INFINITY): Run {
  let partition = openPartition(defaultStepConfig, createPartitionState(), parts)
  const stream: AnalyzerEvent[] = []
  const anomalies: Anomaly[] = []
  const waiting: { readonly at: number; readonly job: TrainingJob }[] = []
  let jobs = 0
  const apply = (event: AnalyzerEvent): void => {
    stream.push(event)
    const { detection } = step(defaultStepConfig, partition, event)
    expect(detection.failures).toEqual([])
    jobs += detection.jobs.length
    for (const job of detection.jobs) waiting.push({ at: stream.length + trainedAfter, job })
    for (const { topic, value } of detection.records) {
      if (topic === topics.anomalies.name) anomalies.push(fromBinary(AnomalySchema, value))
    }
  }
  for (const event of events) {
    apply(event)
    while (waiting.length > 0 && waiting[0]!.at <= stream.length) apply(settingsOf(waiting.shift()!.job))
    if (stream.length % restartEvery === 0) {
      partition = openPartition(defaultStepConfig, structuredClone(stateOf(partition)), parts)
    }
  }
  return { stream, anomalies, jobs }
}

test.each([
  ['at once', 0],
  ['long after they should hold', 30],
])(
  'a recorded stream gives the same anomalies, with models that came %s',
  (_, trainedAfter) => {
    const live = run(minutes(), trainedAfter)
    expect(live.jobs).toBeGreaterThan(3)
    expect(live.anomalies.length).toBeGreaterThanOrEqual(2)
    expect(live.anomalies[0]).toMatchObject({ type: 'isolation_forest', process: 'host:web-1', metric: '' })
    const first = live.anomalies[0]!.contributions[0]!.metric
    expect(['disk_read', 'disk_write']).toContain(first)
    const models = live.stream.filter(({ kind }) => kind === 'settings').length
    expect(models).toBe(live.jobs)
    // Nothing is trained in a replay: what was asked for then is answered by the stream.
    const replay = run(live.stream, Number.POSITIVE_INFINITY, 501)
    expect(replay.anomalies).toEqual(live.anomalies)
    expect(replay.jobs).toBe(live.jobs)
  },
  120_000,
)
