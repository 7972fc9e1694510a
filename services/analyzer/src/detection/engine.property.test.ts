import { deserialize, serialize } from 'node:v8'
import { fromBinary } from '@bufbuild/protobuf'
import { AnomalyPhase, AnomalySchema, BaselineBatchSchema, topics } from '@driftline/proto'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { defaultStepConfig } from '../config.ts'
import { createPartitionState, type PartitionState } from '../model/state.ts'
import { type AnalyzerEvent, openPartition, type Partition, stateOf, step } from '../step.ts'
import { deviceEvents, hostEvents, tick } from '../testing/events.ts'
import { createLevelDetector } from '../testing/level-detector.ts'
import type { EngineDeps } from './engine-core.ts'
import { engineParts } from './registry.ts'

// Machines that run much else at once are slow, and hundreds of runs add up.
vi.setConfig({ testTimeout: 120_000 })

/** All that ships, and one that alarms soon. */
const parts: EngineDeps = {
  ...engineParts,
  detectors: [() => createLevelDetector(4, { openAfterMs: 0 }), ...engineParts.detectors],
}

const moment = fc.record({
  gapMs: fc.oneof(fc.integer({ min: 100, max: 2500 }), fc.integer({ min: 20_000, max: 400_000 })),
  value: fc.oneof(fc.double({ min: 0, max: 8, noNaN: true }), fc.constantFrom(0, 5, 1e9)),
  alive: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
  late: fc.boolean(),
})
type Moment = typeof moment extends fc.Arbitrary<infer T> ? T : never
const moments = fc.array(moment, { minLength: 1, maxLength: 40 })
const order = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 })

function hostOf(name: string, list: readonly Moment[]): AnalyzerEvent[] {
  const host = hostEvents(name)
  const events: AnalyzerEvent[] = [host.define(['a', 'b'])]
  const startOf = new Map<number, number>()
  let timeMs = 0
  for (const [index, { gapMs, value, alive, late }] of list.entries()) {
    timeMs += gapMs
    const ended = [...startOf].filter(([pid]) => !alive.includes(pid))
    for (const [pid] of ended) startOf.delete(pid)
    const fresh = alive.filter((pid) => !startOf.has(pid))
    for (const pid of fresh) startOf.set(pid, timeMs - 20)
    const started = fresh.map((pid) => [pid, startOf.get(pid)!, pid % 2 ? 'a' : 'b'] as const)
    events.push(host.frame(timeMs, { keyFrame: index === 0, started, ended, facts: { logicalCpus: 8 } }))
    events.push(host.samples(timeMs, { 'a.cpu': value, 'a.threads': value * 3, 'host.cpu': value / 8 }))
    if (late) events.push(host.samples(timeMs - 5000, { 'a.cpu': 99 }, timeMs))
  }
  return events
}

function deviceOf(name: string, list: readonly Moment[]): AnalyzerEvent[] {
  const device = deviceEvents(name)
  const events: AnalyzerEvent[] = [device.definition]
  let timeMs = 0
  let total = 0
  for (const { gapMs, value, late } of list) {
    timeMs += gapMs
    total = late ? 0 : total + value
    events.push(device.samples(timeMs, { level: value, counted: value, total }))
  }
  return events
}

const end = [tick(20_000_000)]

function found(partition: Partition, events: readonly AnalyzerEvent[], into = new Map<string, string[]>()) {
  for (const event of events) {
    const { detection } = step(defaultStepConfig, partition, event)
    expect(detection.failures).toEqual([])
    for (const { headers, value } of detection.records) {
      const key = `${headers.source} ${headers.sequence}`
      into.set(key, [...(into.get(key) ?? []), Buffer.from(value).toString('base64')])
    }
  }
  return into
}

const fresh = (): Partition => openPartition(defaultStepConfig, createPartitionState(), parts)

function interleave<T>(a: readonly T[], b: readonly T[], choices: readonly boolean[]): T[] {
  const merged: T[] = []
  let [i, j, turn] = [0, 0, 0]
  while (i < a.length || j < b.length) {
    merged.push(j >= b.length || (i < a.length && choices[turn++ % choices.length]) ? a[i++]! : b[j++]!)
  }
  return merged
}

test('any interleaving of sources gives the same anomalies and baselines, once each', () => {
  let records = 0
  fc.assert(
    fc.property(moments, moments, order, (one, two, choices) => {
      const [a, b] = [hostOf('a', one), deviceOf('b', two)]
      const apart = found(fresh(), [...a, ...end])
      found(fresh(), [...b, ...end], apart)
      const together = found(fresh(), [...interleave(a, b, choices), ...end])
      expect(together).toEqual(apart)
      expect([...together.values()].every((each) => each.length === 1)).toBe(true)
      records += together.size
    }),
  )
  expect(records).toBeGreaterThan(1000)
})

test('a restart from a checkpoint at any point is as if there had been none', () => {
  fc.assert(
    fc.property(moments, moments, order, fc.double({ min: 0, max: 1, noNaN: true }), (one, two, choices, where) => {
      const events = [...interleave(hostOf('a', one), deviceOf('b', two), choices), ...end]
      const whole = found(fresh(), events)
      const at = Math.floor(where * events.length)
      const partition = fresh()
      const parted = found(partition, events.slice(0, at))
      const checkpoint = serialize(stateOf(partition))
      // Work that was done after the checkpoint was stored must not be in it.
      found(partition, events.slice(at, at + 3))
      const restored = openPartition(defaultStepConfig, deserialize(checkpoint) as PartitionState, parts)
      found(restored, events.slice(at), parted)
      expect(parted).toEqual(whole)
    }),
  )
})

const time = fc.oneof(fc.integer({ min: 0, max: 400_000 }), fc.constantFrom(-4e12, 4e12, 0))
const number = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, -1e308, 5e-324, 0, -0, 1),
)

function wild(hostName: string, deviceName: string): fc.Arbitrary<AnalyzerEvent> {
  const host = hostEvents(hostName)
  const device = deviceEvents(deviceName)
  const pid = fc.integer({ min: 0, max: 3 })
  return fc.oneof(
    fc.constantFrom(host.define(['a']), device.definition),
    fc.tuple(time, number, time).map(([at, v, stored]) => host.samples(at, { 'a.cpu': v, 'host.cpu': v }, stored)),
    fc
      .tuple(time, number, time)
      .map(([at, v, stored]) => device.samples(at, { level: v, counted: v, total: v }, stored)),
    fc
      .tuple(time, fc.boolean(), fc.array(fc.tuple(pid, time, fc.constant('a'))), fc.array(fc.tuple(pid, time)))
      .map(([at, keyFrame, started, ended]) => host.frame(at, { keyFrame, started, ended })),
    time.map((at) => tick(at)),
  )
}

test('wild input never throws, and what is said of it is finite and in order', () => {
  fc.assert(
    fc.property(fc.array(wild('a', 'b'), { maxLength: 60 }), (events) => {
      const sequences = new Map<string, number>()
      const partition = fresh()
      for (const event of events) {
        const { detection } = step(defaultStepConfig, partition, event)
        expect(detection.failures).toEqual([])
        for (const { topic, headers, value } of detection.records) {
          const sequence = Number(headers.sequence)
          expect(sequence).toBeGreaterThan(sequences.get(headers.source) ?? Number.NEGATIVE_INFINITY)
          sequences.set(headers.source, sequence)
          if (topic === topics.anomalies.name) {
            const anomaly = fromBinary(AnomalySchema, value)
            expect(Math.abs(anomaly.value)).not.toBe(Number.POSITIVE_INFINITY)
            expect(anomaly.startTimeMs).toBeLessThan(anomaly.timeMs)
            expect(anomaly.phase).not.toBe(AnomalyPhase.UNSPECIFIED)
          } else
            for (const each of fromBinary(BaselineBatchSchema, value).value) expect(Number.isFinite(each)).toBe(true)
        }
      }
    }),
  )
})

test('a source whose clock is wrong harms only itself', () => {
  fc.assert(
    fc.property(moments, fc.array(wild('a', 'b'), { maxLength: 40 }), order, (list, disturbance, choices) => {
      const sound = [...hostOf('sound', list), ...end]
      // Storing times are the bus's own, so the disturber has none of its own either.
      const others = disturbance.filter(({ kind }) => kind !== 'tick').map(atStart)
      const alone = found(fresh(), sound)
      const disturbed = found(fresh(), interleave(sound, others, choices))
      for (const key of disturbed.keys()) if (!key.includes('host:sound')) disturbed.delete(key)
      expect(disturbed).toEqual(alone)
    }),
  )
})

function atStart(event: AnalyzerEvent): AnalyzerEvent {
  return 'origin' in event ? { ...event, origin: { ...event.origin, storedAtMs: 0 } } : event
}
