import { describe, expect, it } from 'vitest'
import { count, flag } from './units.ts'

describe('a flag', () => {
  it.each([
    [true, true],
    [false, false],
    ['true', true],
    ['false', false],
    ['1', true],
    ['0', false],
  ])('written %j is %s', (written, value) => expect(flag.parse(written)).toBe(value))

  it.each(['maybe', '', 2, null])('is not %j', (written) => expect(flag.safeParse(written).success).toBe(false))
})

describe('a count', () => {
  it('is a whole number within its bound, written as a number or as text', () => {
    expect([count(5).parse('5'), count(5).parse(1)]).toEqual([5, 1])
    for (const wrong of [0, 6, '1.5', 'many']) expect(count(5).safeParse(wrong).success).toBe(false)
  })
})
