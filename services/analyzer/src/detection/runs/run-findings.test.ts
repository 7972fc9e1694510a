import assert from 'node:assert/strict'
import { create, fromBinary } from '@bufbuild/protobuf'
import {
  type Anomaly,
  AnomalyPhase,
  AnomalySchema,
  RunStatus,
  SettingsChangeSchema,
  Severity,
  topics,
} from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { decodeMoment, encodeMoment } from '../../checkpoint-codec.ts'
import { readAnalyzerConfig } from '../../config.ts'
import { createPartitionState } from '../../model/state.ts'
import { type AnalyzerEvent, openPartition, type Partition, stateOf, step } from '../../step.ts'
import { START_MS, tick } from '../../testing/events.ts'
import { flowEvents, type TestRun, type TestStep } from '../../testing/run-events.ts'

const config = readAnalyzerConfig({ env: {}, yaml: {}, file: null }).step
const MINUTE = 60_000
const flow = flowEvents()

function anomaliesOf(partition: Partition, events: readonly AnalyzerEvent[]): Anomaly[] {
  return events
    .flatMap((event) => step(config, partition, event).detection.records)
    .filter(({ topic }) => topic === topics.anomalies.name)
    .map(({ value }) => fromBinary(AnomalySchema, value))
}
const open = (): Partition => openPartition(config, createPartitionState())

const steps = (ledgerMs: number, ledger: Partial<TestStep> = {}): TestStep[] => [
  { name: 'Sign in', ms: 40 },
  { name: 'Order received', ms: 60 },
  { name: 'Invoice issued', ms: 80 },
  { name: 'Posted to ledger', ms: ledgerMs, ...ledger },
  { name: 'Ledger agrees', ms: 50 },
]
const runAt = (minute: number, of: readonly TestStep[], changes: Partial<TestRun> = {}): AnalyzerEvent[] =>
  flow.run({ run: `run-${minute}`, atMs: minute * MINUTE, steps: of, ...changes })
const usual = (minute: number): AnalyzerEvent[] => runAt(minute, steps(3090 + (minute % 3) * 10))
const ticks = (fromMs: number, toMs: number): AnalyzerEvent[] =>
  Array.from({ length: Math.max(0, Math.floor((toMs - fromMs) / 1000)) }, (_, at) => tick(fromMs + at * 1000))

/** A flow whose steps are known: twelve runs, a minute apart. */
function learnt(): Partition {
  const partition = open()
  for (let minute = 0; minute < 12; minute++) expect(anomaliesOf(partition, usual(minute))).toEqual([])
  return partition
}
const AT = 20

describe('a step that takes longer than usual', () => {
  test('is an anomaly from three times on, and over with the next run that is as usual', () => {
    const partition = learnt()
    const [slow, ...rest] = anomaliesOf(partition, runAt(AT, steps(9400)))
    expect(rest).toEqual([])
    expect(slow).toMatchObject({
      process: flow.process,
      type: 'step_slow',
      severity: Severity.WARNING,
      phase: AnomalyPhase.OPENED,
      startTimeMs: BigInt(START_MS + AT * MINUTE + 180),
      metric: 'flow.step.duration',
      attributes: '{"key":"posted_to_ledger","step":"4"}',
      unit: 's',
      value: 9.4,
      description: 'Step 4, Posted to ledger, takes 9.4 s, 3 times what is usual (3.1 s), since 08:20:00 UTC',
      revision: 1,
    })
    expect(JSON.parse(slow!.record)).toEqual({ checkId: 'run-20', stepNumber: 4, stepName: 'Posted to ledger' })
    const [closed, ...none] = anomaliesOf(partition, usual(AT + 1))
    expect(none).toEqual([])
    expect(closed).toMatchObject({ id: slow!.id, phase: AnomalyPhase.CLOSED, revision: 2 })
    expect(closed!.description).toBe(
      'Step 4, Posted to ledger, took 9.4 s, 3 times what is usual (3.1 s), from 08:20:00 UTC; lasted 9 s',
    )
  })

  test('is found while it still runs, before it fails', () => {
    const partition = learnt()
    const [began] = runAt(AT, steps(30_000)).filter((_, index) => index === 6)
    const startMs = AT * MINUTE + 180
    expect(anomaliesOf(partition, [...ticks(startMs - 5000, startMs), began!])).toEqual([])
    expect(anomaliesOf(partition, ticks(startMs, startMs + 9000))).toEqual([])
    const [slow, ...rest] = anomaliesOf(partition, ticks(startMs + 9000, startMs + 13_000))
    expect(rest).toEqual([])
    expect(slow).toMatchObject({ type: 'step_slow', phase: AnomalyPhase.OPENED, severity: Severity.WARNING })
    expect(slow!.description).toMatch(/^Step 4, Posted to ledger, has taken 10 s so far, 3\.\d times what is usual/)
    const later = anomaliesOf(partition, ticks(startMs + 13_000, startMs + 40_000))
    expect(later.at(-1)).toMatchObject({ id: slow!.id, phase: AnomalyPhase.CHANGED, severity: Severity.CRITICAL })
    expect(later.length).toBeLessThanOrEqual(4)
  })

  test('is the same anomaly, whether it was found while it ran or after', () => {
    const events = runAt(AT, steps(12_000))
    const [after] = anomaliesOf(learnt(), events.slice(-1))
    const while_ = learnt()
    const startMs = AT * MINUTE + 180
    const before = anomaliesOf(while_, [...events.slice(0, 7), ...ticks(startMs, startMs + 11_900)])
    expect(before.map(({ phase }) => phase)).toEqual([AnomalyPhase.OPENED])
    const [ended] = anomaliesOf(while_, events.slice(7))
    expect([before[0]!.id, ended!.id]).toEqual([after!.id, after!.id])
    expect(ended).toMatchObject({ phase: AnomalyPhase.CHANGED, value: 12, revision: 2 })
    expect(ended!.description).toContain('takes 12 s, 3.9 times')
  })

  test('stays one anomaly over runs, is critical from ten times on, and tells the worst at its end', () => {
    const partition = learnt()
    const all = [9400, 33_000, 10_000].flatMap((ms, at) => anomaliesOf(partition, runAt(AT + at, steps(ms))))
    expect(new Set(all.map(({ id }) => id)).size).toBe(1)
    expect(all.map(({ severity }) => severity)).toEqual([Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL])
    expect(all.map(({ revision }) => revision)).toEqual([1, 2, 3])
    const [closed] = anomaliesOf(partition, usual(AT + 4))
    expect(closed).toMatchObject({ worstValue: 33, phase: AnomalyPhase.CLOSED })
    expect(closed!.description).toContain('took 33 s')
  })

  test('is over after two hours without a run', () => {
    const partition = learnt()
    const [slow] = anomaliesOf(partition, runAt(AT, steps(9400)))
    const hours = (count: number) => [tick(AT * MINUTE + count * 60 * MINUTE + 20_000)]
    expect(anomaliesOf(partition, hours(1.9))).toEqual([])
    expect(anomaliesOf(partition, hours(2.1))).toMatchObject([{ id: slow!.id, phase: AnomalyPhase.CLOSED }])
  })

  test('that fails late is both slow and failed', () => {
    const partition = learnt()
    const of = steps(30_000, { status: RunStatus.TIMEOUT, message: 'no answer within 30 s' })
    const all = anomaliesOf(partition, runAt(AT, of))
    expect(all.map(({ type }) => type)).toEqual(['step_slow', 'run_failed'])
    expect(all[1]!.description).toContain('Run timed out at step 4, Posted to ledger: no answer within 30 s')
  })

  test('is nothing below three times', () => {
    expect(anomaliesOf(learnt(), runAt(AT, steps(9200)))).toEqual([])
  })

  test('is nothing while fewer than eight successes are known', () => {
    const partition = open()
    for (let minute = 0; minute < 7; minute++) anomaliesOf(partition, usual(minute))
    expect(anomaliesOf(partition, runAt(8, steps(60_000)))).toEqual([])
  })

  test('is nothing of a few milliseconds, nor where runs differ much by themselves', () => {
    const quick = open()
    for (let minute = 0; minute < 12; minute++) anomaliesOf(quick, runAt(minute, [{ name: 'Ping', ms: 4 }]))
    expect(anomaliesOf(quick, runAt(AT, [{ name: 'Ping', ms: 90 }]))).toEqual([])
    const wild = open()
    for (let minute = 0; minute < 16; minute++) {
      anomaliesOf(wild, runAt(minute, [{ name: 'Batch', ms: minute % 2 === 0 ? 1000 : 9000 }]))
    }
    expect(anomaliesOf(wild, runAt(AT, [{ name: 'Batch', ms: 25_000 }]))).toEqual([])
  })

  test.each([
    [900, Severity.WARNING],
    [1100, Severity.CRITICAL],
  ])('of some milliseconds that takes %i ms is no more than that', (ms, severity) => {
    const partition = open()
    for (let minute = 0; minute < 12; minute++) anomaliesOf(partition, runAt(minute, [{ name: 'Ping', ms: 30 }]))
    expect(anomaliesOf(partition, runAt(AT, [{ name: 'Ping', ms }]))).toMatchObject([{ type: 'step_slow', severity }])
  })

  test('becomes what is usual when it stays', () => {
    const partition = learnt()
    const all = Array.from({ length: 40 }, (_, at) => anomaliesOf(partition, runAt(AT + at, steps(12_000)))).flat()
    expect(all[0]!.phase).toBe(AnomalyPhase.OPENED)
    expect(all.at(-1)!.phase).toBe(AnomalyPhase.CLOSED)
    expect(new Set(all.map(({ id }) => id)).size).toBe(1)
  })

  test('that the flow has no more is over', () => {
    const partition = learnt()
    anomaliesOf(partition, runAt(AT, steps(9400)))
    const [closed] = anomaliesOf(partition, runAt(AT + 1, steps(1).slice(0, 3), { version: 2 }))
    expect(closed!.description).toMatch(/the step is gone$/)
  })
})

describe('a run that takes longer than usual', () => {
  const even = (ms: number): TestStep[] => ['a', 'b', 'c', 'd'].map((name) => ({ name, ms }))

  test('says so of the whole', () => {
    const partition = open()
    for (let minute = 0; minute < 12; minute++) anomaliesOf(partition, runAt(minute, even(1000)))
    // No step is three times as slow, but there is a wait between them that none of them explains.
    const events = runAt(AT, even(1000))
    const last = events.at(-1)!
    assert(last.kind === 'run')
    const facts = { ...last.facts, durationMs: 13_000, endMs: last.facts.startMs + 13_000 }
    const [slow] = anomaliesOf(partition, [...events.slice(0, -1), { ...last, facts }])
    expect(slow).toMatchObject({ type: 'run_slow', metric: 'execution_time', unit: 'ms', value: 13_000 })
    expect(slow!.description).toBe('A run takes 13 s, 3.3 times what is usual (4 s), since 08:20:00 UTC')
    expect(anomaliesOf(partition, runAt(AT + 1, even(1000)))[0]).toMatchObject({ phase: AnomalyPhase.CLOSED })
  })

  test('leaves the word to the step that explains it', () => {
    const partition = open()
    for (let minute = 0; minute < 12; minute++) anomaliesOf(partition, runAt(minute, [{ name: 'One', ms: 1000 }]))
    expect(anomaliesOf(partition, runAt(AT, [{ name: 'One', ms: 5000 }])).map(({ type }) => type)).toEqual([
      'step_slow',
    ])
  })
})

describe('a run that fails', () => {
  const bad = { status: RunStatus.FAILED, message: 'status was 503, expected 200' }

  test('is a warning, critical from the second in a row, and over with the next success', () => {
    const partition = open()
    const first = anomaliesOf(partition, runAt(0, steps(3000, bad)))
    expect(first).toMatchObject([{ type: 'run_failed', severity: Severity.WARNING, phase: AnomalyPhase.OPENED }])
    expect(first[0]!.description).toBe(
      'Run failed at step 4, Posted to ledger: status was 503, expected 200, since 08:00:03 UTC',
    )
    const second = anomaliesOf(partition, runAt(1, steps(3000, bad)))
    expect(second).toMatchObject([{ id: first[0]!.id, severity: Severity.CRITICAL, phase: AnomalyPhase.CHANGED }])
    expect(second[0]!.description).toContain('expected 200; 2 runs in a row')
    const over = anomaliesOf(partition, usual(2))
    expect(over).toMatchObject([{ id: first[0]!.id, phase: AnomalyPhase.CLOSED, severity: Severity.CRITICAL }])
    expect(anomaliesOf(partition, runAt(3, steps(3000, bad)))[0]!.id).not.toBe(first[0]!.id)
  })

  test.each<[string, RunStatus, string | null]>([
    [
      'was interrupted',
      RunStatus.INTERRUPTED,
      'Run was interrupted at step 4, Posted to ledger: the service went away',
    ],
    ['was cancelled', RunStatus.CANCELLED, null],
  ])('that %s is told as what it is', (_, status, words) => {
    const partition = open()
    const all = anomaliesOf(partition, runAt(0, steps(10, { status, message: 'the service went away' })))
    expect(all.map(({ description }) => description.replace(/, since .*/, ''))).toEqual(words === null ? [] : [words])
    const again = anomaliesOf(partition, runAt(1, steps(10, { status, message: 'the service went away' })))
    expect(again.every(({ severity }) => severity === Severity.WARNING)).toBe(true)
  })

  test('is not told of what happened before the newest run, nor long after', () => {
    const partition = open()
    anomaliesOf(partition, usual(5))
    expect(anomaliesOf(partition, runAt(3, steps(10, bad)))).toEqual([])
    const late = flow.messagesOf({ run: 'late', atMs: 10 * MINUTE, steps: steps(10, bad) })
    const events = late.map(({ message, atMs }) => flow.toEvent(message, atMs + 2 * 60 * MINUTE))
    expect(anomaliesOf(partition, events)).toEqual([])
  })
})

describe('whatever is found', () => {
  test('goes on over a restart', () => {
    const before = learnt()
    const [slow] = anomaliesOf(before, runAt(AT, steps(9400)))
    const restored = decodeMoment(encodeMoment({ positions: new Map(), repeats: [], state: stateOf(before) }))
    assert(restored.kind === 'whole')
    const after = openPartition(config, restored.moment.state)
    expect(anomaliesOf(after, usual(AT + 1))[0]).toMatchObject({ id: slow!.id, phase: AnomalyPhase.CLOSED })
  })

  test('is not told where nobody wants it, and is over when nobody does any more', () => {
    const change = (disabledTypes: string[], atMs: number): AnalyzerEvent => ({
      kind: 'settings',
      change: create(SettingsChangeSchema, {
        tenant: 'default',
        process: flow.process,
        effectiveTimeMs: BigInt(START_MS + atMs),
        change: { case: 'detection', value: { disabledTypes } },
      }),
    })
    const partition = learnt()
    const [slow] = anomaliesOf(partition, runAt(AT, steps(9400)))
    const over = anomaliesOf(partition, [change(['step_slow'], 0), tick(AT * MINUTE + 20_000)])
    expect(over).toMatchObject([{ id: slow!.id, phase: AnomalyPhase.CLOSED }])
    expect(over[0]!.description).toMatch(/no longer looked for$/)
    expect(anomaliesOf(partition, runAt(AT + 1, steps(9400)))).toEqual([])
  })

  test('takes no account of time in which the product was away', () => {
    const partition = learnt()
    const began = runAt(AT, steps(30_000)).slice(0, 7)
    const startMs = AT * MINUTE + 180
    anomaliesOf(partition, [...ticks(startMs - 3000, startMs), ...began])
    const back = startMs + 600_000
    expect(anomaliesOf(partition, [tick(back), tick(back + 1000)])).toEqual([])
  })
})
