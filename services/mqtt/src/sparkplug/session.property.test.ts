import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEdgeNode, type EdgeNode, type NodeMessage } from '../testing/edge-node.ts'
import { datatypes } from './datatypes.ts'
import { createSparkplugHost, type SparkplugHost } from './host.ts'

const start = Date.UTC(2026, 10, 17)
const bounds = { ageMsMax: 48 * 3_600_000, aheadMsMax: 600_000 }
const names = ['m0', 'm1', 'm2', 'm3']

/** Metric `m<i>` of the node has only values of `i * 1000` and some, and that of the device those beyond 100,000. */
const metricsFrom = (base: number) =>
  names.map((name, i) => ({ name, datatype: datatypes.int32, value: base + i * 1000 }))

const nodeOf = (useAliases: boolean): EdgeNode =>
  createEdgeNode({ group: 'g', edge: 'e', useAliases, metrics: metricsFrom(0), devices: { d: metricsFrom(100_000) } })

type Step =
  | { readonly do: 'data'; readonly device: boolean; readonly metric: number; readonly value: number }
  | { readonly do: 'restart' | 'rebirth' | 'deviceDeath' | 'reconnect' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('data' as const),
      device: fc.boolean(),
      metric: fc.nat(names.length - 1),
      value: fc.nat(999),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart', 'rebirth', 'deviceDeath', 'reconnect') }) },
)

/** What the network does to one message. A will is published by the broker itself, with QoS 1: it is never lost. */
const fate = fc.constantFrom('pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'lose', 'swap', 'repeat', 'replay')

function publish(node: EdgeNode, what: Step, nowMs: number): NodeMessage[] {
  if (what.do === 'data') {
    const base = (what.device ? 100_000 : 0) + what.metric * 1000
    return [node.data(what.device ? 'd' : null, { [names[what.metric]!]: base + what.value }, nowMs)]
  }
  if (what.do === 'deviceDeath') return [node.deviceDeath('d', nowMs)]
  if (what.do !== 'restart') return what.do === 'rebirth' ? node.births(nowMs) : []
  const will = node.death()
  node.connect(nowMs)
  return [will, ...node.births(nowMs)]
}

/** Reads a message, and checks that no value has the name of another metric. Answers how many there were. */
function check(host: SparkplugHost, { topic, payload }: NodeMessage, nowMs: number): number {
  const reading = host.read(topic, payload, nowMs, false)
  let samples = 0
  for (let i = 0; i < reading.count; i++) {
    const key = reading.keys[i]!
    if (key.metric === 'device.up') continue
    const base = (key.process === 'device:g:e:d' ? 100_000 : 0) + names.indexOf(key.metric) * 1000
    expect(Math.floor((reading.values[i]! - base) / 1000), `${key.process} ${key.metric}`).toBe(0)
    samples += 1
  }
  return samples
}

test('through losses, reorders, repeats, replays and restarts no value gets the name of another', () => {
  const run = fc.record({
    useAliases: fc.boolean(),
    steps: fc.array(fc.tuple(step, fate), { minLength: 5, maxLength: 80 }),
  })
  fc.assert(
    fc.property(run, ({ useAliases, steps }) => {
      const host = createSparkplugHost({ groups: [], plans: [], bounds })
      const node = nodeOf(useAliases)
      let nowMs = start
      const sent: NodeMessage[] = []
      let held: NodeMessage | null = null
      const deliver = (message: NodeMessage): void => {
        check(host, message, nowMs)
        for (const request of host.take()) {
          for (const answer of node.answer(request.topic, request.payload, ++nowMs)) check(host, answer, nowMs)
        }
      }
      node.connect(nowMs)
      for (const [i, [what, end]] of [[{ do: 'rebirth' }, 'pass'] as const, ...steps].entries()) {
        nowMs += 1 + (i % 3) * 4000
        if (what.do === 'reconnect') {
          host.disconnected()
          host.connected(nowMs)
        }
        for (const message of publish(node, what, nowMs)) {
          sent.push(message)
          const isWill = message.topic.includes('NDEATH')
          if (end === 'lose' && !isWill) continue
          if (end === 'swap' && !isWill && held === null) {
            held = message
            continue
          }
          deliver(message)
          if (end === 'repeat') deliver(message)
          if (end === 'replay') deliver(sent[(i * 7) % sent.length]!)
          if (held !== null) deliver(held)
          held = null
        }
      }
    }),
    { numRuns: 1500 },
  )
})

test('whatever was lost, once births pass again data is taken again', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 }), (steps) => {
      const host = createSparkplugHost({ groups: [], plans: [], bounds })
      const node = nodeOf(true)
      let nowMs = start
      node.connect(nowMs)
      for (const [what, isLost] of steps) {
        nowMs += 1000
        for (const message of publish(node, what, nowMs)) {
          if (!isLost || message.topic.includes('NDEATH')) check(host, message, nowMs)
        }
        host.take()
      }
      // The first answer may be doubted, as a clock that was set back would be; the one after is believed.
      for (let round = 0; round < 3; round++) {
        nowMs += 400_000
        check(host, node.data(null, { m1: 1500 }, nowMs), nowMs)
        check(host, node.data('d', { m1: 101_500 }, nowMs), nowMs)
        for (const request of host.take()) {
          for (const birth of node.answer(request.topic, request.payload, nowMs)) check(host, birth, nowMs)
        }
      }
      nowMs += 1000
      expect(check(host, node.data(null, { m1: 1501 }, nowMs), nowMs)).toBe(1)
      expect(check(host, node.data('d', { m2: 102_502 }, nowMs), nowMs)).toBe(1)
    }),
    { numRuns: 500 },
  )
})
