import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultStreamingConfig } from './config.ts'
import { alarmScore, createStreaming } from './streaming.ts'

const SEED = 20260105
const START_MS = Date.UTC(2026, 0, 5)

const anything = fc.oneof(
  fc.double(),
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, -1e308, 5e-324, 0, -0),
)
const anyStep = fc.oneof(
  fc.constantFrom(0, 1000, 60_000, 300_000, 3_600_000),
  fc.integer({ min: -10_000_000, max: 10_000_000 }),
  fc.constantFrom(Number.NaN, 1e13, -1e13),
)

/** Values in steps of 1/16 with runs, levels and jumps: sums with whole offsets of them are exact. */
const series = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: -800, max: 800 }), fc.boolean()), {
    minLength: 12,
    maxLength: 25,
  })
  .map((runs) =>
    runs.flatMap(([length, level, rough], run) =>
      Array.from({ length }, (_, i) => (level + (rough ? ((i * 37 + run * 11) % 23) - 11 : 0)) / 16),
    ),
  )

function scores(values: readonly number[]): number[] {
  const detector = createStreaming(defaultStreamingConfig)
  return values.map((value, row) => {
    detector.observe(0, START_MS + row * 300_000, value)
    return detector.score
  })
}

describe('the streaming detector, for any series', () => {
  it('never throws, keeps finite state, and alarms exactly at its score', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyStep, anything), { minLength: 200, maxLength: 600 }), (rows) => {
        const detector = createStreaming(defaultStreamingConfig)
        let timeMs = START_MS
        for (const [step, value] of rows) {
          if (Number.isFinite(step)) timeMs += step
          detector.observe(0, Number.isFinite(step) ? timeMs : step, value)
          expect(detector.score >= 0 && detector.score <= 1).toBe(true)
          expect(detector.alarm).toBe(detector.score >= alarmScore)
          expect(Number.isFinite(detector.centre) && !Number.isNaN(detector.expectedHigh)).toBe(true)
        }
        for (const column of Object.values(detector.columns())) {
          expect(column.every((entry) => Number.isFinite(entry))).toBe(true)
        }
      }),
      { seed: SEED, numRuns: 60 },
    )
  })

  it('judges the mirrored series the same', () => {
    fc.assert(
      fc.property(series, (values) => {
        expect(scores(values.map((value) => -value))).toEqual(scores(values))
      }),
      { seed: SEED, numRuns: 60 },
    )
  })

  it('judges the series the same at any offset', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: -1e9, max: 1e9 }), (values, offset) => {
        expect(scores(values.map((value) => value + offset))).toEqual(scores(values))
      }),
      { seed: SEED, numRuns: 60 },
    )
  })

  it('judges the series the same at any scale', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: -60, max: 60 }), (values, power) => {
        const plain = scores(values)
        const scaled = scores(values.map((value) => value * 2 ** power))
        for (let row = 0; row < plain.length; row++) {
          expect(Math.abs(plain[row]! - scaled[row]!)).toBeLessThan(1e-3)
          // A score within rounding of the threshold may fall on either side, and what follows differs by right.
          if (Math.abs(plain[row]! - alarmScore) < 1e-3) return
        }
      }),
      { seed: SEED, numRuns: 60 },
    )
  })
})
