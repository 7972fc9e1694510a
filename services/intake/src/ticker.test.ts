import { fromBinary } from '@bufbuild/protobuf'
import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { TickSchema, topics } from '@driftline/proto'
import { expect, test } from 'vitest'
import { createTicker } from './ticker.ts'

function recordingBus(): { bus: Pick<Bus, 'publish' | 'partitionsOf'>; records: OutgoingRecord[] } {
  const records: OutgoingRecord[] = []
  return { records, bus: { partitionsOf: () => 4, publish: async (each) => void records.push(...each) } }
}

test('of two instances one ticks, once per partition, and the other takes over when it stops', async () => {
  const hotState = createInProcessHotState({ maxKeys: 10 }, { clock: systemClock })
  await hotState.start()
  const logger = createLogger('fatal')
  const make = (instance: string) => {
    const { bus, records } = recordingBus()
    const deps = { bus: bus as Bus, hotState, logger, metrics: createSelfMetrics(), clock: systemClock }
    return { ticker: createTicker({ instance, intervalMs: 20, leaseMs: 5000 }, deps), records }
  }
  const [first, second] = [make('one'), make('two')]
  await first.ticker.start()
  await expect.poll(() => first.records.length).toBeGreaterThanOrEqual(8)
  await second.ticker.start()
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(second.records).toEqual([])
  await first.ticker.stop()
  await expect.poll(() => second.records.length).toBeGreaterThan(0)
  await second.ticker.stop()
  await hotState.stop()

  expect(first.records.slice(0, 8).map(({ partition }) => partition)).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
  expect(first.records.slice(0, 8).map(({ headers }) => headers.sequence)).toEqual([
    '1',
    '1',
    '1',
    '1',
    '2',
    '2',
    '2',
    '2',
  ])
  const { topic, value } = first.records[0]!
  expect(topic).toBe(topics.ticks.name)
  expect(Math.abs(Number(fromBinary(TickSchema, value).timeMs) - Date.now())).toBeLessThan(5000)
})
