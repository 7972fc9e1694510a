import { deserialize, serialize } from 'node:v8'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { defaultStepConfig } from './config.ts'
import { kpiRecord } from './kpi-record.ts'
import { createPartitionState, type PartitionState } from './model/state.ts'
import { type AnalyzerEvent, openPartition, type Partition, stateOf, step } from './step.ts'
import { hostEvents, tick } from './testing/events.ts'

// Machines that run much else at once are slow, and hundreds of runs add up.
vi.setConfig({ testTimeout: 60_000 })

type HostEvents = ReturnType<typeof hostEvents>

/** What one scan of a host brings: when, which CPU, which instances. */
const scan = fc.record({
  gapMs: fc.integer({ min: 50, max: 2500 }),
  cpu: fc.double({ min: 0, max: 8, noNaN: true }),
  alive: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
  late: fc.boolean(),
})
type Scan = typeof scan extends fc.Arbitrary<infer T> ? T : never

/** The events of a host's scans, as an agent and the intake would make them. */
function eventsOf(host: HostEvents, scans: readonly Scan[]): AnalyzerEvent[] {
  const events: AnalyzerEvent[] = [host.define(['a', 'b'])]
  const startOf = new Map<number, number>()
  let timeMs = 0
  for (const [index, { gapMs, cpu, alive, late }] of scans.entries()) {
    timeMs += gapMs
    const ended = [...startOf].filter(([pid]) => !alive.includes(pid))
    for (const [pid] of ended) startOf.delete(pid)
    const fresh = alive.filter((pid) => !startOf.has(pid))
    for (const pid of fresh) startOf.set(pid, timeMs - 20)
    const started = (index === 0 ? alive : fresh).map((pid) => [pid, startOf.get(pid)!, pid % 2 ? 'a' : 'b'] as const)
    events.push(host.frame(timeMs, { keyFrame: index === 0, started, ended, facts: { logicalCpus: 8 } }))
    events.push(host.samples(timeMs, { 'a.cpu': cpu, 'host.cpu': cpu / 8 }))
    if (late) events.push(host.samples(timeMs - 5000, { 'a.cpu': 99 }, timeMs))
  }
  return events
}

/** Bytes of every KPI record by host and sequence; two for one sequence would show as an array. */
function publish(state: PartitionState, events: readonly AnalyzerEvent[], into = new Map<string, Buffer[]>()) {
  return goOn(openPartition(defaultStepConfig, state), events, into)
}

function goOn(partition: Partition, events: readonly AnalyzerEvent[], into = new Map<string, Buffer[]>()) {
  for (const event of events) {
    for (const rows of step(defaultStepConfig, partition, event).closed) {
      const { headers, value } = kpiRecord(rows, 1000)
      const key = `${headers.source} ${headers.sequence}`
      into.set(key, [...(into.get(key) ?? []), Buffer.from(value)])
    }
  }
  return into
}

/** Merges two lists in any way that keeps the order of each. */
function interleave<T>(a: readonly T[], b: readonly T[], choices: readonly boolean[]): T[] {
  const merged: T[] = []
  let [i, j, turn] = [0, 0, 0]
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && choices[turn % choices.length])
    merged.push(takeA ? a[i++]! : b[j++]!)
    turn += 1
  }
  return merged
}

const scans = fc.array(scan, { minLength: 1, maxLength: 30 })
const choices = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 })

test('any interleaving of two hosts gives the same KPIs, once each', () => {
  fc.assert(
    fc.property(scans, scans, choices, (one, two, order) => {
      const [a, b] = [eventsOf(hostEvents('a'), one), eventsOf(hostEvents('b'), two)]
      const end = [tick(1_000_000)]
      const apart = publish(createPartitionState(), [...a, ...end])
      publish(createPartitionState(), [...b, ...end], apart)
      const together = publish(createPartitionState(), [...interleave(a, b, order), ...end])
      expect(together).toEqual(apart)
      expect([...together.values()].every((records) => records.length === 1)).toBe(true)
    }),
  )
})

test('a restart from a checkpoint at any point gives the same KPIs, and repeats have the same sequence and bytes', () => {
  fc.assert(
    fc.property(scans, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(10), (list, where, lost) => {
      const events = [...eventsOf(hostEvents('a'), list), tick(1_000_000)]
      const whole = publish(createPartitionState(), events)
      const at = Math.floor(where * events.length)
      const partition = openPartition(defaultStepConfig, createPartitionState())
      const before = goOn(partition, events.slice(0, at))
      const checkpoint = serialize(stateOf(partition))
      // Work done after the checkpoint was published and then forgotten by the crash.
      const doomed = goOn(partition, events.slice(at, at + lost))
      const after = publish(deserialize(checkpoint) as PartitionState, events.slice(at))
      for (const [key, [bytes]] of doomed) expect(after.get(key)?.[0]).toEqual(bytes)
      expect(new Map([...before, ...after])).toEqual(whole)
    }),
  )
})

test('ticks in between change nothing but the moment of closing, while the bus stores without delay', () => {
  fc.assert(
    fc.property(scans, (list) => {
      const events = eventsOf(hostEvents('a'), list)
      const ticked = events.flatMap((event): AnalyzerEvent[] => {
        if (event.kind !== 'samples' && event.kind !== 'snapshot') return [event]
        return [{ kind: 'tick' as const, storedAtMs: event.origin.storedAtMs }, event]
      })
      const end = [tick(1_000_000)]
      expect(publish(createPartitionState(), [...ticked, ...end])).toEqual(
        publish(createPartitionState(), [...events, ...end]),
      )
    }),
  )
})

test('late, repeated, out-of-order and wild input never throws, and buckets only go forward', () => {
  const host = hostEvents('a')
  const time = fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.constantFrom(-4e12, 4e12, 0))
  const value = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1))
  const pid = fc.integer({ min: 0, max: 3 })
  const event: fc.Arbitrary<AnalyzerEvent> = fc.oneof(
    fc.constant(host.define(['a'])),
    fc.tuple(time, value, time).map(([at, v, stored]) => host.samples(at, { 'a.cpu': v, 'host.cpu': v }, stored)),
    fc
      .tuple(time, fc.boolean(), fc.array(fc.tuple(pid, time, fc.constant('a'))), fc.array(fc.tuple(pid, time)))
      .map(([at, keyFrame, started, ended]) => host.frame(at, { keyFrame, started, ended })),
    time.map((at) => tick(at)),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const sequences = [...publish(createPartitionState(), events).keys()].map((key) => Number(key.split(' ')[1]))
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
    }),
  )
})
