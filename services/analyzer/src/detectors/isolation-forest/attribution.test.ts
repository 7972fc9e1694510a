import { describe, expect, test } from 'vitest'
import { attribute } from './attribution.ts'
import { averagePathLength, pathOf, trainForest } from './forest.ts'
import { createRandom } from './random.ts'

const FEATURES = 6
const random = createRandom(11n)
const bell = (): number => Array.from({ length: 12 }, () => random.nextUnit()).reduce((sum, each) => sum + each, -6)
// The second feature follows the first, the last is constant, the fifth is often missing.
const points = Float32Array.from({ length: 1000 * FEATURES }, bell)
for (let row = 0; row < 1000; row++) {
  points[row * FEATURES + 1] = points[row * FEATURES]! + 0.1 * bell()
  points[row * FEATURES + 5] = 4
  if (row % 3 === 0) points[row * FEATURES + 4] = Number.NaN
}
const forest = trainForest(points, FEATURES, createRandom(3n))

function sharesOf(...point: number[]): number[] {
  const shares = new Float64Array(FEATURES)
  attribute(forest, Float32Array.from(point), 0, shares)
  return Array.from(shares)
}

describe('names the features that isolate a point', () => {
  test.each([
    ['one far above', [0, 0, 0, 9, 0, 4], [3]],
    ['one far below', [0, 0, -9, 0, 0, 4], [2]],
    ['two at once', [0, 0, 9, 9, 0, 4], [2, 3]],
    ['one that is often missing', [0, 0, 0, 0, 9, 4], [4]],
    ['beside a missing value', [0, 0, Number.NaN, 9, Number.NaN, 4], [3]],
    ['a huge one', [0, 0, 0, 3e38, 0, 4], [3]],
  ])('%s', (_, point, culprits) => {
    const shares = sharesOf(...point)
    const share = culprits.reduce((sum, feature) => sum + shares[feature]!, 0)
    expect(share).toBeGreaterThan(0.8)
    for (const feature of culprits) expect(shares[feature]).toBeGreaterThan(0.3)
  })
})

test('shares sum to 1, and a constant or missing feature has none', () => {
  const shares = sharesOf(3, -3, 0, 2, Number.NaN, 1e9)
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
  expect(shares[4]).toBe(0)
  expect(shares[5]).toBe(0)
})

test('gains sum to the expected path less the path', () => {
  const single = trainForest(points.slice(0, 400), 1, createRandom(1n), { trees: 1, subsample: 64 })
  const point = Float32Array.of(1e6)
  const shares = new Float64Array(1)
  attribute(single, point, 0, shares)
  expect(shares[0]).toBe(1)
  expect(pathOf(single, point, 0)).toBeLessThan(averagePathLength(64))
})

test('where nothing isolates, no feature has a share', () => {
  const same = trainForest(new Float32Array(100).fill(1), 2, createRandom(1n))
  const shares = new Float64Array(2).fill(7)
  attribute(same, Float32Array.of(5, 5), 0, shares)
  expect(Array.from(shares)).toEqual([0, 0])
})
