import { describe, expect, it } from 'vitest'
import { plain } from '../format.ts'
import { bandPath, linear, linePath } from './geometry.ts'
import { levelAxis, niceStep, timeTicks, valueAxis } from './scale.ts'
import { type ChartSeries, createAppender, nearestIndex, stepFor, stretches, topOf, valueAt } from './series.ts'
import { chartUnitOf, quantityOf } from './units.ts'

const series = (times: number[], values = times.map(() => 1), stepMs = 1000): ChartSeries => ({
  times,
  values,
  low: null,
  high: null,
  stepMs,
  resolution: 'raw',
})

const GiB = 1024 ** 3

describe('value axis', () => {
  it.each([
    ['bytes', 4.2 * GiB, ['0', '2', '4', '6 GiB']],
    ['share', 0.46, ['0', '20', '40', '60 %']],
    ['share', 1, ['0', '25', '50', '75', '100 %']],
    ['share', 0.999, ['0', '25', '50', '75', '100 %']],
    ['cores', 3.1, ['0', '100', '200', '300', '400 %']],
    ['count', 0, ['0', '2', '4', '6']],
    ['count', 3, ['0', '2', '4', '6']],
    ['byteRate', 12_800_000, ['0', '5', '10', '15 MB/s']],
    ['byteRate', 830_000, ['0', '0.25', '0.50', '0.75', '1.00 MB/s']],
    ['rate', 0.5, ['0', '10', '20', '30', '40 /min']],
    ['number', 0.4, ['0', '0.2', '0.4', '0.6']],
  ] as const)('of %s up to %d', (unit, top, labels) => {
    const axis = valueAxis(unit, top)
    expect(axis.ticks.map((t) => t.label)).toEqual(labels)
    expect(axis.max).toBeGreaterThanOrEqual(Math.min(top, axis.max))
  })

  it('takes steps that can be counted in the head', () => {
    expect([niceStep(10, 4), niceStep(0.93, 4), niceStep(0, 4), niceStep(7, 4)]).toEqual([2.5, 0.25, 1, 2])
  })
})

describe('time axis', () => {
  it('stands on round times', () => {
    const from = Date.UTC(2026, 4, 4, 8, 7)
    const ticks = timeTicks(from, from + 3_600_000, 6, 0)
    expect(ticks.map((t) => new Date(t.at).toISOString().slice(11, 16))).toEqual([
      '08:10',
      '08:20',
      '08:30',
      '08:40',
      '08:50',
      '09:00',
    ])
    expect(timeTicks(from, from, 6, 0)).toEqual([])
  })
})

describe('series', () => {
  it.each([
    [3_600_000, 900, 1, 10],
    [300_000, 900, 1, 1],
    [30 * 86_400_000, 900, 1, 7200],
    [300_000, 900, 5, 5],
  ])('asks %d ms on %d px, source every %d s, in steps of %d s', (range, pixels, interval, step) => {
    expect(stepFor(range, pixels, interval)).toBe(step)
  })

  it('breaks the line where nothing was heard', () => {
    const holed = series([0, 1000, 2000, 9000, 20_000, 21_000])
    expect(stretches(holed)).toEqual([
      [0, 2],
      [3, 3],
      [4, 5],
    ])
    const path = linePath(
      holed,
      (t) => t / 100,
      () => 5,
    )
    expect(path).toBe('M0 5L10 5L20 5M89.3 5h1.5M200 5L210 5')
    expect(stretches(series([]))).toEqual([])
  })

  it.each([
    ['three readings late', [0, 1000, 5000, 6000], 1000, {}, 1],
    ['four readings late', [0, 1000, 6000, 7000], 1000, {}, 2],
    ['short intervals, within 3 s', [0, 250, 3250], 250, {}, 1],
    ['two steps of means', [0, 10_000, 40_000], 10_000, { intervalMs: 1000 }, 1],
    ['three steps of means', [0, 10_000, 50_000], 10_000, { intervalMs: 1000 }, 2],
    ['two minutes of roll-ups', [0, 60_000, 240_000], 60_000, { resolution: '1m' }, 1],
    ['three minutes of roll-ups', [0, 60_000, 300_000], 60_000, { resolution: '1m' }, 2],
  ] as const)('draws %s in the right number of pieces', (_, times, stepMs, more, pieces) => {
    expect(stretches({ ...series([...times], undefined, stepMs), ...more })).toHaveLength(pieces)
  })

  it('finds the nearest point, but not across a gap', () => {
    const s = series([0, 1000, 2000, 60_000], [1, 2, 3, 4])
    expect([nearestIndex(s, 1400), nearestIndex(s, 1600), nearestIndex(s, 30_000), nearestIndex(s, 61_000)]).toEqual([
      1, 2, -1, 3,
    ])
    expect([valueAt(s, -100), valueAt(series([]), 5)]).toEqual([1, null])
  })

  it('appends live values in steps, and lets go what left the range', () => {
    const s = series([0, 10_000, 20_000], [1, 1, 1], 10_000)
    const live = createAppender(s)
    live.append(30_500, 4, 0)
    live.append(31_500, 6, 0)
    expect(s.values).toEqual([1, 1, 1, 5])
    live.append(5000, 99, 0)
    live.append(42_000, Number.NaN, 0)
    live.append(42_000, null, 15_000)
    expect(s.times).toEqual([10_000, 20_000, 30_000])
    live.append(42_000, 7, 15_000)
    expect([s.times.at(-1), topOf(s, 0, 50_000)]).toEqual([40_000, 7])
  })

  it('draws a band only where there is one', () => {
    const s = { ...series([0, 1000], [2, 2]), low: [1, 1], high: [3, 4] }
    expect(bandPath(s, linear(0, 1000, 0, 100), (v) => v)).toBe('M0 3L100 4L100 1L0 1Z')
    expect(
      bandPath(
        series([0, 1000]),
        (t) => t,
        (v) => v,
      ),
    ).toBe('')
  })
})

describe('units', () => {
  it.each([
    ['cores', 0.088, '8.8 %'],
    ['bytes', 1.4 * GiB, '1.40 GiB'],
    ['milliseconds', 212, '212 ms'],
    ['milliseconds', 9_720_000, '2 h 42 min '],
    ['count', 214, '214 '],
  ] as const)('%s of %d', (unit, value, text) => {
    const q = quantityOf(unit, value)!
    expect(`${q.value} ${q.unit}`).toBe(text)
  })

  it('has no quantity for no data', () => {
    expect([quantityOf('bytes', null), quantityOf('cores', Number.NaN)]).toEqual([null, null])
  })
})

describe('levels in their own unit', () => {
  it.each([
    ['in °C', 50, 54, ['48', '50', '52', '54', '56 °C']],
    ['in °C', -6, -2, ['-8', '-6', '-4', '-2', '0 °C']],
    ['in mm/s', 0.2, 7.9, ['0', '2', '4', '6', '8', '10 mm/s']],
    ['in s', 0.18, 0.22, ['180', '190', '200', '210', '220 ms']],
  ] as const)('%s from %d to %d', (unit, low, high, labels) => {
    const axis = levelAxis(unit, low, high)
    expect(axis.min).toBeLessThanOrEqual(low)
    expect(axis.max).toBeGreaterThanOrEqual(high)
    expect(axis.ticks[0]?.label.length).toBeGreaterThan(0)
    expect(axis.ticks.at(-1)?.label.split(' ').at(-1)).toBe(labels.at(-1)?.split(' ').at(-1))
  })

  it('has an axis when nothing changes, and when it is all zero', () => {
    for (const value of [0, 52.1, -3, 1e-9]) {
      const axis = levelAxis('in °C', value, value)
      expect(axis.max).toBeGreaterThan(axis.min)
      expect(axis.ticks.length).toBeLessThan(9)
    }
  })

  it.each([
    ['Cel', 52.1, '52.1 °C'],
    ['mm/s', 7.9012, '7.9 mm/s'],
    ['s', 0.042, '42 ms'],
    ['By', 2048, '2 KiB'],
    ['{item}', 12, '12 item'],
    ['1', 3, '3'],
    ['INR', 184500, '184,500 INR'],
  ])('%s %d is %s', (ucum, value, words) => expect(plain(quantityOf(chartUnitOf(ucum), value))).toBe(words))
})
