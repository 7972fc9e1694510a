import { describe, expect, it } from 'vitest'
import { count, flag, port } from './units.ts'

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

describe('a port', () => {
  it('may be any free one, written as a number or as text', () => {
    expect([port.parse(0), port.parse('8080'), port.parse(65_535)]).toEqual([0, 8080, 65_535])
  })

  it.each([
    ['eighty', '"eighty" is not a number'],
    ['', '"" is not a number'],
    [[80], '[80] is not a number'],
    ['99999', '"99999" is not a port from 0 to 65535'],
    [80.5, '80.5 is not a port from 0 to 65535'],
  ])('is not %j, which is quoted', (written, message) => {
    expect(port.safeParse(written).error?.issues.map((issue) => issue.message)).toEqual([message])
  })
})
