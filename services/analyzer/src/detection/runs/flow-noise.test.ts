import { create, fromBinary } from '@bufbuild/protobuf'
import {
  type Anomaly,
  AnomalyPhase,
  AnomalySchema,
  type Metric,
  MetricKind,
  processMetrics,
  RunStatus,
  SeriesSchema,
  seriesId,
  topics,
} from '@driftline/proto'
import { expect, test, vi } from 'vitest'
import { defaultStepConfig } from '../../config.ts'
import type { KpiRows } from '../../model/close.ts'
import { createPartitionState } from '../../model/state.ts'
import { type AnalyzerEvent, openPartition, step } from '../../step.ts'
import { START_MS, tick } from '../../testing/events.ts'
import { flowEvents } from '../../testing/run-events.ts'

vi.setConfig({ testTimeout: 120_000 })

const flow = flowEvents()
const { process } = flow
const hostKey = `default/${process}`
const stepDuration: Metric = { name: 'flow.step.duration', unit: 's', kind: MetricKind.GAUGE, about: '' }
const medians = [40, 60, 250, 900, 3000]
const keys = ['a', 'b', 'c', 'd', 'e']

interface Line {
  readonly metric: Metric
  readonly attributes: string
}
const plain = (metric: Metric): Line => ({ metric, attributes: '{}' })
const lines: Line[] = [
  plain(processMetrics.executionTime),
  plain(processMetrics.events),
  plain(processMetrics.failedEvents),
  ...keys.map((key, at) => ({ metric: stepDuration, attributes: JSON.stringify({ key, step: String(at + 1) }) })),
]
const idOf = ({ metric, attributes }: Line): bigint => seriesId('default', process, metric.name, attributes)
const define: AnalyzerEvent = {
  kind: 'series',
  hostKey,
  series: lines.map((line) => {
    const { name: metric, unit, kind } = line.metric
    return create(SeriesSchema, {
      id: idOf(line),
      tenant: 'default',
      process,
      metric,
      unit,
      kind,
      attributes: line.attributes,
    })
  }),
}

/** A generator that is the same each time. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

interface Life {
  readonly everyMs: number
  readonly lastsMs: number
  /** What the durations of a run are multiplied by, and whether its last step fails. */
  readonly runAt?: (runNumber: number) => { readonly factor?: number; readonly fails?: boolean }
}

/** The life of a flow as the checker tells it: transitions of runs, and samples at the end of each. */
function live({ everyMs, lastsMs, runAt }: Life): { anomalies: Anomaly[]; rows: KpiRows[] } {
  const random = randomOf(7)
  const jitter = (): number => 0.85 + 0.3 * random() + (random() > 0.97 ? 0.4 : 0)
  const partition = openPartition(defaultStepConfig, createPartitionState())
  const anomalies: Anomaly[] = []
  const rows: KpiRows[] = []
  const take = (event: AnalyzerEvent): void => {
    const { detection, closed } = step(defaultStepConfig, partition, event)
    rows.push(...closed)
    for (const { topic, value } of detection.records) {
      if (topic === topics.anomalies.name) anomalies.push(fromBinary(AnomalySchema, value))
    }
  }
  const queue: { atMs: number; event: AnalyzerEvent }[] = []
  for (let at = everyMs, number = 0; at < lastsMs; at += everyMs, number++) {
    const { factor = 1, fails = false } = runAt?.(number) ?? {}
    const steps = medians.map((ms, index) => ({
      name: keys[index]!,
      ms: Math.round(ms * factor * jitter()),
      ...(fails && index === 4 ? { status: RunStatus.FAILED, message: 'status was 503, expected 200' } : {}),
    }))
    const messages = flow.messagesOf({ run: `run-${number}`, atMs: at, steps })
    for (const { message, atMs } of messages)
      queue.push({ atMs: atMs - START_MS + 30, event: flow.toEvent(message, atMs + 30) })
    const endMs = messages.at(-1)!.atMs - START_MS
    const total = steps.reduce((sum, { ms }) => sum + ms, 0)
    const values = [total / 1000, 1, fails ? 1 : 0, ...steps.map(({ ms }) => ms / 1000)]
    const columns = {
      baseTimeMs: BigInt(START_MS + endMs),
      count: lines.length,
      seriesPairs: new Uint32Array(BigUint64Array.from(lines.map(idOf)).buffer),
      timeOffsetMs: new Int32Array(lines.length),
      value: Float64Array.from(values),
    }
    const origin = { hostKey, tenant: 'default', process, storedAtMs: START_MS + endMs + 200 }
    queue.push({ atMs: endMs + 200, event: { kind: 'samples', origin, columns } })
  }
  queue.sort((a, b) => a.atMs - b.atMs)
  take(define)
  for (let now = 0; now < lastsMs; now += 1000) {
    while (queue.length > 0 && queue[0]!.atMs <= now) take(queue.shift()!.event)
    take(tick(now))
  }
  return { anomalies, rows }
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const told = (anomalies: readonly Anomaly[]): string[] =>
  anomalies
    .filter(({ phase }) => phase === AnomalyPhase.OPENED)
    .map(({ type, description }) => `${type}: ${description}`)

test.each<[string, Life]>([
  ['every ten seconds', { everyMs: 10_000, lastsMs: 4 * HOUR }],
  ['every minute', { everyMs: MINUTE, lastsMs: 12 * HOUR }],
  ['every five minutes', { everyMs: 5 * MINUTE, lastsMs: 24 * HOUR }],
  ['every hour', { everyMs: HOUR, lastsMs: 48 * HOUR }],
])('a flow that runs %s and is as always makes no anomaly', (_, life) => {
  expect(told(live(life).anomalies)).toEqual([])
})

test('a run a minute has all KPIs: how long, how many succeed, how often', () => {
  const { rows } = live({ everyMs: MINUTE, lastsMs: HOUR, runAt: (number) => ({ fails: number === 30 }) })
  expect(rows.length).toBe(59)
  const [first, ...later] = rows
  expect(first!.executionTimeMs[0]).toBeGreaterThan(3000)
  expect(later.every(({ throughputPerSecond }) => Math.abs(throughputPerSecond[0]! - 1 / 60) < 0.002)).toBe(true)
  expect(rows.filter(({ errorRate }) => errorRate[0] === 0).length).toBe(58)
  expect(rows[30]!.errorRate[0]).toBe(1)
  expect(rows[30]!.successRate[0]).toBe(0)
})

test('one failed run is one anomaly', () => {
  const { anomalies } = live({ everyMs: MINUTE, lastsMs: 3 * HOUR, runAt: (number) => ({ fails: number === 150 }) })
  expect(told(anomalies).map((each) => each.split(':')[0])).toEqual(['run_failed'])
})

test('a step that takes 1.8 times as long from now on is a shift of its level', () => {
  const { anomalies } = live({
    everyMs: MINUTE,
    lastsMs: 4 * HOUR,
    runAt: (number) => ({ factor: number > 210 ? 1.8 : 1 }),
  })
  const found = told(anomalies)
  for (const key of keys) {
    expect(found.filter((each) => each.startsWith(`level_shift: flow.step.duration (key ${key},`))).toHaveLength(1)
  }
  expect(found.some((each) => each.startsWith('performance_degradation: Execution time'))).toBe(true)
  expect(found.filter((each) => !/^(level_shift|performance_degradation)/.test(each))).toEqual([])
})
