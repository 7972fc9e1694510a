import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addPoint, createPoints, risingTrend } from './trend.ts'

function pointsOf(pairs: readonly (readonly [time: number, value: number])[], capacity = 100) {
  const points = createPoints(capacity)
  for (const [time, value] of pairs) addPoint(points, time, value)
  return points
}

/** Theil and Sen's estimate as it is defined, with lists. */
function bruteForce(pairs: readonly (readonly [number, number])[]): { slope: number; level: number } {
  const middle = (values: number[]): number => {
    values.sort((a, b) => a - b)
    const half = Math.floor(values.length / 2)
    return values.length % 2 === 1 ? values[half]! : (values[half - 1]! + values[half]!) / 2
  }
  const slopes: number[] = []
  for (const [at, [time, value]] of pairs.entries()) {
    for (const [earlier, before] of pairs.slice(0, at)) slopes.push((value - before) / (time - earlier))
  }
  const slope = middle(slopes)
  const end = pairs.at(-1)![0]
  return { slope, level: middle(pairs.map(([time, value]) => value - slope * (time - end))) }
}

test('is the estimate of Theil and Sen', () => {
  const rise = fc.record({
    steps: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 12, maxLength: 60 }),
    slope: fc.double({ min: 0.001, max: 10, noNaN: true }),
    noise: fc.array(fc.double({ min: -0.4, max: 0.4, noNaN: true }), { minLength: 60, maxLength: 60 }),
  })
  let found = 0
  fc.assert(
    fc.property(rise, ({ steps, slope, noise }) => {
      let time = 30_000_000
      const pairs = steps.map((step, at): [number, number] => {
        time += step
        return [time, slope * (time - 30_000_000) + noise[at]! * slope]
      })
      const trend = risingTrend(pointsOf(pairs), 1000)
      if (trend === null) return
      found += 1
      const expected = bruteForce(pairs)
      expect(trend.slope).toBeCloseTo(expected.slope, 9)
      expect(trend.level).toBeCloseTo(expected.level, 9)
      expect(trend.span).toBe(pairs.at(-1)![0] - pairs[0]![0])
    }),
  )
  expect(found).toBeGreaterThan(80)
})

describe('what is no rise', () => {
  const over = (valueAt: (minute: number) => number, minutes = 60) =>
    risingTrend(pointsOf(Array.from({ length: minutes }, (_, minute) => [minute, valueAt(minute)])), 60)

  test.each<[string, (minute: number) => number]>([
    ['constant', () => 0.5],
    ['falling', (minute) => 0.9 - minute * 0.005],
    ['a wave', (minute) => 0.5 + 0.2 * Math.sin(minute / 5)],
    ['a step', (minute) => (minute < 30 ? 0.4 : 0.7)],
    ['a rise that has come to a rest', (minute) => 0.4 + 0.01 * Math.min(minute, 30)],
    ['a saw', (minute) => 0.4 + 0.02 * (minute % 10)],
  ])('%s', (_, valueAt) => expect(over(valueAt)).toBeNull())

  test('few points', () => expect(over((minute) => minute, 9)).toBeNull())

  test('one wild point does not bend the line', () => {
    const trend = over((minute) => (minute === 30 ? 50 : 0.3 + 0.005 * minute))
    expect(trend?.slope).toBeCloseTo(0.005, 9)
  })

  test('rarely a random walk', () => {
    let state = 12_345
    const random = (): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return state / 0x7fffffff - 0.5
    }
    let found = 0
    for (let walk = 0; walk < 1000; walk++) {
      let value = 0
      if (over(() => (value += random())) !== null) found += 1
    }
    expect(found).toBeLessThan(60)
  })
})

test('keeps the last points, of the window, and none that comes late or twice', () => {
  const pairs = Array.from({ length: 30 }, (_, at): [number, number] => [at, at])
  const points = pointsOf([...pairs, [29, 1e9], [5, 1e9], [28.5, -1e9]], 20)
  expect(risingTrend(points, 100)).toEqual({ slope: 1, level: 29, span: 19 })
  expect(risingTrend(points, 12)).toEqual({ slope: 1, level: 29, span: 12 })
})
