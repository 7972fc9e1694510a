import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createBatchScorer } from './batch-scorer.ts'
import { trainForest } from './forest.ts'
import { createRandom } from './random.ts'

/** What `bench/detection/forest/make-fixtures.py` writes: a data set and what scikit-learn's forest makes of it. */
interface Fixture {
  readonly name: string
  readonly features: number
  /** A digit per point: 1 for an anomaly. */
  readonly labels: string
  /** Of 20 forests that differ in their seed. */
  readonly areaUnderCurve: readonly number[]
  /** Mean score of each point over those forests; base64 of little-endian floats, as `points`. */
  readonly meanScores: string
  readonly points: string
}

// Twenty forests each: a second in all where the machine has nothing else to do.
vi.setConfig({ testTimeout: 120_000 })

const SEEDS = 20
const folder = join(import.meta.dirname, 'fixtures')
const fixtures = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Fixture)

const floats = (base64: string): Float32Array => new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer)
const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length

/** The share of pairs of an anomaly and another point in which the anomaly scores higher; equal ones count half. */
function areaUnderCurve(scores: Float64Array, labels: string): number {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]!)
  let rankSum = 0
  for (let from = 0; from < order.length; ) {
    let to = from + 1
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to += 1
    for (let at = from; at < to; at++) if (labels[order[at]!] === '1') rankSum += (from + 1 + to) / 2
    from = to
  }
  const anomalies = labels.split('1').length - 1
  return (rankSum - (anomalies * (anomalies + 1)) / 2) / (anomalies * (labels.length - anomalies))
}

test('the area under the curve is as by hand', () => {
  expect(areaUnderCurve(Float64Array.of(0.1, 0.4, 0.35, 0.8), '0011')).toBe(0.75)
  expect(areaUnderCurve(Float64Array.of(1, 1, 1), '001')).toBe(0.5)
})

describe(`as scikit-learn's forest, over ${SEEDS} seeds`, () => {
  expect(fixtures.length).toBeGreaterThanOrEqual(6)

  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('%s', (_, fixture) => {
    const points = floats(fixture.points)
    const scores = new Float64Array(fixture.labels.length)
    const sums = new Float64Array(scores.length)
    const areas: number[] = []
    for (let seed = 0; seed < SEEDS; seed++) {
      createBatchScorer(trainForest(points, fixture.features, createRandom(BigInt(seed)))).scoreBatch(points, scores)
      areas.push(areaUnderCurve(scores, fixture.labels))
      scores.forEach((score, row) => {
        sums[row]! += score / SEEDS
      })
    }
    expect(Math.abs(mean(areas) - mean(fixture.areaUnderCurve))).toBeLessThan(0.01)
    const theirs = floats(fixture.meanScores)
    expect(mean(sums.map((sum, row) => Math.abs(sum - theirs[row]!)))).toBeLessThan(0.01)
  })
})
