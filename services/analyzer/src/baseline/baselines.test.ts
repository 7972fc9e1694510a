import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LearningBaselines } from '../detection/baselines.ts'
import { createBaselineRig, createDice, DAY_MS } from './baseline-rig.ts'
import { createBaselines, type LearntBaselines } from './baselines.ts'
import { baselineBytesPerTrack } from './columns.ts'

const START = Date.UTC(2026, 0, 5)
const MINUTE_MS = 60_000
const DAY_MINUTES = 1440

/** Teaches minutes of one plain series and answers its baselines. */
function learn(
  values: readonly number[],
  options: { stepMinutes?: number; windowMs?: number; into?: LearntBaselines } = {},
) {
  const { stepMinutes = 1, windowMs = 7 * DAY_MS, into } = options
  const rig = createBaselineRig([{ metric: 'temperature' }], null, { windowMs, ...(into ? { baselines: into } : {}) })
  for (const [at, value] of values.entries()) rig.feed(START + at * stepMinutes * MINUTE_MS, [value])
  rig.flush()
  rig.baselines.moveTo(START + values.length * stepMinutes * MINUTE_MS)
  return rig.baselines
}

const made = (count: number, valueAt: (at: number) => number): number[] =>
  Array.from({ length: count }, (_, at) => valueAt(at))

/** The reference: median, and 1.4826 times the median absolute deviation, of everything that was stored. */
function exact(values: readonly number[]): { centre: number; spread: number } {
  const middle = (list: readonly number[]): number => {
    const sorted = [...list].sort((a, b) => a - b)
    return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
  }
  const centre = middle(values)
  return { centre, spread: 1.4826 * middle(values.map((value) => Math.abs(value - centre))) }
}

describe('centre and spread', () => {
  const shapes: Record<string, (dice: ReturnType<typeof createDice>) => number> = {
    normal: (dice) => 50 + 4 * dice.normal(),
    uniform: (dice) => 50 + 10 * dice.uniform(),
    'heavy-tailed': (dice) => 50 + 3 * dice.normal() * Math.exp(0.5 * dice.normal()),
    skewed: (dice) => 10 * Math.exp(0.4 * dice.normal()),
    counts: (dice) => Math.round(20 + 5 * dice.normal()),
  }
  for (const [name, shape] of Object.entries(shapes)) {
    const isLight = name !== 'heavy-tailed' && name !== 'skewed'
    test.each([30, 90, 600, DAY_MINUTES, 3 * DAY_MINUTES])(`${name}: near the exact ones after %d minutes`, (count) => {
      for (const seed of [1, 2, 3]) {
        const dice = createDice(seed)
        const values = made(count, () => shape(dice))
        const known = learn(values)
        const reference = exact(values)
        expect(Math.abs(known.centre(0) - reference.centre)).toBeLessThan((count < 90 ? 0.8 : 0.5) * reference.spread)
        expect(known.spread(0)).toBeGreaterThan(0.65 * reference.spread)
        expect(known.spread(0)).toBeLessThan((isLight ? 1.3 : 2.2) * reference.spread)
      }
    })
  }

  test('the window forgets what is older', () => {
    const dice = createDice(5)
    const values = made(6 * DAY_MINUTES, (at) => (at < 2 * DAY_MINUTES ? 20 : 22) + dice.normal())
    expect(learn(values, { windowMs: 2 * DAY_MS }).centre(0)).toBeCloseTo(22, 0)
  })

  test.each([
    ['constant', made(100, () => 420), 420, 4.2],
    ['constant fraction', made(100, () => 0.5), 0.5, 0.005],
    ['all zero', made(100, () => 0), 0, 1],
    ['huge', made(100, () => 1e300), 1e300, 1e298],
  ])('%s values have the floor for a spread', (_, values, centre, spread) => {
    const known = learn(values)
    expect(known.centre(0) / (centre || 1)).toBeCloseTo(centre === 0 ? 0 : 1, 6)
    expect(known.spread(0) / spread).toBeCloseTo(1, 6)
    expect(known.deviation(0, centre)).toBe(0)
  })

  test('counts have a spread of one at least', () => {
    expect(learn(made(200, (at) => (at % 40 === 7 ? 3 : 2))).spread(0)).toBeGreaterThanOrEqual(1)
  })

  test('little things of KPIs are no drift', () => {
    const rig = createBaselineRig([{ metric: 'cpu' }, { metric: 'memory' }], null)
    for (let at = 0; at < 60; at++) rig.feed(START + at * MINUTE_MS, [0.001, 5e6])
    expect(rig.baselines.deviation(0, 0.02)).toBeLessThan(2)
    expect(rig.baselines.deviation(1, 10e6)).toBeLessThan(2)
  })

  test('nothing is known of a track that was never seen, or was forgotten', () => {
    const known = learn(made(50, () => 3))
    for (const track of [0, 1, 100_000]) {
      known.forgetTrack(track)
      expect(known.isLearnt(track)).toBe(false)
      expect(known.centre(track)).toBeNaN()
      expect(known.spread(track)).toBeNaN()
      expect(known.minutes(track)).toBe(0)
    }
  })

  test('is learnt after three minutes', () => {
    expect(learn([1, 2]).isLearnt(0)).toBe(false)
    expect(learn([1, 2, 3]).isLearnt(0)).toBe(true)
  })

  test('costs less than 700 bytes per track', () => {
    expect(baselineBytesPerTrack(7 * DAY_MS)).toBeLessThan(700)
  })
})

describe('excursions', () => {
  const dice = createDice(9)
  const noise = made(3000, () => dice.normal())

  test.each([10, 60, 600, 2000])('after %d minutes, one of twenty minutes teaches nothing', (history) => {
    const values = made(history + 20, (at) => (at < history ? 100 : 200) + noise[at]!)
    const known = learn(values)
    expect(known.centre(0)).toBeCloseTo(100, -1)
    expect(known.deviation(0, 200)).toBeGreaterThan(10)
    expect(known.shiftedAtMs(0)).toBeNaN()
  })

  test.each([
    [10, 30],
    [100, 50],
    [1000, 120],
  ])('after %d minutes, a level that lasts %d is the new normal', (history, lasts) => {
    const before = learn(made(history + lasts - 2, (at) => (at < history ? 100 : 200) + noise[at]!))
    expect(before.shiftedAtMs(0)).toBeNaN()
    const after = learn(made(history + lasts + 2, (at) => (at < history ? 100 : 200) + noise[at]!))
    expect(after.shiftedAtMs(0) - START).toBeLessThanOrEqual((history + lasts + 1) * MINUTE_MS)
    expect(after.centre(0)).toBeCloseTo(200, -1)
    expect(Math.abs(after.deviation(0, 200))).toBeLessThan(2)
  })

  test('what is measured every five minutes moves after the same time', () => {
    const known = learn(
      made(400, (at) => (at < 360 ? 100 : 200) + noise[at]!),
      { stepMinutes: 5 },
    )
    expect(known.shiftedAtMs(0) - START).toBeLessThan((360 + 26) * 5 * MINUTE_MS)
    expect(known.centre(0)).toBeCloseTo(200, -1)
  })
})

describe('season', () => {
  const dice = createDice(4)
  const load = (at: number): number => {
    const hour = (at / 60) % 24
    const isWeekend = Math.floor(at / DAY_MINUTES) % 7 >= 5
    return 20 + (isWeekend ? 30 : 100) * Math.exp(-(((hour - 14) / 4) ** 2)) + dice.normal()
  }

  test('shows after the second day, and the centre follows the day', () => {
    const twoDays = learn(made(2 * DAY_MINUTES, load))
    expect(twoDays.hasSeason(0)).toBe(false)
    const known = learn(made(4 * DAY_MINUTES, load))
    expect(known.hasSeason(0)).toBe(true)
    known.moveTo(START + 4 * DAY_MS + 14 * 3_600_000)
    expect(known.centre(0)).toBeGreaterThan(105)
    expect(known.centre(0)).toBeLessThan(128)
    known.moveTo(START + 4 * DAY_MS + 3 * 3_600_000)
    expect(known.centre(0)).toBeGreaterThan(12)
    expect(known.centre(0)).toBeLessThan(28)
  })

  test('of the week shows in the second week', () => {
    const known = learn(made(13 * DAY_MINUTES, load))
    known.moveTo(START + 12 * DAY_MS + 14 * 3_600_000)
    expect(known.centre(0)).toBeGreaterThan(35)
    expect(known.centre(0)).toBeLessThan(75)
  })

  test.each([
    ['noise', () => 50 + 5 * dice.normal()],
    ['constant', () => 50],
    ['a ramp', (at: number) => at / 100 + dice.normal()],
    ['steps', (at: number) => 50 + (Math.floor(at / 1000) % 3) * 10 + dice.normal()],
  ])('%s has none', (_, valueAt) => {
    expect(learn(made(6 * DAY_MINUTES, valueAt)).hasSeason(0)).toBe(false)
  })

  test('a forgotten track gives its week back', () => {
    const known = learn(made(4 * DAY_MINUTES, load))
    known.forgetTrack(0)
    expect(known.hasSeason(0)).toBe(false)
    learn(made(4 * DAY_MINUTES, load), { into: known })
    expect((known.state()['pool'] as { used: number }).used).toBe(1)
  })
})

describe('properties', () => {
  const odd = fc.oneof(
    fc.double({ noNaN: false }),
    fc.constantFrom(0, -0, 1e308, -1e308, 5e-324, Number.NaN, Number.POSITIVE_INFINITY),
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  )

  test('odd values never throw and never poison', () => {
    const steps = fc.array(fc.record({ gap: fc.integer({ min: 0, max: 5000 }), value: odd }), { maxLength: 200 })
    fc.assert(
      fc.property(steps, (list) => {
        const known = createBaselines({ baselineWindowMs: 7 * DAY_MS, tracksMax: 10 })
        let minute = 29_000_000
        let has = false
        for (const { gap, value } of list) {
          minute += gap
          teach(known, minute, value)
          has ||= Number.isFinite(value)
          if (!has) continue
          expect(known.centre(0)).not.toBeNaN()
          expect(Number.isFinite(known.centre(0))).toBe(true)
          expect(known.spread(0)).toBeGreaterThan(0)
          expect(Number.isFinite(known.deviation(0, 1))).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('deviation does not depend on unit or offset', () => {
    const values = fc.array(fc.integer({ min: 100, max: 200 }), { minLength: 20, maxLength: 300 })
    fc.assert(
      fc.property(values, fc.constantFrom(0.001, 4, 1024), (list, factor) => {
        const plain = learn(list)
        const scaled = learn(list.map((value) => value * factor))
        expect(scaled.centre(0) / factor).toBeCloseTo(plain.centre(0), 3)
        expect(scaled.deviation(0, 250 * factor)).toBeCloseTo(plain.deviation(0, 250), 2)
      }),
      { numRuns: 50 },
    )
    // With an offset the floor of 1 % of the centre and the share of a far minute change, so values stay clear of both.
    const dice = createDice(8)
    const steady = made(500, () => 1000 + 20 * dice.normal())
    const moved = learn(steady.map((value) => value + 100))
    expect(moved.deviation(0, 1200)).toBeCloseTo(learn(steady).deviation(0, 1100), 2)
  })

  test('goes on from its state as if nothing had happened', () => {
    const dice = createDice(12)
    const values = made(5 * DAY_MINUTES, (at) => 50 + 30 * Math.sin((at / DAY_MINUTES) * 2 * Math.PI) + dice.normal())
    const whole = createBaselines({ baselineWindowMs: 7 * DAY_MS, tracksMax: 10 })
    let parts = createBaselines({ baselineWindowMs: 7 * DAY_MS, tracksMax: 10 })
    for (const [at, value] of values.entries()) {
      teach(whole, 29_000_000 + at, value)
      teach(parts, 29_000_000 + at, value)
      if (at % 777 !== 0) continue
      const next = createBaselines({ baselineWindowMs: 7 * DAY_MS, tracksMax: 10 })
      next.restore(structuredClone(parts.state()))
      parts = next
    }
    expect(parts.state()).toEqual(whole.state())
  })

  test('a state of another version or window is refused', () => {
    const known = createBaselines({ baselineWindowMs: 7 * DAY_MS, tracksMax: 10 })
    expect(() => known.restore({})).toThrow('another version')
    const other = createBaselines({ baselineWindowMs: 14 * DAY_MS, tracksMax: 10 })
    expect(() => known.restore(other.state())).toThrow('another window')
  })
})

function teach(known: LearningBaselines, minute: number, value: number): void {
  const startMs = minute * MINUTE_MS
  const track = Int32Array.of(0)
  const closed = {
    unit: 0,
    startMs,
    endMs: startMs + MINUTE_MS,
    count: 1,
    track,
    value: Float64Array.of(value),
    lives: [],
  }
  const tracks = {
    size: 1,
    process: track,
    kpi: Int8Array.of(-1),
    metric: () => 'temperature',
    attributes: () => '',
    ofPrograms: () => false,
    unit: () => 'Cel',
  }
  known.moveTo(startMs)
  known.learn(closed, tracks)
}
