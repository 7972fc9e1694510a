import { describe, expect, it } from 'vitest'
import { streamingBytesPerSlot, streamingView } from './columns.ts'
import { defaultStreamingConfig } from './config.ts'
import { alarmScore, createStreaming, type StreamingDetector } from './streaming.ts'

const START_MS = Date.UTC(2026, 0, 5)
const ROW_MS = 300_000

const create = (): StreamingDetector => createStreaming(defaultStreamingConfig)

/** Rows at which an alarm stood. */
function alarms(values: readonly number[], detector = create()): number[] {
  const at: number[] = []
  values.forEach((value, row) => {
    detector.observe(0, START_MS + row * ROW_MS, value)
    if (detector.alarm) at.push(row)
  })
  return at
}

/** A bounded wave with a repeatable ripple: regular, but never twice the same. */
const wave = (rows: number): number[] =>
  Array.from({ length: rows }, (_, row) => Math.sin(row / 45) + 0.3 * Math.sin(row * 1.7) + 0.2 * Math.cos(row * row))

/** A day of 288 rows with a plateau by day, and the same ripple. */
const day = (rows: number): number[] =>
  wave(rows).map((_, row) => (row % 288 > 96 && row % 288 < 216 ? 10 : 2) + 0.3 * Math.sin(row * 1.7))

function everyFigure(detector: StreamingDetector): number[] {
  const { score, surprise, centre, expectedLow, expectedHigh } = detector
  return [score, surprise, centre, expectedLow, expectedHigh]
}

function stateIsFinite(detector: StreamingDetector): boolean {
  return Object.values(detector.columns()).every((column) => column.every((entry) => Number.isFinite(entry)))
}

describe('what the streaming detector finds', () => {
  it.each([
    ['up', (value: number) => value + 8],
    ['down', (value: number) => value - 8],
  ])('a spike and a lasting shift %s, in the row where they begin', (_, change) => {
    const spiked = wave(2000)
    spiked[1700] = change(spiked[1700]!)
    expect(alarms(spiked)).toContain(1700)
    expect(alarms(wave(2000).map((value, row) => (row < 1700 ? value : change(value))))).toContain(1700)
  })

  it('a day that does not come', () => {
    const values = day(10 * 288).map((value, row) => (row >= 9 * 288 ? Math.min(value, 2.5) : value))
    const found = alarms(values).filter((row) => row >= 9 * 288)
    expect(found[0]).toBeGreaterThanOrEqual(9 * 288 + 96)
    expect(found[0]).toBeLessThan(9 * 288 + 140)
  })

  it('nothing in a constant series, and the first change of it', () => {
    const values = new Array<number>(2000).fill(7)
    expect(alarms(values)).toEqual([])
    values[1500] = 7.5
    expect(alarms(values)[0]).toBe(1500)
  })

  it('nothing while there are too few rows', () => {
    const values = wave(100).map((value, row) => (row === 80 ? 1000 : value))
    expect(alarms(values)).toEqual([])
  })

  it('is silent for a while after an alarm, though the surprise stays to be seen', () => {
    const values = wave(2000)
    values[1700] = 20
    values[1710] = 20
    const detector = create()
    expect(alarms(values.slice(0, 1711), detector).at(-1)).toBe(1700)
    expect(detector.score).toBeLessThan(alarmScore)
    expect(detector.surprise).toBeGreaterThan(0)
  })

  it('says what was expected, in the units of the series', () => {
    const values = wave(1701).map((value) => 500 + value)
    values[1700] = 520
    const detector = create()
    alarms(values, detector)
    expect(Object.values(streamingView)).toContain(detector.view)
    expect(detector.centre).toBeGreaterThan(495)
    expect(detector.centre).toBeLessThan(505)
    expect(detector.expectedLow).toBeLessThan(detector.centre)
    expect(detector.expectedHigh).toBeLessThan(520)
  })
})

describe('what must not disturb the streaming detector', () => {
  const bad: [string, (detector: StreamingDetector, timeMs: number) => void][] = [
    ['no number', (detector, timeMs) => detector.observe(0, timeMs, Number.NaN)],
    ['infinity', (detector, timeMs) => detector.observe(0, timeMs, Number.POSITIVE_INFINITY)],
    ['no time', (detector, timeMs) => detector.observe(0, timeMs * Number.NaN, 1)],
    ['a repeated row', (detector, timeMs) => detector.observe(0, timeMs - ROW_MS, 1e6)],
    ['a late row', (detector, timeMs) => detector.observe(0, timeMs - 7 * ROW_MS, 1e6)],
  ]

  it.each(bad)('%s changes nothing and scores nothing', (_, spoil) => {
    const clean = create()
    const spoilt = create()
    wave(1500).forEach((value, row) => {
      const timeMs = START_MS + row * ROW_MS
      if (row > 0 && row % 50 === 0) {
        spoil(spoilt, timeMs)
        expect([spoilt.score, spoilt.alarm]).toEqual([0, false])
      }
      clean.observe(0, timeMs, value)
      spoilt.observe(0, timeMs, value)
      expect(everyFigure(spoilt)).toEqual(everyFigure(clean))
    })
    expect(spoilt.columns()).toEqual(clean.columns())
  })

  it.each([
    ['1e308 once', [1e308]],
    ['both ends of what a number holds', [1e308, -1e308, Number.MAX_VALUE, -Number.MAX_VALUE]],
    ['the smallest numbers', [5e-324, -5e-324, 0, -0]],
  ])('%s leaves finite state, and a shift is still found', (_, values) => {
    const detector = create()
    alarms([...values, ...wave(200), ...values, ...wave(1000)], detector)
    expect(stateIsFinite(detector)).toBe(true)
    expect(everyFigure(detector).every(Number.isFinite)).toBe(true)
  })

  it.each([
    ['a wave', wave(4000)],
    ['a constant', new Array<number>(4000).fill(7)],
  ])('one value of 1e308 in %s is forgotten', (_, values) => {
    values[400] = 1e308
    values[3500] = 40
    expect(alarms(values)).toContain(3500)
  })

  it('a clock that was ahead by ten years and is set back', () => {
    const detector = create()
    wave(800).forEach((value, row) => {
      detector.observe(0, START_MS + (row === 400 ? 3e11 : 0) + row * ROW_MS, value)
    })
    detector.observe(0, START_MS + 800 * ROW_MS, 40)
    expect(detector.alarm).toBe(true)
  })

  it('a gap of a month, and times before 1970', () => {
    const detector = create()
    wave(1200).forEach((value, row) => {
      detector.observe(0, -4e11 + (row > 600 ? 2.6e9 : 0) + row * ROW_MS, value)
    })
    expect(stateIsFinite(detector)).toBe(true)
    detector.observe(0, 0, 40)
    expect(detector.alarm).toBe(true)
  })
})

describe('the state of the streaming detector', () => {
  it('is bounded, and its counts fit their columns', () => {
    expect(streamingBytesPerSlot).toBeLessThanOrEqual(16 * 1024)
    expect(defaultStreamingConfig.seasonRowsMax).toBeLessThanOrEqual(255)
  })

  it('keeps slots apart, also while it grows', () => {
    const together = create()
    const alone = create()
    wave(700).forEach((value, row) => {
      const timeMs = START_MS + row * ROW_MS
      for (let slot = 0; slot <= Math.min(9, Math.floor(row / 20)); slot++) {
        if (slot !== 1) together.observe(slot, timeMs, value * slot * slot + row)
      }
      together.observe(1, timeMs, value)
      alone.observe(0, timeMs, value)
      expect(everyFigure(together)).toEqual(everyFigure(alone))
    })
    expect(together.capacity).toBe(16)
  })

  it('is as new after a reset', () => {
    const used = create()
    used.grow(2)
    alarms(wave(500), used)
    used.reset(0)
    used.reset(99)
    const fresh = create()
    fresh.grow(2)
    expect(used.columns()).toEqual(fresh.columns())
  })

  it('goes on from saved columns as if nothing had happened', () => {
    const values = day(1500)
    const whole = alarms(values)
    const first = create()
    const before = alarms(values.slice(0, 1111), first)
    const restored = createStreaming(defaultStreamingConfig, structuredClone(first.columns()))
    const after: number[] = []
    for (let row = 1111; row < values.length; row++) {
      restored.observe(0, START_MS + row * ROW_MS, values[row]!)
      if (restored.alarm) after.push(row)
    }
    expect([...before, ...after]).toEqual(whole)
  })

  it('refuses columns that are not its own', () => {
    const columns = create().columns()
    expect(() => createStreaming(defaultStreamingConfig, { ...columns, origin: new Float64Array(3) })).toThrow(
      TypeError,
    )
    const { rows: _, ...lacking } = columns
    expect(() => createStreaming(defaultStreamingConfig, lacking)).toThrow(/column rows/)
  })
})
