import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { topics } from '@driftline/proto'
import { expect, test } from 'vitest'
import { createOrderedPublisher, type OwnRecord } from './ordered-publisher.ts'

const record = (key: string): OwnRecord => ({
  topic: topics.series.name,
  tenant: 'default',
  key,
  message: 'driftline.v1.SeriesBatch',
  value: new Uint8Array(),
})

test('one publish at a time, what waits goes together, and sequences rise in the order of publishing', async () => {
  const calls: { records: readonly OutgoingRecord[]; settle: (error?: Error) => void }[] = []
  const publish: Bus['publish'] = (records) =>
    new Promise((resolve, reject) => {
      calls.push({ records, settle: (error) => (error === undefined ? resolve() : reject(error)) })
    })
  const bus = { publish, partitionsOf: () => 1 } as unknown as Bus
  const publisher = createOrderedPublisher({ source: 'intake', epoch: 7 }, bus)
  const outcomes = ['a', 'b', 'c'].map((key) =>
    publisher.publish([record(key)]).then(
      () => 'durable',
      () => 'failed',
    ),
  )

  expect(calls).toHaveLength(1)
  calls[0]!.settle()
  await expect.poll(() => calls.length).toBe(2)
  expect(calls[1]!.records.map(({ key }) => key)).toEqual(['b', 'c'])
  calls[1]!.settle(new Error('away'))
  expect(await Promise.all(outcomes)).toEqual(['durable', 'failed', 'failed'])

  // A sequence of a publish that failed is never used again: the record may have been stored all the same.
  const again = publisher.publish([record('b')])
  await expect.poll(() => calls.length).toBe(3)
  calls[2]!.settle()
  await again
  expect(calls.flatMap(({ records }) => records.map(({ headers }) => headers.sequence))).toEqual(['1', '2', '3', '4'])
})
