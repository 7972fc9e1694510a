import { describe, expect, test } from 'vitest'
import type { Anomaly } from '../api/types.ts'
import { bucketMs, freshBuckets, stripBuckets, stripGlyphs, stripPaths, wholeStrip } from './strip-drift.ts'

const start = Date.UTC(2026, 4, 4)
const axis = { fromMs: start, toMs: start + 86_400_000, width: 864 }
const at = (index: number) => new Date(start + index * bucketMs).toISOString()
const anomaly = (minutes: number, severity: Anomaly['severity'], type = 'error_spike') =>
  ({ id: `${minutes}`, type, severity, timestamp: new Date(start + minutes * 60_000).toISOString() }) as Anomaly

describe('levels of the estate', () => {
  test('what is usual is grey, one process at 4σ beyond it is one band', () => {
    const calm = Array.from({ length: 20 }, (_, i) => ({ time: at(i), up: 2, down: 0 }))
    const levels = stripBuckets([...calm, { time: at(20), up: 3, down: 3.5 }])
    expect(levels.slice(0, 20).every((one) => one.up === 0 && one.down === 0 && one.calmUp > 0)).toBe(true)
    expect(levels.at(-1)).toMatchObject({ up: 1, down: 3, calmUp: 1 })
  })
  test('nothing makes nothing', () => expect(stripBuckets([])).toEqual([]))
})

describe('the newest buckets', () => {
  const lines = [
    { endsAtMs: start + 9 * 60_000, deviations: [16, 16, null, 1, 4] },
    { endsAtMs: start + 9 * 60_000, deviations: [-4, 0, 0, 0, 4] },
  ]
  test('sum over processes, up and down apart, as means of their minutes', () => {
    const [bucket, ...others] = freshBuckets(lines, start, start + 10 * 60_000)
    expect(others).toEqual([])
    expect(bucket?.time).toBe(at(1))
    expect(bucket?.up).toBeCloseTo((3 + 3 + 0 + 0 + 2) / 5, 9)
    expect(bucket?.down).toBeCloseTo(1 / 5, 9)
  })
  test('take the place of what the server told of them', () => {
    const told = [
      { time: at(0), up: 1, down: 0 },
      { time: at(1), up: 9, down: 9 },
    ]
    const whole = wholeStrip(told, lines, start + 10 * 60_000)
    expect(whole.map((one) => one.time)).toEqual([at(0), at(1)])
    expect(whole[1]?.up).toBeLessThan(3)
    expect(wholeStrip(told, [], start)).toEqual(told)
  })
})

describe('drawing', () => {
  const place = { middle: 40, above: 30, below: 20, ripple: 3 }
  test('bands reach up and down from the middle, and a hole parts them', () => {
    const bucket = (index: number, up: number, down: number) => ({
      fromMs: start + index * bucketMs,
      up,
      down,
      calmUp: 0,
      calmDown: 0,
    })
    const paths = stripPaths([bucket(0, 1, 0), bucket(1, 2.5, 0), bucket(9, 0, 3)], axis, place)
    expect(paths.up[0]).toContain(' 10L')
    expect(paths.up[2]).toContain(' 25L')
    expect(paths.up[0]?.match(/M/g)).toHaveLength(1)
    expect(paths.down.every((path) => path.includes(' 60L'))).toBe(true)
    expect(paths.calm).toBe('')
  })
})

describe('glyphs', () => {
  test('within 24 px they merge into the worst of them, with a count', () => {
    const found = stripGlyphs(
      [
        anomaly(100, 'warning'),
        anomaly(120, 'critical'),
        anomaly(130, 'info'),
        anomaly(500, 'warning', 'missing_data'),
      ],
      axis,
      24,
    )
    expect(found.map(({ state, count }) => [state, count])).toEqual([
      ['critical', 3],
      ['silent', 1],
    ])
    expect(found[0]?.x).toBeCloseTo((60 + 78) / 2, 6)
  })
  test('the first of them decides how far a merged glyph reaches', () => {
    const found = stripGlyphs(
      [0, 30, 60, 90].map((minutes) => anomaly(minutes, 'warning')),
      axis,
      24,
    )
    expect(found.map((one) => one.count)).toEqual([2, 2])
  })
  test('glyphs never stand closer than they merge', () => {
    const many = Array.from({ length: 40 }, (_, i) => anomaly(i * 13, i % 7 === 0 ? 'critical' : 'warning'))
    const found = stripGlyphs(many, axis, 24)
    expect(found.reduce((sum, one) => sum + one.count, 0)).toBe(40)
    for (const [i, one] of found.entries()) if (i > 0) expect(one.x - found[i - 1]!.x).toBeGreaterThanOrEqual(24)
  })
  test('what is outside of the axis has no glyph', () => {
    expect(stripGlyphs([anomaly(-5, 'critical'), anomaly(1441, 'critical')], axis, 24)).toEqual([])
  })
})
