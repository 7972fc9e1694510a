import { describe, expect, test } from 'vitest'
import { driftPaths, pointAt, shareOfBand } from './geometry.ts'
import { createDriftLines, hourUpTo, withPoint } from './lines.ts'
import { bandOf, driftRank, levelOf, scoreText } from './score.ts'

const minute = 60_000

describe('levels and bands', () => {
  test.each([
    [0, 0],
    [1.9, 0],
    [2, 0],
    [4, 1],
    [-8, 2],
    [16, 3],
    [400, 3],
  ])('%f σ is level %f', (deviation, level) => expect(levelOf(deviation)).toBeCloseTo(level, 9))

  test.each([
    [null, ''],
    [1.99, ''],
    [2, 'up1'],
    [-3.9, 'dn1'],
    [4, 'up2'],
    [-8, 'dn3'],
    [12, 'up3'],
    [Number.NaN, ''],
  ])('%f σ has class "%s"', (deviation, band) => expect(bandOf(deviation)).toBe(band))

  test('each band is one doubling', () => {
    expect([0, 1, 2].map((k) => shareOfBand(8, k, 1))).toEqual([1, 1, 0])
    expect([0, 1, 2].map((k) => shareOfBand(-16, k, -1))).toEqual([1, 1, 1])
    expect([0, 1, 2].map((k) => shareOfBand(-16, k, 1))).toEqual([0, 0, 0])
    expect(shareOfBand(Math.SQRT2 * 2, 0, 1)).toBeCloseTo(0.5, 9)
  })
})

describe('score', () => {
  const text = (value: number | null) => scoreText(value, (v) => v.toFixed(1))
  test.each([
    [null, null],
    [0.04, '0.0'],
    [-0.04, '0.0'],
    [13.24, '+13.2'],
    [-6.3, '−6.3'],
    [431.7, '+432'],
    [1e9, '>+999'],
    [-1e9, '<−999'],
    [Number.POSITIVE_INFINITY, null],
  ])('%f', (value, said) => expect(text(value)).toBe(said))
})

describe('rank', () => {
  test.each([
    ['ok', 1.9, 0],
    ['ok', null, 0],
    ['ok', -2.9, 2.9],
    ['silent', null, 3],
    ['silent', 9, 3],
    ['warning', 0.4, 3.5],
    ['critical', 13.2, 13.2],
    ['critical', null, 4],
  ])('%s at %f σ', (status, drift, rank) => expect(driftRank({ status, drift })).toBe(rank))
})

describe('paths', () => {
  test('a calm line is a grey line as wide as its place, with no band', () => {
    const paths = driftPaths([0, 0, 0, 0])
    expect(paths.line).toBe('M0 11H160')
    expect(paths.gaps + paths.early + paths.up.join('') + paths.down.join('')).toBe('')
  })

  test('the ripple is at most 2 px and ends where the bands are loud', () => {
    const { ripple, line } = driftPaths([3.9, 3.9, 5, 5], 160, 22)
    expect(ripple).toContain(' 9')
    expect(ripple).not.toMatch(/ 8(\.|L|Z)/)
    expect(line).toBe('M0 11H60')
  })

  test('bands go up for what is above normal and down for what is below, and fold at 4 and 8', () => {
    const high = driftPaths([16, 16])
    expect(high.up.every((path) => path.includes('L0 0L'))).toBe(true)
    expect(high.down).toEqual(['', '', ''])
    expect(high.line).toBe('')
    const low = driftPaths([-4, -4])
    expect(low.down[0]).toContain('L0 22L')
    expect(low.down.slice(1)).toEqual(['', ''])
    expect(low.up).toEqual(['', '', ''])
  })

  test('no data is dashed, never flat; before the first point it is dimmer', () => {
    const paths = driftPaths([null, 1, null, null, 1, null], 60, 22)
    expect(paths.early).toBe('M0 11H10')
    expect(paths.gaps).toBe('M20 11H40M50 11H60')
    expect(driftPaths([null, null], 60, 22).early).toBe('M0 11H60')
    expect(driftPaths([]).early).toBe('M0 11H160')
  })

  test('a gap parts the areas on both sides of it', () => {
    expect(driftPaths([9, null, 9]).up[0]?.match(/M/g)).toHaveLength(2)
  })

  test('values that are no numbers never reach the path', () => {
    const paths = driftPaths([Number.NaN, Number.POSITIVE_INFINITY, 1])
    expect(JSON.stringify(paths)).not.toMatch(/NaN|Infinity/)
  })

  test('the point under the pointer', () => {
    expect([0, 0.5, 0.999, 1.2, -1].map((share) => pointAt(share, 60))).toEqual([0, 30, 59, 59, 0])
    expect(pointAt(0.5, 0)).toBe(-1)
  })
})

describe('lines', () => {
  const line = { endsAtMs: 10 * minute, deviations: [1, 2, 3] }

  test('a point of the last minute replaces it, one of the next is put behind', () => {
    expect(withPoint(line, 10 * minute + 999, 9).deviations).toEqual([1, 2, 9])
    expect(withPoint(line, 9 * minute, 9).deviations).toEqual([1, 9, 3])
    expect(withPoint(line, 11 * minute, 9)).toEqual({ endsAtMs: 11 * minute, deviations: [1, 2, 3, 9] })
    expect(withPoint(line, 13 * minute, 9).deviations).toEqual([1, 2, 3, null, null, 9])
    expect(withPoint(line, 10 * minute, 3)).toBe(line)
    expect(withPoint(line, minute, 9)).toBe(line)
  })

  test('it never holds more than an hour', () => {
    const full = { endsAtMs: 100 * minute, deviations: new Array<number>(60).fill(1) }
    expect(withPoint(full, 101 * minute, 2).deviations).toHaveLength(60)
    expect(withPoint(full, 400 * minute, 2).deviations.filter((one) => one !== null)).toEqual([2])
  })

  test('a minute that is not over yet is no silence; several are', () => {
    expect(hourUpTo(line, 12 * minute).deviations.at(-1)).toBe(3)
    expect(hourUpTo(line, 12 * minute).deviations).toHaveLength(60)
    const late = hourUpTo(line, 15 * minute)
    expect(late.deviations.slice(-5)).toEqual([3, null, null, null, null])
    expect(late.endsAtMs).toBe(14 * minute)
    expect(hourUpTo(line, 500 * minute).deviations.every((one) => one === null)).toBe(true)
  })

  test('the same object is given while nothing changed', () => {
    const lines = createDriftLines()
    lines.fill([{ processId: 'a', driftLine: { endsAt: new Date(10 * minute).toISOString(), deviations: [1] } }])
    const first = lines.of('a', 11 * minute)
    expect(lines.of('a', 11 * minute + 30_000)).toBe(first)
    lines.put('a', 10 * minute, 1)
    expect(lines.of('a', 11 * minute)).toBe(first)
    lines.put('a', 10 * minute, 2)
    expect(lines.of('a', 11 * minute)).not.toBe(first)
    expect(lines.of('b', 11 * minute).deviations).toEqual([])
    lines.forget('a')
    expect(lines.of('a', 11 * minute).deviations).toEqual([])
  })
})
