import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus, BusRecord } from '@driftline/platform/bus/bus'
import { createRepeatFilter } from '@driftline/platform/bus/repeat-filter'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { decodeSamples, partitionOf, routingKey, topics } from '@driftline/proto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type CrashRigBus, openBus } from './testing/crash-rig.ts'
import { type Rig, startRig, stream } from './testing/rig.ts'

const KILLS = 6
const running = new Set<Rig>()

describeWithServer('redis', 'two intakes', (redis) => {
  describeWithServer('kafka', 'before one Kafka', (kafka) => {
    let where: CrashRigBus
    let bus: Bus
    const start = async (instance: string): Promise<Rig> => {
      const rig = await startRig({ bus: where, killAfter: 0, instance, redisUrl: redis().url })
      running.add(rig)
      return rig
    }
    const end = async (rig: Rig): Promise<void> => {
      running.delete(rig)
      rig.kill()
      await rig.gone
    }

    beforeAll(async () => {
      where = { kind: 'kafka', url: kafka().url, topicPrefix: `intakes-${process.pid}-` }
      bus = openBus(where)
      await bus.start()
    })
    afterEach(() => Promise.all([...running].map(end)))
    afterAll(() => bus?.stop())

    const recordsOf = async (topic: string, partition: number): Promise<BusRecord[]> => {
      const records = await bus.read(topic, partition, 0, Number.MAX_SAFE_INTEGER)
      return records.map((record) => ({ ...record, value: record.value.slice() }))
    }
    const ticks = () => recordsOf(topics.ticks.name, 0)

    test('an agent goes on at the other when one is killed: nothing is missing, repeats are known, order holds', async () => {
      const ports = [await start('one'), await start('two')]
      const times: number[] = []
      let acknowledged = 0
      for (let round = 0; round < KILLS; round++) {
        const rig = ports[round % 2]!
        const to = acknowledged + 60
        while (times.length <= to) times.push(Date.now())
        // Now and then the agent moves although nothing has broken.
        const killed = sleep(Math.random() * 60).then(() => (round % 3 === 0 ? undefined : end(rig)))
        acknowledged = await stream(rig.port, acknowledged + 1, to, times)
        await killed
        if (!running.has(rig)) ports[round % 2] = await start(`again-${round}`)
      }
      const partition = partitionOf(routingKey('default', 'host:web-1'), bus.partitionsOf(topics.samples.name))
      for (const topic of [topics.samples.name, topics.snapshots.name]) {
        const records = await recordsOf(topic, partition)
        const filter = createRepeatFilter({ maxSources: 10 })
        const sequences = records.filter((record) => !filter.isRepeat(record)).map(({ headers }) => headers.sequence)
        expect(sequences.map(Number)).toEqual(sequences.map((_, index) => index + 1))
        expect(sequences.length).toBeGreaterThanOrEqual(acknowledged)
      }
      for (const { headers, value } of await recordsOf(topics.samples.name, partition)) {
        expect(decodeSamples(value)!.value[0]).toBe(Number(headers.sequence))
      }
    })

    test('one of them ticks, and the other when that one is killed', async () => {
      const first = await start('tick-one')
      const sourceOf = (records: readonly BusRecord[]): string | undefined => records.at(-1)?.headers.source
      await expect.poll(async () => sourceOf(await ticks()), { timeout: 20_000 }).toBe('tick-one/ticker')
      await start('tick-two')
      await sleep(2000)
      expect(sourceOf(await ticks())).toBe('tick-one/ticker')
      const killedAtMs = Date.now()
      await end(first)
      await expect.poll(async () => sourceOf(await ticks()), { timeout: 20_000 }).toBe('tick-two/ticker')
      const records = (await ticks()).filter(({ headers }) => headers.source.startsWith('tick-'))
      const filter = createRepeatFilter({ maxSources: 10 })
      expect(records.filter((record) => filter.isRepeat(record))).toEqual([])
      const firstOfSecond = records.find(({ headers }) => headers.source === 'tick-two/ticker')!
      expect(firstOfSecond.storedAtMs - killedAtMs).toBeLessThan(5000)
      const order = records.map(({ headers }) => headers.source)
      expect(order).toEqual([...order].sort())
    })
  })
})
