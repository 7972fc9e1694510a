import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSchedule, nextMark } from './schedule.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_250 })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('schedule', () => {
  it('finds the next mark', () => {
    expect(nextMark(1_000_250, 1000, 0)).toBe(1_001_000)
    expect(nextMark(1_001_000, 1000, 0)).toBe(1_002_000)
    expect(nextMark(1_000_250, 1000, 300)).toBe(1_000_300)
  })

  it('does not drift, however long a call takes, and counts the marks that it missed', async () => {
    const calls: number[] = []
    const takes = [300, 900, 2500, 10, 10]
    const schedule = createSchedule(1000, 0, {
      nowMs: () => Date.now(),
      run: async () => {
        calls.push(Date.now())
        await new Promise((resolve) => setTimeout(resolve, takes[calls.length - 1] ?? 0))
      },
    })
    schedule.start()
    await vi.advanceTimersByTimeAsync(8000)
    expect(calls.slice(0, 5)).toEqual([1_001_000, 1_002_000, 1_003_000, 1_006_000, 1_007_000])
    expect(schedule.skipped()).toBe(2)
    await schedule.stop()
  })

  it('goes on after the clock jumps, forward and back', async () => {
    const calls: number[] = []
    const schedule = createSchedule(1000, 0, { nowMs: () => Date.now(), run: async () => void calls.push(Date.now()) })
    schedule.start()
    await vi.advanceTimersByTimeAsync(1000)
    vi.setSystemTime(2_000_000)
    await vi.advanceTimersByTimeAsync(2000)
    vi.setSystemTime(1_500_000)
    await vi.advanceTimersByTimeAsync(3000)
    expect(calls.filter((at) => at >= 2_000_000).length).toBeGreaterThanOrEqual(2)
    expect(calls.at(-1)).toBeLessThan(1_510_000)
    expect(schedule.skipped()).toBeGreaterThan(900)
    await schedule.stop()
  })
})
