import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBatchScorer } from './batch-scorer.ts'
import { averagePathLength, type Forest, LEAF, scorePoint, trainForest } from './forest.ts'
import { createRandom } from './random.ts'

/** Trees of hand: the first splits (0: 1.5) into a leaf of 1 and (1: 0.5) into leaves of 2 and 3; the second is a leaf. */
const byHand: Forest = {
  featureCount: 2,
  subsample: 6,
  roots: Uint32Array.of(0, 5),
  feature: Uint8Array.of(0, LEAF, 1, LEAF, LEAF, LEAF),
  threshold: Float32Array.of(1.5, 0, 0.5, 0, 0, 0),
  right: Uint16Array.of(2, 0, 2, 0, 0, 0),
  size: Uint16Array.of(6, 1, 5, 2, 3, 6),
}

const normal = (seed: bigint, count: number): Float32Array => {
  const random = createRandom(seed)
  return Float32Array.from({ length: count }, () =>
    Array.from({ length: 12 }, () => random.nextUnit()).reduce((sum, each) => sum + each, -6),
  )
}

function batchOf(forest: Forest, points: Float32Array): Float64Array {
  const out = new Float64Array(forest.featureCount === 0 ? 0 : Math.floor(points.length / forest.featureCount))
  createBatchScorer(forest).scoreBatch(points, out)
  return out
}

describe('path length', () => {
  // As scikit-learn 1.9 answers.
  test.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [3, 1.207392357589623],
    [6, 2.7066404880045996],
    [64, 7.471950782586131],
    [256, 10.244770920119917],
    [4096, 15.789963603627406],
  ])('of %i points', (points, expected) => {
    expect(averagePathLength(points)).toBeCloseTo(expected, 12)
  })

  test('is near that of the exact harmonic number where there are many points', () => {
    for (const points of [64, 256, 1000]) {
      let harmonic = 0
      for (let at = 1; at < points; at++) harmonic += 1 / at
      expect(averagePathLength(points)).toBeCloseTo(2 * harmonic - (2 * (points - 1)) / points, 1)
    }
  })
})

describe('score of a forest made by hand', () => {
  const c = averagePathLength
  test.each([
    ['the leaf of one', [1.5, 9], 1],
    ['the leaf of two', [1.6, 0.5], 2 + 1],
    ['the leaf of three', [1.6, 0.6], 2 + c(3)],
    ['first missing: the side of five', [Number.NaN, 0], 2 + 1],
    ['both missing: the side of three', [Number.NaN, Number.NaN], 2 + c(3)],
    ['infinite', [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 2 + 1],
  ])('%s', (_, point, path) => {
    const expected = 2 ** (-((path + c(6)) / 2) / c(6))
    const points = Float32Array.from(point)
    expect(scorePoint(byHand, points)).toBeCloseTo(expected, 12)
    expect(batchOf(byHand, points)[0]).toBeCloseTo(expected, 12)
  })
})

describe('training', () => {
  test('each tree is a whole one over its subsample', () => {
    const forest = trainForest(normal(1n, 1000 * 3), 3, createRandom(5n))
    expect(forest.roots).toHaveLength(100)
    for (const root of forest.roots) expect(forest.size[root]).toBe(256)
    forest.feature.forEach((feature, node) => {
      if (feature === LEAF) return
      const left = forest.size[node + 1]!
      const right = forest.size[node + forest.right[node]!]!
      expect(left + right).toBe(forest.size[node])
      expect(Math.min(left, right)).toBeGreaterThan(0)
    })
  })

  test('the same seed gives the same forest, another seed another', () => {
    const points = normal(2n, 500 * 4)
    const forest = trainForest(points, 4, createRandom(1n))
    expect(trainForest(points, 4, createRandom(1n))).toEqual(forest)
    expect(trainForest(points, 4, createRandom(2n))).not.toEqual(forest)
  })

  test('what stands apart scores higher than all others', () => {
    const points = normal(3n, 300 * 2)
    points.set([9, 9], 2 * 77)
    const scores = batchOf(trainForest(points, 2, createRandom(1n)), points)
    expect(scores.indexOf(Math.max(...scores))).toBe(77)
    expect(scores[77]).toBeGreaterThan(0.7)
  })

  test('points that are all the same stand apart from nothing', () => {
    const forest = trainForest(new Float32Array(900).fill(3), 3, createRandom(1n))
    expect(scorePoint(forest, Float32Array.of(3, 3, 3))).toBeCloseTo(0.5, 12)
    expect(scorePoint(forest, Float32Array.of(1e30, -4, Number.NaN))).toBeCloseTo(0.5, 12)
  })

  test('a missing value takes no point nearer to being alone', () => {
    const points = normal(4n, 400 * 2)
    for (let row = 0; row < 400; row += 7) points[2 * row + 1] = Number.NaN
    const forest = trainForest(points, 2, createRandom(1n))
    const scores = batchOf(forest, points)
    const mean = (rows: number[]): number => rows.reduce((sum, row) => sum + scores[row]!, 0) / rows.length
    const rows = Array.from({ length: 400 }, (_, row) => row)
    const missing = mean(rows.filter((row) => row % 7 === 0))
    expect(missing).toBeLessThan(mean(rows.filter((row) => row % 7 !== 0)) + 0.01)
  })

  test.each([
    ['no points', 3, []],
    ['one point', 3, [1, 2, 3]],
    ['no features', 0, []],
    ['nothing but missing values', 2, new Array<number>(40).fill(Number.NaN)],
    ['infinite values', 2, [Infinity, -Infinity, 0, 1, Infinity, 5]],
    ['two neighbours that no float lies between', 1, [1, 1.0000001192092896, 1, 1.0000001192092896]],
    ['the largest floats', 1, [3.4028234e38, -3.4028234e38, 0, 1]],
  ])('takes %s', (_, featureCount, values) => {
    const points = Float32Array.from(values)
    const forest = trainForest(points, featureCount, createRandom(1n))
    for (const score of batchOf(forest, points)) {
      expect(score).toBeGreaterThan(0)
      expect(score).toBeLessThanOrEqual(1)
    }
  })

  test.each([[{ trees: 0 }], [{ trees: 1001 }], [{ subsample: 0 }], [{ subsample: 4097 }]])(
    'refuses options out of range: %o',
    (options) => {
      expect(() => trainForest(Float32Array.of(1), 1, createRandom(1n), options)).toThrow(RangeError)
    },
  )
})

describe('for any points', () => {
  const value = fc.oneof(
    fc.float(),
    fc.constantFrom(Number.NaN, 0, 1, Infinity, -Infinity, 1e38),
    fc.integer({ min: 0, max: 3 }),
  )
  const cases = fc.integer({ min: 1, max: 5 }).chain((featureCount) =>
    fc.record({
      featureCount: fc.constant(featureCount),
      points: fc
        .array(fc.array(value, { minLength: featureCount, maxLength: featureCount }), { maxLength: 60 })
        .map((rows) => Float32Array.from(rows.flat())),
      subsample: fc.integer({ min: 1, max: 64 }),
    }),
  )

  test('a batch scores as each point alone, from above 0 to 1', () => {
    fc.assert(
      fc.property(cases, ({ featureCount, points, subsample }) => {
        const forest = trainForest(points, featureCount, createRandom(1n), { trees: 5, subsample })
        batchOf(forest, points).forEach((score, row) => {
          expect(score).toBeGreaterThan(0)
          expect(score).toBeLessThanOrEqual(1)
          expect(score).toBeCloseTo(scorePoint(forest, points, row * featureCount), 12)
        })
      }),
    )
  })
})
