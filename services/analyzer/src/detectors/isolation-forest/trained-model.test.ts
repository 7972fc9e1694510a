import { describe, expect, test } from 'vitest'
import { scorePoint } from './forest.ts'
import { createRandom } from './random.ts'
import { decodeModel, encodeModel, tailShares, trainModel } from './trained-model.ts'

const random = createRandom(5n)
/** An idle process that is busy once in 50 minutes. */
const points = Float32Array.from({ length: 1000 }, (_, row) => (row % 50 === 0 ? 1 : 0)).reduce((all, busy, row) => {
  all.set([busy + 0.1 * random.nextUnit(), 2 + busy * random.nextUnit(), 0], 3 * row)
  return all
}, new Float32Array(3000))
const features = ['cpu', 'memory', 'throughput']
const model = trainModel(points, features, 9n)
const bytes = encodeModel(model)
const score = (...point: number[]): number => scorePoint(model.forest, Float32Array.from(point))

test('what is rare but known is calm, what is new stands out, on a feature that never varied as well', () => {
  const rare = score(1.05, 2.5, 0)
  expect(score(0.05, 2, 0)).toBeLessThan(rare)
  expect(score(0.05, 2, 2)).toBeGreaterThan(rare)
  expect(score(0.05, 4, 0)).toBeGreaterThan(rare)
  expect(score(5, 2, 0)).toBeGreaterThan(rare)
})

test('the tail is what shares of the training points exceed', () => {
  const scores = Array.from({ length: 1000 }, (_, row) => scorePoint(model.forest, points, 3 * row))
  for (const [at, share] of tailShares.entries()) {
    const above = scores.filter((each) => each > model.tail[at]! + 1e-6).length
    expect(above).toBeLessThanOrEqual(share * 1000)
  }
})

test('comes back from its bytes as it was', () => {
  expect(decodeModel(bytes)).toEqual({ kind: 'model', model })
  expect(decodeModel(encodeModel(trainModel(new Float32Array(0), features, 1n))).kind).toBe('model')
})

describe('refuses', () => {
  const changed = (at: number, ...values: number[]): Uint8Array => {
    const copy = bytes.slice()
    copy.set(values, at)
    return copy
  }
  test.each([
    ['nothing', new Uint8Array(0), /shorter/],
    ['another version', changed(0, 9), /version 9/],
    ['scores that fall', changed(1, 0, 0, 128, 63), /make no sense/],
    ['scores that are no numbers', changed(5, 0, 0, 192, 127), /make no sense/],
    ['a broken forest', bytes.subarray(0, bytes.length - 1), /not a forest/],
  ])('%s', (_, broken, reason) => {
    const decoded = decodeModel(broken)
    expect(decoded.kind === 'invalid' && decoded.reason).toMatch(reason)
  })
})
