import { describe, expect, it } from 'vitest'
import { streamingBytesPerSlot, streamingView } from './columns.ts'
import { defaultStreamingConfig } from './config.ts'
import { createStreaming } from './streaming.ts'

const START_MS = Date.UTC(2026, 0, 5)
const ROW_MS = 300_000

/** Rows at which an alarm stood. */
function alarms(values: readonly number[], detector = createStreaming(defaultStreamingConfig)): number[] {
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

describe('the streaming detector', () => {
  it('finds a spike, a lasting shift and a dip in the row where they begin', () => {
    for (const change of [(v: number) => v + 8, (v: number) => v - 8]) {
      const values = wave(2000)
      values[1700] = change(values[1700]!)
      expect(alarms(values)).toContain(1700)
      const shifted = wave(2000).map((value, row) => (row < 1700 ? value : change(value)))
      expect(alarms(shifted)).toContain(1700)
    }
  })

  it('stays silent for a while after an alarm, and says what was expected', () => {
    const detector = createStreaming(defaultStreamingConfig)
    const values = wave(2000)
    values[1700] = 20
    values[1710] = 20
    expect(alarms(values.slice(0, 1701), detector).at(-1)).toBe(1700)
    expect(Object.values(streamingView)).toContain(detector.view)
    expect(detector.expectedHigh).toBeLessThan(10)
    expect(detector.expectedLow).toBeLessThan(detector.centre)
    expect(alarms(values).filter((row) => row > 1700 && row <= 1710)).toEqual([])
  })

  it('keeps a bounded state', () => {
    expect(streamingBytesPerSlot).toBeLessThan(16 * 1024)
  })
})
