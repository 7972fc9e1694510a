import { createLogger } from '@driftline/platform/logger'
import { kpiNumber } from '@driftline/proto'
import { expect, test } from 'vitest'
import { defaultStepConfig } from '../config.ts'
import { createPartitionState } from '../model/state.ts'
import { type Origin, openPartition, step } from '../step.ts'
import { deviceEvents, hostEvents, START_MS } from '../testing/events.ts'
import type { HistoryReader, PastLine } from './history-reader.ts'
import { createWarmUp } from './warm-up.ts'

const web = hostEvents('web-1')
const origin: Origin = { hostKey: web.hostKey, tenant: 'default', process: web.process, storedAtMs: START_MS }
const minuteMs = Array.from({ length: 600 }, (_, at) => START_MS - (600 - at) * 60_000)

function warmUpOver(read: HistoryReader['read']) {
  const outcomes: string[] = []
  const deps = {
    history: { read },
    logger: createLogger('fatal'),
    counted: (outcome: string) => outcomes.push(outcome),
  }
  return { outcomes, warmUp: createWarmUp(defaultStepConfig, deps) }
}

test('what is stored is known before the first live bucket, and asked for up to then', async () => {
  const partition = openPartition(defaultStepConfig, createPartitionState())
  const cpu: PastLine = {
    of: { process: 'os:web-1:nginx', kpi: kpiNumber('cpu') },
    minuteMs,
    value: minuteMs.map((_, at) => (at === 7 ? Number.NaN : 2 + (at % 10) / 100)),
  }
  const asked: unknown[] = []
  const { outcomes, warmUp } = warmUpOver(async (question) => {
    asked.push(question)
    return [cpu]
  })
  await warmUp.learn(partition, [origin])
  expect(outcomes).toEqual(['learnt'])
  expect(asked).toEqual([
    { tenant: 'default', process: 'host:web-1', series: [], fromMs: START_MS - 604_800_000, toMs: START_MS },
  ])
  const { engine } = partition
  expect(engine.count()).toMatchObject({ tracks: 1, learningTracks: 0 })
  step(defaultStepConfig, partition, web.define(['nginx']))
  step(defaultStepConfig, partition, web.samples(100, { 'nginx.cpu': 2 }))
  step(defaultStepConfig, partition, web.samples(1300, { 'nginx.cpu': 2 }))
  expect(engine.count().tracks).toBe(1)
})

test('plain series are asked for when they are levels', async () => {
  const partition = openPartition(defaultStepConfig, createPartitionState())
  const device = deviceEvents('press')
  step(defaultStepConfig, partition, device.definition)
  const { warmUp } = warmUpOver(async ({ series }) => [
    { of: { series: series[0]! }, minuteMs, value: minuteMs.map(() => 20) },
  ])
  await warmUp.learn(partition, [{ ...origin, hostKey: device.hostKey, process: device.process }])
  expect(partition.engine.count()).toMatchObject({ tracks: 1, learningTracks: 0 })
  expect(partition.engine.table.tracks.metric(0)).toBe('level')
})

test('a store that fails is left alone for a while, and nothing is lost but the past', async () => {
  const partition = openPartition(defaultStepConfig, createPartitionState())
  let asked = 0
  const { outcomes, warmUp } = warmUpOver(async () => {
    asked += 1
    throw new Error('away')
  })
  await warmUp.learn(partition, [origin, { ...origin, hostKey: 'default/host:web-2', process: 'host:web-2' }])
  expect(outcomes).toEqual(['failed', 'passed_over'])
  expect(asked).toBe(1)
})
