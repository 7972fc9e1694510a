import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type KafkaServer, startKafka } from '../../../../infra/servers/kafka.ts'
import { systemClock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { createLogger } from '../logger.ts'
import { createSelfMetrics } from '../metrics.ts'
import { describeWithServer } from '../testing/real-servers.ts'
import type { Bus } from './bus.ts'
import { collect, narrow, testTopics, textRecord, textsOf, until } from './bus-test-kit.ts'
import { createKafkaBus, type KafkaBusConfig } from './kafka-bus.ts'

/** A broker of its own: the shared one must not be killed under other tests. */
describeWithServer('kafka', 'the bus on Kafka, with a broker that fails', (shared) => {
  let kafka: KafkaServer
  beforeAll(async () => {
    kafka = await startKafka()
  }, 180_000)
  afterAll(() => kafka.stop())

  const create = (changes: Partial<KafkaBusConfig> = {}, clock = systemClock): Bus =>
    createKafkaBus(
      { brokers: [kafka.url], clientId: 'test', topics: testTopics, ...changes },
      { logger: createLogger('silent' as 'fatal'), metrics: createSelfMetrics(), clock },
    )

  it('fails retryably while the broker is away, recovers with it, and loses nothing acknowledged', async () => {
    const bus = create()
    await bus.start()
    const group = await collect(bus, { group: 'through', topics: [narrow] })
    const tailed: string[] = []
    await bus.tail({ topics: [narrow], handle: (records) => void tailed.push(...textsOf(records)) })
    const failures: unknown[] = []
    const acknowledged: string[] = []
    let publishing = true
    const publisher = (async () => {
      for (let index = 0; publishing; index += 1) {
        const text = `r${index}`
        while (!acknowledged.includes(text)) {
          try {
            await bus.publish([textRecord(narrow, text)])
            acknowledged.push(text)
          } catch (error) {
            failures.push(error)
          }
        }
        await sleep(5)
      }
    })()
    for (let round = 0; round < 2; round += 1) {
      const before = acknowledged.length
      await until(
        () => acknowledged.length,
        (count) => count > before + 50,
      )
      await kafka.kill()
      await until(
        () => failures.length,
        (count) => count > round,
        60_000,
      )
      await kafka.start()
    }
    const before = acknowledged.length
    await until(
      () => acknowledged.length,
      (count) => count > before + 50,
      60_000,
    )
    publishing = false
    await publisher
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(AppError)
      expect(failure).toMatchObject({ code: 'bus_unavailable', retryable: true })
    }
    // Exactly the acknowledged ones, in order; a retry may have stored one twice.
    const withoutRepeats = (texts: readonly string[]): string[] => [...new Set(texts)]
    await until(
      () => withoutRepeats(group.texts()).length,
      (count) => count === acknowledged.length,
      60_000,
    )
    expect(withoutRepeats(group.texts())).toEqual(acknowledged)
    await until(
      () => withoutRepeats(tailed).length,
      (count) => count === acknowledged.length,
      60_000,
    )
    expect(withoutRepeats(tailed)).toEqual(acknowledged)
    await bus.stop()
  }, 240_000)

  it('keeps its partitions while a handler takes longer than a silent member is given', async () => {
    const bus = create({ brokers: [shared().url], topicPrefix: `slow-${Date.now()}.` })
    await bus.start()
    const seen: string[] = []
    await collect(bus, {
      group: 'slow',
      topics: [narrow],
      async handle(batch) {
        seen.push(...textsOf(batch.records))
        if (seen.length === 1) await sleep(12_000)
        return batch.records.at(-1)!.offset + 1
      },
    })
    await bus.publish([textRecord(narrow, 'slow')])
    await until(
      () => seen.length,
      (count) => count === 1,
    )
    await bus.publish([textRecord(narrow, 'next')])
    await until(
      () => seen.length,
      (count) => count === 2,
      60_000,
    )
    expect(seen).toEqual(['slow', 'next'])
    await bus.stop()
  })

  it('says when the broker stored a record, whatever the clock of its publisher says', async () => {
    const place = { brokers: [shared().url], topicPrefix: `clocks-${Date.now()}.` }
    const bus = create(place, { nowMs: () => 1_000_000_000_000 })
    await bus.start()
    await bus.publish([textRecord(narrow, 'a')])
    const [record] = await bus.read(narrow, 0, 0, 10)
    expect(Math.abs(record!.storedAtMs - Date.now())).toBeLessThan(60_000)
    await bus.stop()
  })

  it('stops in time while the broker is away', async () => {
    const bus = create()
    await bus.start()
    const group = await collect(bus, { group: 'stopping', topics: [narrow] })
    await bus.tail({ topics: [narrow], handle: () => {} })
    await bus.publish([textRecord(narrow, 'a')])
    await until(
      () => group.texts().length,
      (count) => count > 0,
    )
    await kafka.kill()
    const refused = expect(bus.publish([textRecord(narrow, 'b')])).rejects.toMatchObject({ code: 'bus_unavailable' })
    const startedMs = performance.now()
    await bus.stop()
    expect(performance.now() - startedMs).toBeLessThan(9000)
    await refused
    await kafka.start()
  })

  it('says at start that no broker answers, after trying for a while', async () => {
    const bus = create({ brokers: ['127.0.0.1:1'], connectTimeoutMs: 100 })
    await expect(bus.start()).rejects.toMatchObject({ code: 'bus_unavailable', retryable: true })
    await bus.stop()
  }, 60_000)

  it('refuses topics whose number of partitions is another', async () => {
    const topicPrefix = `partitions-${Date.now()}.`
    const brokers = [shared().url]
    const first = create({ brokers, topicPrefix })
    await first.start()
    await first.stop()
    const changed = { narrow: { ...testTopics.narrow, partitions: 2 }, wide: { ...testTopics.wide, partitions: 3 } }
    const second = create({ brokers, topicPrefix, topics: changed })
    const error = await second.start().catch((thrown: unknown) => thrown)
    await second.stop()
    expect(error).toMatchObject({ code: 'config_invalid' })
    expect((error as Error).message).toMatch(/narrow.v1 has 1 partitions; it must have 2\n.*wide.v1 has 4/)
  })
})
