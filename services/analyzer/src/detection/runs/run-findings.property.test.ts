import { deserialize, serialize } from 'node:v8'
import { create, fromBinary } from '@bufbuild/protobuf'
import { AnomalyPhase, AnomalySchema, RunEventSchema, RunStatus, topics } from '@driftline/proto'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { defaultStepConfig } from '../../config.ts'
import { createPartitionState, type PartitionState } from '../../model/state.ts'
import { type AnalyzerEvent, openPartition, type Partition, stateOf, step } from '../../step.ts'
import { tick } from '../../testing/events.ts'
import { flowEvents } from '../../testing/run-events.ts'
import { factsOfRun } from './run-facts.ts'

vi.setConfig({ testTimeout: 60_000 })

const flow = flowEvents()
const ends = [
  RunStatus.SUCCESS,
  RunStatus.SUCCESS,
  RunStatus.SUCCESS,
  RunStatus.FAILED,
  RunStatus.TIMEOUT,
  RunStatus.CANCELLED,
]
const run = fc.record({
  a: fc.constantFrom(100, 110, 120, 5000, 20_000),
  b: fc.constantFrom(1000, 1010, 1020, 4000),
  end: fc.constantFrom(...ends),
})
const runs = fc.array(run, { minLength: 1, maxLength: 40 })
type Run = typeof run extends fc.Arbitrary<infer T> ? T : never

/** The events of each run, a minute apart. */
const eventsOf = (list: readonly Run[]): AnalyzerEvent[][] =>
  list.map(({ a, b, end }, at) =>
    flow.run({
      run: `run-${at}`,
      atMs: at * 60_000,
      steps: [
        { name: 'a', ms: a },
        { name: 'b', ms: b, status: end },
      ],
    }),
  )

function tell(partition: Partition, events: readonly AnalyzerEvent[]) {
  return events
    .flatMap((event) => step(defaultStepConfig, partition, event).detection.records)
    .filter(({ topic }) => topic === topics.anomalies.name)
    .map(({ headers, value }) => ({ sequence: headers.sequence, value: Buffer.from(value).toString('hex') }))
}
const fresh = (): Partition => openPartition(defaultStepConfig, createPartitionState())

/** What people see in the end: which excursions there were, and of which kind. */
function summaryOf(records: readonly { readonly value: string }[]) {
  const anomalies = records.map(({ value }) => fromBinary(AnomalySchema, Buffer.from(value, 'hex')))
  const last = new Map(anomalies.map(({ id, type, phase }) => [id, { type, isOpen: phase !== AnomalyPhase.CLOSED }]))
  return [...last].sort(([a], [b]) => (a < b ? -1 : 1))
}

test('events that come twice, or in another order within their run before its end, find the same', () => {
  fc.assert(
    fc.property(runs, fc.array(fc.nat(1000), { minLength: 1, maxLength: 60 }), (list, order) => {
      const grouped = eventsOf(list)
      let turn = 0
      const choose = (below: number): number => order[turn++ % order.length]! % below
      const mixed = grouped.flatMap((events, at) => {
        const rest = events.slice(0, -1)
        const shuffled: AnalyzerEvent[] = []
        while (rest.length > 0) shuffled.push(...rest.splice(choose(rest.length), 1))
        const again = at > 0 ? [grouped[at - 1]![choose(grouped[at - 1]!.length)]!] : []
        return [...shuffled, ...again, shuffled[0]!, events.at(-1)!, events.at(-1)!]
      })
      expect(summaryOf(tell(fresh(), mixed))).toEqual(summaryOf(tell(fresh(), grouped.flat())))
    }),
  )
})

test('a restart from a checkpoint at any point finds the same, and repeats have the same sequence and bytes', () => {
  fc.assert(
    fc.property(runs, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(10), (list, where, lost) => {
      const events = [...eventsOf(list).flatMap((each, at) => [tick(at * 60_000 - 1000), ...each]), tick(9_000_000)]
      const whole = tell(fresh(), events)
      const at = Math.floor(where * events.length)
      const partition = fresh()
      const before = tell(partition, events.slice(0, at))
      const checkpoint = serialize(stateOf(partition))
      const doomed = tell(partition, events.slice(at, at + lost))
      const after = tell(openPartition(defaultStepConfig, deserialize(checkpoint) as PartitionState), events.slice(at))
      expect(after.slice(0, doomed.length)).toEqual(doomed)
      expect([...before, ...after]).toEqual(whole)
    }),
  )
})

test('wild events never throw, and what is kept of them is bounded', () => {
  const time = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.integer({ min: 1_800_000_000, max: 1_800_000_900 }).map((seconds) => BigInt(seconds) * 1000n),
  )
  const number = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1))
  const status = fc.integer({ min: 0, max: 9 })
  const stepState = fc.record({
    number: fc.nat(300),
    key: fc.constantFrom('', 'a', 'b', '\u0000', '__proto__'),
    name: fc.string(),
    status,
    startMs: time,
    endMs: time,
    executionTime: number,
    errorMessage: fc.string(),
  })
  const event = fc.record({
    run: fc.constantFrom('', 'x', 'y', 'z'),
    revision: fc.nat(20),
    timeMs: time,
    status,
    flowVersion: fc.nat(3),
    startMs: time,
    endMs: fc.oneof(time, fc.constant(0n)),
    executionTime: number,
    message: fc.string(),
    steps: fc.array(stepState, { maxLength: 8 }),
  })
  const storedAt = fc.integer({ min: 1_800_000_000_000, max: 1_800_001_000_000 })
  fc.assert(
    fc.property(fc.array(fc.tuple(event, storedAt), { maxLength: 40 }), (list) => {
      const partition = fresh()
      for (const [fields, storedAtMs] of list) {
        const facts = factsOfRun(create(RunEventSchema, fields))
        const origin = { hostKey: 'default/flow:a', tenant: 'default', process: 'flow:a', storedAtMs }
        if (facts !== null)
          tell(partition, [
            { kind: 'run', origin, facts },
            { kind: 'tick', storedAtMs },
          ])
      }
    }),
  )
})

test('many runs are kept as little as a few', () => {
  const partition = fresh()
  const size = (): number => serialize(stateOf(partition).detection!.units).length
  const pass = (from: number, to: number): void => {
    for (let at = from; at < to; at++) {
      const steps = [{ name: 'a', ms: 100 }]
      const events = flow.run({ run: `run-${String(at).padStart(8, '0')}`, atMs: at * 1000, steps })
      // Half of the runs never tell of their end.
      tell(partition, at % 2 === 0 ? events : events.slice(0, 1))
    }
  }
  pass(0, 1000)
  const before = size()
  pass(1000, 3000)
  expect(size()).toBeLessThan(before * 1.1)
})
