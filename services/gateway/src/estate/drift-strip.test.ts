import { describe, expect, it } from 'vitest'
import { MINUTE_MS } from './drift-state.ts'
import { createDriftStrip, driftLevel, stripPoints } from './drift-strip.ts'

const M = 29_000_000 - (29_000_000 % 5)
const T = M * MINUTE_MS

describe('the level of a deviation', () => {
  it.each([
    [0, 0],
    [1.9, 0],
    [2, 0],
    [4, 1],
    [-8, 2],
    [16, 3],
    [1e9, 3],
    [Number.NEGATIVE_INFINITY, 3],
    [Number.NaN, 0],
  ])('%s is %s', (deviation, level) => expect(driftLevel(deviation)).toBe(level))
})

describe('the strip', () => {
  it('sums up and down apart over processes, as the mean of the minutes of a bucket', () => {
    const strip = createDriftStrip()
    for (const minute of [M, M + 1]) for (const deviation of [4, 8, -16]) strip.note(minute, Number.NaN, deviation)
    strip.note(M + 1, 4, -4)
    const points = stripPoints(strip, T + MINUTE_MS)
    expect(points).toHaveLength(288)
    expect(points.at(-1)).toEqual({ time: new Date(T).toISOString(), up: 2.5, down: 3.5 })
    expect(points.at(-2)).toMatchObject({ up: 0, down: 0 })
  })

  it('is empty while nothing is known, and flat where all is normal', () => {
    const strip = createDriftStrip()
    expect(stripPoints(strip, T)).toEqual([])
    strip.note(M, Number.NaN, 0.5)
    expect(stripPoints(strip, T).at(-1)).toMatchObject({ up: 0, down: 0 })
  })

  it('is the same whether it was kept up with changes or made of the ends', () => {
    const [kept, made] = [createDriftStrip(), createDriftStrip()]
    let last = Number.NaN
    for (let step = 0; step < 1000; step++) {
      const next = Math.sin(step) * 40
      kept.note(M, last, next)
      last = next
    }
    made.note(M, Number.NaN, last)
    const [a, b] = [stripPoints(kept, T).at(-1), stripPoints(made, T).at(-1)]
    expect(a).toEqual(b)
  })

  it('forgets what is older than a day, and does not take older minutes over newer ones', () => {
    const strip = createDriftStrip()
    strip.set(M, 5, 1)
    strip.set(M - 1440, 9, 9)
    expect(stripPoints(strip, T).at(-1)).toMatchObject({ up: 5, down: 1 })
    strip.set(M + 1440, 1, 1)
    expect(strip.known(M)).toBe(false)
    strip.note(M, Number.NaN, 16)
    expect(strip.up(M + 1440)).toBe(1)
  })
})
