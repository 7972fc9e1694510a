import { create } from '@bufbuild/protobuf'
import { MetricKind, type Series, SeriesSchema } from '@driftline/proto'
import { expect, test } from 'vitest'
import { createSeriesMap, REFUSED } from './series-map.ts'

const series = (id: bigint): Series => create(SeriesSchema, { id, unit: 'By', kind: MetricKind.GAUGE })

test('an id that was refused after it was defined means nothing any more, and can be defined again', () => {
  const map = createSeriesMap({ maxSize: 10, seed: 1 })
  expect(map.define(7n, series(100n))).toBe('new')
  map.refuse(7n)
  expect(map.indexOf(7, 0)).toBe(REFUSED)
  expect(map.all()).toEqual([])
  expect(map.define(7n, series(200n))).toBe('new')
  expect(map.lows()[map.indexOf(7, 0)]).toBe(200)
  expect(map.all().map(({ id }) => id)).toEqual([200n])
})

test('an agent that changes its mind again and again takes no more room', () => {
  const map = createSeriesMap({ maxSize: 10, seed: 1 })
  for (let round = 0; round < 10_000; round++) {
    map.define(7n, series(BigInt(round)))
    map.refuse(7n)
  }
  map.define(7n, series(5n))
  map.define(8n, series(6n))
  expect(map.lows().length).toBe(256)
  expect([map.indexOf(7, 0), map.indexOf(8, 0)].map((index) => map.lows()[index])).toEqual([5, 6])
})
