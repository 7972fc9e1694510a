import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { AlertItem, AnomalyItem } from '../schemas/anomalies.ts'
import { createNews, type NewsBatch } from './news.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const anomaly = (id: string, score = 0) => ({ id, score }) as AnomalyItem

it('gathers a burst into one batch per tenant, the newest state of each', () => {
  const sent: [string, NewsBatch][] = []
  const news = createNews((tenant, batch) => sent.push([tenant, batch]))
  news.anomaly('a', anomaly('1', 1))
  news.anomaly('a', anomaly('1', 2))
  news.alert('a', { id: 'x' } as AlertItem)
  news.anomaly('b', anomaly('2'))
  expect(sent).toEqual([])
  vi.advanceTimersByTime(100)
  expect(sent).toEqual([
    ['a', { alerts: [{ id: 'x' }], anomalies: [{ id: '1', score: 2 }] }],
    ['b', { alerts: [], anomalies: [{ id: '2', score: 0 }] }],
  ])
  vi.advanceTimersByTime(1000)
  expect(sent).toHaveLength(2)
})

it('does not wait with a flood, and loses nothing of it', () => {
  const ids = new Set<string>()
  const news = createNews((_, { anomalies }) => {
    expect(anomalies.length).toBeLessThanOrEqual(500)
    for (const { id } of anomalies) ids.add(id)
  })
  for (let index = 0; index < 1200; index++) news.anomaly('a', anomaly(String(index)))
  expect(ids.size).toBe(1000)
  vi.advanceTimersByTime(100)
  expect(ids.size).toBe(1200)
})
