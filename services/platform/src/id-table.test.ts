import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createIdTable } from './id-table.ts'

const half = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat({ max: 50 }), fc.nat({ max: 0xffff_ffff }))

test('answers as a map with 64-bit keys would', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(half, half, fc.nat()), { maxLength: 500 }), fc.integer(), (entries, seed) => {
      const table = createIdTable({ maxSize: 1000, seed })
      const map = new Map<string, number>()
      for (const [low, high, value] of entries) {
        expect(table.set(low, high, value)).toBe(true)
        map.set(`${low}/${high}`, value)
      }
      expect(table.size).toBe(map.size)
      for (const [low, high] of entries) expect(table.get(low, high)).toBe(map.get(`${low}/${high}`))
      expect(table.get(123_456_789, 987_654_321)).toBe(map.get('123456789/987654321') ?? -1)
    }),
  )
})

test('refuses a new id when full, and still replaces a known one', () => {
  const table = createIdTable({ maxSize: 2, seed: 7 })
  expect([table.set(1, 0, 1), table.set(2, 0, 2), table.set(3, 0, 3), table.set(2, 0, 9)]).toEqual([
    true,
    true,
    false,
    true,
  ])
  expect([table.get(1, 0), table.get(2, 0), table.get(3, 0)]).toEqual([1, 9, -1])
})
