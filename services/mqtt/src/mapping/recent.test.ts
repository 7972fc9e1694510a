import { expect, test } from 'vitest'
import { createRecent } from './recent.ts'

test('keeps what is asked for, and never more than two generations', () => {
  const recent = createRecent<number>(10)
  recent.set('hot', 1)
  for (let i = 0; i < 1000; i++) {
    recent.set(`cold-${i}`, i)
    expect(recent.get('hot')).toBe(1)
    expect(recent.size).toBeLessThanOrEqual(20)
  }
  expect(recent.get('cold-1')).toBeUndefined()
})

test('an entry that grows makes room by itself', () => {
  const recent = createRecent<{ weight: number }>(10, (value) => value.weight)
  const heavy = { weight: 1 }
  recent.set('heavy', heavy)
  heavy.weight = 11
  recent.grow(10)
  expect(recent.get('heavy')).toBe(heavy)
  recent.set('a', { weight: 9 })
  recent.set('b', { weight: 9 })
  recent.set('c', { weight: 9 })
  expect(recent.get('heavy')).toBeUndefined()
})
