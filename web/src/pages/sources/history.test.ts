import { expect, it } from 'vitest'
import type { PreviewItem, ProducedSample } from '../../api/source-types.ts'
import { createHistory } from './history.ts'

const sample = (value: number | null): ProducedSample => ({
  process: 'device:a:b',
  metric: 'm',
  attributes: {},
  unit: '',
  role: 'level',
  value,
})
const item = (seconds: number, value: number | null): PreviewItem => ({
  time: new Date(1e12 + seconds * 1000).toISOString(),
  subject: 't',
  payload: '',
  marks: [],
  produced: [sample(value)],
  fields: null,
  refusals: [],
  flagged: [],
})

it('takes each message once, oldest first, and forgets beyond its bound', () => {
  const history = createHistory()
  history.take([item(2, 20), item(1, 10)])
  history.take([item(3, 30), item(2, 20), item(1, 10)])
  history.take([item(4, null)])
  expect(history.of(sample(0))).toEqual([10, 20, 30])
  history.take(Array.from({ length: 100 }, (_, i) => item(10 + i, i)))
  expect(history.of(sample(0))).toHaveLength(60)
  expect(history.of({ ...sample(0), metric: 'other' })).toEqual([])
})
