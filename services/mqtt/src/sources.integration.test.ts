import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus } from '@driftline/platform/bus/bus'
import { createFaultyBus, type Fate } from '@driftline/platform/bus/faulty-bus'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { decodeSamples, topics } from '@driftline/proto'
import { connect, type MqttClient } from 'mqtt'
import { afterEach, expect, test, vi } from 'vitest'
import { startMosquitto } from '../../../infra/servers/mosquitto.ts'
import type { TrialServer } from '../../../infra/servers/server-process.ts'
import { datatypes } from './sparkplug/datatypes.ts'
import { openBus, startCrashRig, valuesOn } from './testing/crash-rig.ts'
import { createEdgeNode } from './testing/edge-node.ts'
import { plantSource, type SourcesRig, startSources } from './testing/sources-rig.ts'

const ends: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const broker = async (): Promise<TrialServer> => {
  const made = await startMosquitto()
  ends.push(() => made.stop())
  return made
}
const client = async (url: string): Promise<MqttClient> => {
  const made = connect(url, { reconnectPeriod: 20 })
  ends.push(() => made.endAsync(true))
  await new Promise<void>((resolve) => made.once('connect', () => resolve()))
  return made
}
const read = async (bus: Bus, options?: Parameters<typeof startSources>[1]): Promise<SourcesRig> => {
  const rig = await startSources(bus, options)
  ends.push(() => rig.sources.stop())
  return rig
}
const until = (holds: () => void): Promise<void> => vi.waitFor(holds, { timeout: 30_000 })
const isIn = (rig: SourcesRig): Promise<void> => until(() => expect(rig.told('plant').state).toBe('waiting'))

const sampleValues = (stored: readonly { topic: string; value: Uint8Array }[]): number[] =>
  stored.flatMap(({ topic, value }) => (topic === topics.samples.name ? [...(decodeSamples(value)?.value ?? [])] : []))
const levels = (values: readonly number[]): number[] =>
  [...new Set(values.filter((value) => value >= 1000))].sort((a, b) => a - b)
/** Values from 1000 on are what was measured; smaller ones count events. */
const measured = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => 1000 + from + index)
const send = (by: MqttClient, from: number, to: number): Promise<unknown> =>
  Promise.all(
    measured(from, to).map((value) =>
      by.publishAsync(`plant/press-${value % 7}`, JSON.stringify({ value }), { qos: 1 }),
    ),
  )

describeWithServer('mosquitto', 'sources on a Mosquitto of their own', () => {
  test.each(['5', '3.1.1'] as const)(
    'MQTT %s: killed between durable and acknowledged, nothing is lost',
    async (protocol) => {
      const { url } = await broker()
      const dataDir = mkdtempSync(join(tmpdir(), 'driftline-mqtt-'))
      ends.push(() => rmSync(dataDir, { recursive: true, force: true }))
      const machine = await client(url)
      let sent = 0
      for (const killAfter of [20, 60, 5]) {
        const child = await startCrashRig({ url, protocol, dataDir, killAfter })
        await send(machine, sent, sent + 100)
        sent += 100
        await child.gone
      }
      const bus = openBus(dataDir)
      await bus.start()
      ends.push(() => bus.stop())
      // What was not acknowledged to the broker comes again to whoever reads the source next.
      const rig = await read(bus)
      await rig.sources.follow([plantSource(url, { broker: { protocol } })], [])
      await send(machine, sent, sent + 10)
      const stored = async (): Promise<number[]> => levels(await valuesOn(bus))
      await vi.waitFor(async () => expect((await stored()).length).toBe(sent + 10), { timeout: 30_000, interval: 200 })
      expect(await stored()).toEqual(measured(0, sent + 10))
    },
  )

  test('while the bus is away nothing is acknowledged; afterwards everything is there', async () => {
    const { url } = await broker()
    let fate: Fate = 'stored'
    const { bus, stored } = createFaultyBus(4, () => fate)
    const rig = await read(bus)
    await rig.sources.follow([plantSource(url)], [])
    await isIn(rig)
    const machine = await client(url)
    await send(machine, 0, 50)
    await until(() => expect(levels(sampleValues(stored))).toEqual(measured(0, 50)))
    fate = 'refused'
    await send(machine, 50, 3000)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(levels(sampleValues(stored))).toEqual(measured(0, 50))
    fate = 'stored'
    await until(() => expect(levels(sampleValues(stored))).toEqual(measured(0, 3000)))
  })

  test('goes on after restarts of the broker, with the same session', async () => {
    const { url, crash, restart } = await broker()
    const { bus, stored } = createFaultyBus(4, () => 'stored')
    const rig = await read(bus)
    await rig.sources.follow([plantSource(url)], [])
    await isIn(rig)
    const machine = await client(url)
    for (let round = 0; round < 3; round++) {
      await send(machine, round * 10, round * 10 + 10)
      await crash()
      await restart()
    }
    await send(machine, 30, 40)
    await until(() => expect(levels(sampleValues(stored))).toEqual(measured(0, 40)))
  })

  test('a second instance takes over when the first one dies or stops, and nothing is lost', async () => {
    const { url } = await broker()
    const { bus, stored } = createFaultyBus(4, () => 'stored')
    const hotState = createInProcessHotState({ maxKeys: 100 }, { clock: systemClock })
    const first = await read(bus, { instance: 'one', hotState })
    await first.sources.follow([plantSource(url)], [])
    await isIn(first)
    const second = await read(bus, { instance: 'two', hotState })
    await second.sources.follow([plantSource(url)], [])
    const machine = await client(url)
    await send(machine, 0, 20)
    await until(() => expect(levels(sampleValues(stored))).toEqual(measured(0, 20)))
    expect(second.told('plant').events).toBe(0)
    await first.sources.stop()
    await send(machine, 20, 40)
    await until(() => expect(levels(sampleValues(stored))).toEqual(measured(0, 40)))
    expect(second.told('plant').events).toBeGreaterThan(0)
  })

  test('what is refused becomes a dead letter, is acknowledged, and does not stop what follows', async () => {
    const { url } = await broker()
    const { bus, stored } = createFaultyBus(4, () => 'stored')
    const rig = await read(bus)
    await rig.sources.follow([plantSource(url)], [])
    await isIn(rig)
    const machine = await client(url)
    for (const text of ['{"a":', '', 'no number', '{"__proto__":{"x":1}}']) {
      await machine.publishAsync('plant/press', text, { qos: 1 })
    }
    await machine.publishAsync('plant/press', Buffer.alloc(2_000_000, 97), { qos: 1 })
    await send(machine, 0, 5)
    await until(() => expect(levels(sampleValues(stored))).toEqual(measured(0, 5)))
    const letters = stored.filter(({ topic }) => topic === topics.deadLetters.name)
    expect(letters.length).toBeGreaterThanOrEqual(2)
    expect(rig.told('plant').refused.get('message_too_large')).toBe(1)
    await rig.sources.stop()
    const again = await read(bus)
    await again.sources.follow([plantSource(url)], [])
    await isIn(again)
    await send(machine, 5, 6)
    await until(() => expect(levels(sampleValues(stored))).toEqual(measured(0, 6)))
    expect(again.told('plant').refused.size).toBe(0)
  })

  test('a changed definition goes live without losing the session; a deleted one gives it up', async () => {
    const { url } = await broker()
    const { bus, stored } = createFaultyBus(4, () => 'stored')
    const rig = await read(bus)
    await rig.sources.follow([plantSource(url)], [])
    await isIn(rig)
    const machine = await client(url)
    await send(machine, 0, 5)
    const mappings = [{ topic: 'hall/{machine}', process: 'device:hall:{machine}' }]
    await rig.sources.follow([plantSource(url, { mappings }, 2)], [])
    await vi.waitFor(
      async () => {
        await machine.publishAsync('hall/a', '{"value":2000}', { qos: 1 })
        expect(levels(sampleValues(stored))).toEqual([...measured(0, 5), 2000])
      },
      { timeout: 30_000 },
    )
    await rig.sources.follow([], [])
    await machine.publishAsync('hall/a', '{"value":3000}', { qos: 1 })
    await rig.sources.follow([plantSource(url, { mappings }, 3)], [])
    await isIn(rig)
    await machine.publishAsync('hall/a', '{"value":4000}', { qos: 1 })
    await until(() => expect(levels(sampleValues(stored))).toContain(4000))
    expect(levels(sampleValues(stored))).not.toContain(3000)
  })

  test('Sparkplug: says that it is there and gone, and asks a node that it does not know for its birth', async () => {
    const { url } = await broker()
    const { bus, stored } = createFaultyBus(4, () => 'stored')
    const rig = await read(bus)
    const edge = await client(url)
    const heard: { topic: string; payload: Buffer }[] = []
    edge.on('message', (topic, payload) => heard.push({ topic, payload }))
    await edge.subscribeAsync(['spBv1.0/STATE/#', 'spBv1.0/hall/NCMD/#'], { qos: 1 })
    await rig.sources.follow([plantSource(url, { mappings: [], sparkplug: { hostId: 'driftline' } })], [])
    const states = () =>
      heard.flatMap(({ topic, payload }) => (topic.includes('STATE') ? [JSON.parse(String(payload))] : []))
    await until(() => expect(states()).toMatchObject([{ online: true }]))

    const node = createEdgeNode({
      group: 'hall',
      edge: 'line-1',
      metrics: [{ name: 'speed', datatype: datatypes.double, value: 1001 }],
    })
    const say = async ({ topic, payload }: { topic: string; payload: Buffer }) => edge.publishAsync(topic, payload)
    node.connect(Date.now())
    const [birth] = node.births(Date.now())
    await say(node.data(null, { speed: 1002 }, Date.now()))
    await until(() => {
      rig.sources.tick(Date.now())
      expect(heard.some(({ topic }) => topic === 'spBv1.0/hall/NCMD/line-1')).toBe(true)
    })
    await say(birth!)
    await say(node.births(Date.now())[0]!)
    await say(node.data(null, { speed: 1003 }, Date.now()))
    await until(() => expect(levels(sampleValues(stored))).toContain(1003))
    await rig.sources.stop()
    await until(() => expect(states().at(-1)).toMatchObject({ online: false }))
  })

  test('a dead letter that is sent again is taken in with the time of then', async () => {
    const { url } = await broker()
    const { bus, stored } = createFaultyBus(4, () => 'stored')
    const rig = await read(bus)
    await rig.sources.follow([plantSource(url)], [])
    const source = rig.sources.find('default', 'plant')!
    const ask = { letter: 'x', source: 'plant', subject: 'plant/a', receivedMs: Date.now() - 60_000 }
    const payload = (text: string): string => Buffer.from(text).toString('base64')
    expect(await source.replay({ ...ask, payload: payload('{"value":1234}') })).toMatchObject({
      outcome: 'accepted',
      samples: 1,
    })
    const refused = await source.replay({ ...ask, payload: payload('{') })
    expect(refused).toMatchObject({ outcome: 'refused', reason: 'payload_not_json' })
    const gone = await source.replay({ ...ask, subject: 'other', payload: payload('1') })
    expect(gone).toMatchObject({ outcome: 'refused', reason: 'topic_unmapped' })
    expect(levels(sampleValues(stored))).toEqual([1234])
    expect(stored.filter(({ topic }) => topic === topics.deadLetters.name)).toEqual([])
  })
})
