import { EventEmitter } from 'node:events'
import { create, toBinary } from '@bufbuild/protobuf'
import { createDeadLetters } from '@driftline/ingest/dead-letters'
import { createOrderedPublisher, type OwnRecord } from '@driftline/ingest/ordered-publisher'
import type { BusRecord } from '@driftline/platform/bus/bus'
import { createFaultyBus, type Fate, fates } from '@driftline/platform/bus/faulty-bus'
import { createRepeatFilter } from '@driftline/platform/bus/repeat-filter'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { type CollectRequest, CollectRequestSchema, type CollectResponse, topics } from '@driftline/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createStreamState } from '../collect/admit.ts'
import { type CollectCall, type CollectConfig, serveCollect } from '../collect/collect-stream.ts'
import { createSourceLanes } from '../collect/source-lanes.ts'
import { createIntakeMetrics } from '../intake-metrics.ts'
import { defaultLimits } from '../limits.ts'
import { batchOf, definitionsMessage, helloMessage } from '../testing/agent-client.ts'
import { createTicker } from '../ticker.ts'

const logger = createLogger('fatal')
const config: CollectConfig = {
  limits: defaultLimits,
  window: 4,
  queueBytesMax: 1_000_000,
  publishTimeoutMs: 5000,
  retryAfterMs: 1,
  helloTimeoutMs: 5000,
  redefineMs: 3_600_000,
}

/** Fates as they were drawn, and all is well afterwards. */
function fatesInTurn(drawn: readonly Fate[]): () => Fate {
  const left = [...drawn]
  return () => left.shift() ?? 'stored'
}
const arbitraryFates = fc.array(fc.constantFrom(...fates), { maxLength: 30 })

const on = (stored: readonly BusRecord[], topic: { name: string }): BusRecord[] =>
  stored.filter((record) => record.topic === topic.name)
const sequencesOf = (records: readonly BusRecord[]): number[] => records.map(({ headers }) => Number(headers.sequence))
const withoutRepeats = (records: readonly BusRecord[]): BusRecord[] => {
  const filter = createRepeatFilter({ maxSources: 10 })
  return records.filter((record) => !filter.isRepeat(record))
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

/** Intakes of one bus; the agent takes one after the other. */
function createIntakes(drawn: readonly Fate[], count: number) {
  const { bus, stored } = createFaultyBus(1, fatesInTurn(drawn))
  const doors = Array.from({ length: count }, (_, index) => {
    const own = createOrderedPublisher({ source: `intake-${index}`, epoch: 1 }, bus)
    const metrics = createSelfMetrics()
    return {
      bus,
      series: own,
      deadLetters: createDeadLetters({ service: 'intake', burst: 20, perSecond: 2 }, { publisher: own, metrics }),
      lanes: createSourceLanes(),
      metrics: createIntakeMetrics(metrics),
      logger,
      clock: systemClock,
      onPublished: () => {},
    }
  })
  return { doors, stored }
}

/** An agent's stream: sends what is not acknowledged, in order; resolves with the last acknowledged sequence. */
function streamOnce(
  deps: ReturnType<typeof createIntakes>['doors'][number],
  from: number,
  to: number,
): Promise<number> {
  return new Promise((resolve) => {
    let acknowledged = from - 1
    const call = new EventEmitter() as EventEmitter & Record<string, unknown>
    Object.assign(call, { pause() {}, resume() {}, isPaused: () => false })
    call['write'] = ({ message }: CollectResponse) => {
      if (message.case === 'acknowledgement') acknowledged = Number(message.value.sequence)
    }
    call['end'] = () => resolve(acknowledged)
    serveCollect(call as unknown as CollectCall, createStreamState('default', defaultLimits, 1), config, deps)
    call.on('error', () => resolve(acknowledged))
    const send = (message: CollectRequest['message']): void => {
      call.emit('data', Buffer.from(toBinary(CollectRequestSchema, create(CollectRequestSchema, { message }))))
    }
    send(helloMessage('web-1', 'agent-1'))
    send(definitionsMessage('web-1'))
    for (let sequence = from; sequence <= to; sequence++) {
      send({ case: 'batch', value: batchOf(Date.now(), sequence) })
    }
    call.emit('end')
  })
}

test('property: whatever fails, an agent that moves between intakes is stored whole and in order', async () => {
  const batches = 12
  await fc.assert(
    fc.asyncProperty(arbitraryFates, async (drawn) => {
      const { doors, stored } = createIntakes(drawn, 2)
      let acknowledged = 0
      for (let turn = 0; acknowledged < batches; turn++) {
        acknowledged = await streamOnce(doors[turn % 2]!, acknowledged + 1, batches)
        expect(turn).toBeLessThan(100)
      }
      for (const topic of [topics.samples, topics.snapshots]) {
        expect(sequencesOf(withoutRepeats(on(stored, topic)))).toEqual(upTo(batches))
        // Nothing was stored before what precedes it, so the filter has taken no first copy for a repeat.
        let highest = 0
        for (const sequence of sequencesOf(on(stored, topic))) {
          expect(sequence).toBeLessThanOrEqual(highest + 1)
          highest = Math.max(highest, sequence)
        }
      }
      expect(stored[0]!.topic).toBe(topics.series.name)
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('property: what an ordered publisher has confirmed, no consumer takes for a repeat', async () => {
  const record = (text: string): OwnRecord => ({
    topic: topics.series.name,
    tenant: 'default',
    key: 'default/host:a',
    message: 'driftline.v1.SeriesBatch',
    value: new TextEncoder().encode(text),
  })
  await fc.assert(
    fc.asyncProperty(arbitraryFates, async (drawn) => {
      const { bus, stored } = createFaultyBus(1, fatesInTurn(drawn))
      const publisher = createOrderedPublisher({ source: 'intake', epoch: 1 }, bus)
      const send = async (caller: string): Promise<void> => {
        for (let index = 0; index < 5; ) {
          const confirmed = await publisher.publish([record(`${caller}${index}`)]).then(
            () => true,
            () => false,
          )
          if (confirmed) index += 1
        }
      }
      await Promise.all(['a', 'b', 'c'].map(send))
      const seen = withoutRepeats(stored).map(({ value }) => Buffer.from(value).toString())
      for (const caller of ['a', 'b', 'c']) {
        const own = [...new Set(seen.filter((text) => text.startsWith(caller)))]
        expect(own).toEqual([0, 1, 2, 3, 4].map((index) => `${caller}${index}`))
      }
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('a ticker goes on after failures, and no tick is taken for a repeat', async () => {
  const { bus, stored } = createFaultyBus(
    4,
    fatesInTurn(['refused', 'answer-lost', 'stored', 'half-stored', 'refused']),
  )
  const hotState = createInProcessHotState({ maxKeys: 10 }, { clock: systemClock })
  await hotState.start()
  const deps = { bus, hotState, logger, metrics: createSelfMetrics(), clock: systemClock }
  const ticker = createTicker({ instance: 'one', intervalMs: 5, leaseMs: 5000 }, deps)
  await ticker.start()
  await expect.poll(() => stored.length, { timeout: 5000 }).toBeGreaterThanOrEqual(6 * 4)
  await ticker.stop()
  await hotState.stop()
  expect(withoutRepeats(stored)).toEqual(stored)
})
