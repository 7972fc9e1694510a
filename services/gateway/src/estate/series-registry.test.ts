import { MetricKind } from '@driftline/proto'
import { expect, it } from 'vitest'
import { createSeriesRegistry } from './series-registry.ts'

const series = (id: bigint, process: string, metric = 'queue.length') => ({
  id,
  process,
  metric,
  unit: '{item}',
  kind: MetricKind.GAUGE,
  attributes: '{}',
})

it('knows when a process was last heard, whatever it says', () => {
  const registry = createSeriesRegistry(100)
  registry.define(series(1n, 'service:orders'))
  registry.define(series(2n, 'service:orders', 'queue.age'))
  registry.define(series(3n, 'service:shop'))
  expect(registry.newestOf('service:orders')).toBe(0)
  registry.record(1n, 5000, 7)
  registry.record(2n, 9000, 1)
  registry.record(1n, 6000, 8)
  expect(registry.newestOf('service:orders')).toBe(9000)
  expect(registry.newestOf('service:shop')).toBe(0)
  expect(registry.newestOf('service:unknown')).toBe(0)
  expect(registry.find('service:orders', 'queue.length')).toMatchObject({ value: 8, timeMs: 6000 })
})

it('does not take a sample that is late or of no known series', () => {
  const registry = createSeriesRegistry(100)
  registry.define(series(1n, 'service:orders'))
  registry.record(1n, 5000, 7)
  expect(registry.record(1n, 4000, 1)).toBe(true)
  expect(registry.record(9n, 8000, 1)).toBe(false)
  expect(registry.newestOf('service:orders')).toBe(5000)
  expect(registry.find('service:orders', 'queue.length')).toMatchObject({ value: 7 })
})

it('forgets the longest unheard, and a process with its last series', () => {
  const registry = createSeriesRegistry(2)
  registry.define(series(1n, 'service:a'))
  registry.define(series(2n, 'service:b'))
  registry.record(2n, 5000, 1)
  registry.define(series(3n, 'service:c'))
  expect([...registry.all()].map(({ process }) => process)).toEqual(['service:b', 'service:c'])
  expect([registry.ofProcess('service:a'), registry.size()]).toEqual([[], 2])
})
