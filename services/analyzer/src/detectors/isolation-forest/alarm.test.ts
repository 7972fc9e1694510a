import { describe, expect, test } from 'vitest'
import { contaminationOf, thresholdOf } from './alarm.ts'
import { tailShares } from './trained-model.ts'

const tail = Float32Array.from([0.3, 0.32, 0.34, 0.36, 0.4, 0.42, 0.44, 0.46])

describe('sensitivity', () => {
  test.each([
    [1, 1e-2],
    [0.8, 1e-5],
    [0.6, 1e-8],
    [7, 1e-2],
    [-1, 1e-17],
  ])('%d lets a share of %d of the minutes pass', (sensitivity, share) => {
    expect(contaminationOf(sensitivity) / share).toBeCloseTo(1, 9)
  })

  test('the higher it is, the lower the threshold', () => {
    let before = Number.POSITIVE_INFINITY
    for (let sensitivity = 0; sensitivity <= 1; sensitivity += 0.05) {
      const threshold = thresholdOf(tail, contaminationOf(sensitivity))
      expect(threshold).toBeLessThan(before)
      before = threshold
    }
  })
})

describe('threshold', () => {
  test.each(tailShares.map((share, at) => [share, tail[at]!]))(
    'of a share of %d is that of the tail',
    (share, score) => {
      expect(thresholdOf(tail, share)).toBeCloseTo(score, 6)
    },
  )

  test('lies between those of the tail for shares between', () => {
    expect(thresholdOf(tail, 0.0316227766)).toBeCloseTo(
      0.36 + (0.04 * Math.log(0.05 / 0.0316227766)) / Math.log(2.5),
      6,
    )
  })

  test('rises by 0.02 for each tenth beyond the tail', () => {
    expect(thresholdOf(tail, 0.0002)).toBeCloseTo(0.48, 6)
    expect(thresholdOf(tail, 0.00002)).toBeCloseTo(0.5, 6)
  })
})
