import { AppError } from '@driftline/platform/errors'
import { createLogger } from '@driftline/platform/logger'
import { expect, test, vi } from 'vitest'
import { createLane, type LaneLimits, type LaneTaker, laneLimits } from './lane.ts'
import type { MqttMessage } from './message.ts'

const message = (text: string): MqttMessage => ({
  topic: 't',
  payload: Buffer.from(text),
  qos: 1,
  retained: false,
  repeated: false,
  arrivalMs: 1,
})

function createRig(limits: Partial<LaneLimits> = {}, publish?: (batch: string[]) => Promise<void>) {
  let pending: string[] = []
  const batches: string[][] = []
  const settled: string[] = []
  const full: boolean[] = []
  const refused: string[][] = []
  const stuck: boolean[] = []
  const taker: LaneTaker<string[]> = {
    read: ({ payload }) => {
      if (payload.length > 0) pending.push(payload.toString())
    },
    handOver() {
      const batch = pending
      pending = []
      return batch.length > 0 ? batch : null
    },
    async publish(batch) {
      await publish?.(batch)
      batches.push(batch)
    },
    refuse: (batch) => refused.push(batch),
    durable: () => {},
    full: (isFull) => full.push(isFull),
    stuck: (error) => stuck.push(error !== null),
  }
  const lane = createLane({ ...laneLimits, lingerMs: 1, retryFirstMs: 1, retryLongestMs: 2, ...limits }, taker, {
    logger: createLogger('fatal'),
    random: () => 0.5,
  })
  const take = (text: string): void => lane.take(message(text), () => settled.push(text), text.length)
  return { lane, take, batches, settled, full, refused, stuck }
}

const unavailable = () => new AppError('bus_unavailable', 'away', { retryable: true })

test('settles in order, and only what is durable', async () => {
  let open: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const rig = createRig({ batchMessages: 2 }, () => gate)
  for (const text of ['a', 'b', 'c']) rig.take(text)
  await new Promise(setImmediate)
  expect(rig.settled).toEqual([])
  open()
  await vi.waitFor(() => expect(rig.settled).toEqual(['a', 'b', 'c']))
  expect(rig.batches.flat()).toEqual(['a', 'b', 'c'])
  expect(rig.lane.heldMessages).toBe(0)
})

test('messages that make nothing are settled as well', async () => {
  const rig = createRig()
  rig.take('')
  await vi.waitFor(() => expect(rig.settled).toEqual(['']))
  expect(rig.batches).toEqual([])
})

test('a failed publish is tried again with the same batch; nothing is settled meanwhile', async () => {
  let failures = 3
  const tried: string[][] = []
  const rig = createRig({ batchMessages: 1 }, async (batch) => {
    tried.push(batch)
    if (failures-- > 0) throw unavailable()
  })
  rig.take('a')
  await vi.waitFor(() => expect(rig.settled).toEqual(['a']))
  expect(tried).toEqual([['a'], ['a'], ['a'], ['a']])
  expect(rig.stuck).toEqual([true, true, true, false])
})

test('what can never be stored is refused and settled: it must not come again and again', async () => {
  const rig = createRig({}, async ([first]) => {
    if (first === 'huge') throw new AppError('record_too_large', 'too large')
  })
  rig.take('huge')
  await vi.waitFor(() => expect(rig.settled).toEqual(['huge']))
  expect(rig.refused).toEqual([['huge']])
})

test('says when it is full, and when there is room again', async () => {
  let away = true
  const rig = createRig({ heldMessagesMax: 4, batchMessages: 1 }, async () => {
    if (away) throw unavailable()
  })
  for (const text of ['a', 'b', 'c', 'd', 'e']) rig.take(text)
  expect(rig.full).toEqual([true])
  away = false
  await vi.waitFor(() => expect(rig.settled).toHaveLength(5))
  expect(rig.full).toEqual([true, false])
})

test('drains at the end, and gives up what the bus does not take', async () => {
  const rig = createRig({ lingerMs: 60_000 })
  rig.take('a')
  expect(await rig.lane.drain(5000)).toBe(true)
  expect(rig.settled).toEqual(['a'])

  const stuck = createRig({}, async () => {
    throw unavailable()
  })
  stuck.take('b')
  expect(await stuck.lane.drain(20)).toBe(false)
  stuck.lane.abandon()
  expect(stuck.settled).toEqual([])
})
