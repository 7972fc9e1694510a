import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scorePoint, trainForest } from './forest.ts'
import { decodeForest, encodeForest } from './forest-bytes.ts'
import { createRandom } from './random.ts'

const random = createRandom(1n)
const points = Float32Array.from({ length: 600 * 3 }, () => random.nextUnit())
const forest = trainForest(points, 3, random, { trees: 4, subsample: 32 })
const whole = encodeForest(forest)

/** The whole with the bytes from `at` replaced. */
function changed(at: number, ...bytes: number[]): Uint8Array {
  const copy = whole.slice()
  copy.set(bytes, at)
  return copy
}

test.each([
  ['one that was trained', forest],
  ['one without points', trainForest(new Float32Array(0), 3, random, { trees: 2 })],
  ['one of a single point', trainForest(Float32Array.of(1, 2), 2, random)],
  ['one of larger trees', trainForest(points, 3, random, { trees: 2, subsample: 600 })],
  [
    'one that splits beyond its points',
    trainForest(points, 3, random, { depth: 12, beyond: { share: 1, least: [1] } }),
  ],
])('%s comes back as it was', (_, each) => {
  expect(decodeForest(encodeForest(each))).toEqual({ kind: 'forest', forest: each })
})

describe('refuses, saying why', () => {
  test.each([
    ['nothing', new Uint8Array(0), /shorter than its header/],
    ['another version', changed(0, 2), /version 2 is not known/],
    ['too many features', changed(1, 65), /65 features/],
    ['no trees', changed(2, 0, 0), /0 trees/],
    ['more trees than there are bytes for', changed(2, 232, 3), /ends within a tree/],
    ['fewer trees', changed(2, 3, 0), /bytes follow the last tree/],
    ['a subsample beyond the bound', changed(4, 1, 16), /subsample of 4097/],
    ['a subsample that the trees do not have', changed(4, 33, 0), /tree 0 has 32 points/],
    ['a feature that there is not', changed(6, 3), /feature 3 of 3/],
    ['a threshold that is no number', changed(7, 0, 0, 192, 127), /threshold is not finite/],
    ['a bottomless tree', new Uint8Array(100_000).fill(0).with(0, 1).with(1, 1).with(2, 1).with(4, 9), /too deep/],
    ['an end within a tree', whole.subarray(0, whole.length - 1), /ends within a tree/],
    ['bytes too many', Uint8Array.of(...whole, 0), /bytes follow/],
  ])('%s', (_, bytes, reason) => {
    const decoded = decodeForest(bytes)
    expect(decoded.kind === 'invalid' && decoded.reason).toMatch(reason)
  })

  test('every truncation', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(decodeForest(whole.subarray(0, length)).kind).toBe('invalid')
    }
  })
})

test('whatever is decoded can be scored with', () => {
  const change = fc.record({
    at: fc.integer({ min: 0, max: whole.length - 1 }),
    byte: fc.integer({ min: 0, max: 255 }),
  })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = whole.slice()
      for (const { at, byte } of changes) bytes[at] = byte
      const decoded = decodeForest(bytes)
      if (decoded.kind === 'invalid') return
      const score = scorePoint(decoded.forest, new Float32Array(64))
      expect(score > 0 && score <= 1).toBe(true)
    }),
    { numRuns: 2000 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeForest(bytes)))
})
