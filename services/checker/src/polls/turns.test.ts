import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTurns } from './turns.ts'

describe('turns', () => {
  it('come once in each interval, whatever the clock says', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1000, max: 86_400_000 }),
        fc.integer({ min: 0, max: 4e12 }),
        (id, every, now) => {
          const turns = createTurns(id, every, () => 0)
          const next = turns.after(now)
          expect(next).toBeGreaterThan(now)
          expect(next - now).toBeLessThanOrEqual(every)
          expect(turns.after(next)).toBe(next + every)
        },
      ),
    )
  })

  it('are the same for the same id, and spread for others', () => {
    const first = (id: string): number => createTurns(id, 10_000, () => 0).after(0)
    expect(first('a')).toBe(first('a'))
    const busy = new Array<number>(10).fill(0)
    for (let id = 0; id < 500; id++) busy[Math.floor(first(`poll-${id}`) / 1000) % 10]! += 1
    expect(Math.min(...busy)).toBeGreaterThan(25)
  })

  it('come late by chance by at most a quarter of a second', () => {
    const late = (every: number): number =>
      createTurns('a', every, () => 0.999_999).after(0) - createTurns('a', every, () => 0).after(0)
    expect(late(1000)).toBe(20)
    expect(late(3_600_000)).toBe(250)
  })
})
