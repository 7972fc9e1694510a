import { describe, expect, test } from 'vitest'
import type { Anomaly, BaselineAnswer } from '../api/types.ts'
import { createFormat } from '../format.ts'
import { kpiWord, quantityOfUnit } from './kpi-names.ts'
import { bandOfBaseline, bandTop, deviationOf, expectedWords, extendBand, normalPaths, spansOf } from './spans.ts'

const format = createFormat('en-GB', 'UTC')
const start = Date.UTC(2026, 4, 4, 8)
const minute = 60_000
const point = (index: number, centre: number | null, spread: number | null = 1) => ({
  time: new Date(start + index * minute).toISOString(),
  value: 1,
  centre,
  spread,
  deviation: 0,
})
const answer = (points: BaselineAnswer['points']): BaselineAnswer => ({
  processId: 'host:a',
  metric: 'cpu',
  unit: '{cpu}',
  step: 60,
  points,
})
const anomaly = (more: Partial<Anomaly>): Anomaly => ({
  id: 'a',
  processId: 'os:a:b',
  type: 'performance_degradation',
  severity: 'warning',
  description: '',
  timestamp: new Date(start).toISOString(),
  endedAt: null,
  metric: 'cpu',
  attributes: {},
  unit: '{cpu}',
  value: 3.7,
  worstValue: 3.9,
  expected: { low: 0.5, high: 1.1, centre: 0.9 },
  score: 13.24,
  exhaustedAt: null,
  contributions: [],
  metrics: null,
  verdict: null,
  alertId: null,
  ...more,
})

describe('the band of what was normal', () => {
  test('is the centre and two spreads, never below zero, in the unit of the chart', () => {
    const band = bandOfBaseline(answer([point(0, 4), point(1, 1), point(2, null)]), 0.5)
    expect(band).toMatchObject({ centre: [2, 0.5], low: [1, 0], high: [3, 1.5], stepMs: minute })
    expect(bandOfBaseline(answer([point(0, 4)]), 0.25, 1).high).toEqual([1])
    expect(bandOfBaseline(answer([point(0, 4)]), Number.NaN).times).toEqual([])
  })
  test('goes on to now with what is usual now, unless it ended long ago', () => {
    const band = bandOfBaseline(answer([point(0, 4)]))
    expect(extendBand(band, start + 2 * minute, { centre: 6, spread: 1 }).high).toEqual([6, 8])
    expect(extendBand(band, start + 20 * minute, { centre: 6, spread: 1 })).toBe(band)
    expect(extendBand(band, start + minute, undefined)).toBe(band)
    expect(extendBand(band, start, { centre: 6, spread: 1 })).toBe(band)
  })
  test('is drawn in stretches, and a single minute is as wide as it lasted', () => {
    const band = bandOfBaseline(answer([point(0, 4), point(1, 4), point(20, 4)]))
    const { area, centre } = normalPaths(
      band,
      (at) => (at - start) / minute,
      (value) => value,
    )
    expect(area).toBe('M0 6L1 6L1 2L0 2ZM20 6H21V2H20Z')
    expect(centre).toBe('M0 4L1 4M20 4H21')
    expect(bandTop(band, start, start + minute)).toBe(6)
    expect(bandTop(null, 0, 1)).toBe(0)
  })
  test('says how far a value is from it', () => {
    expect(deviationOf(7, { centre: 4, spread: 1.5 })).toBe(2)
    expect(deviationOf(7, { centre: 4, spread: 0 })).toBeNull()
    expect(deviationOf(null, { centre: 4, spread: 1 })).toBeNull()
    expect(deviationOf(7, undefined)).toBeNull()
  })
})

describe('spans', () => {
  const of = (more: Partial<Anomaly>) =>
    spansOf([anomaly(more)], start - minute, start + 9 * minute, () => true, format)

  test('last to the end while the anomaly does, and say type, since when, how far, and what is normal', () => {
    expect(of({})).toEqual([
      {
        id: 'a',
        fromMs: start,
        toMs: start + 9 * minute,
        tone: 'warn',
        colour: 'var(--up-3)',
        words: ['performance degradation', 'since 08:00, +13.2σ', 'normal 50.0–110.0 %'],
      },
    ])
  })
  test('take their side from the score where there is one, else from the range', () => {
    expect(of({ worstValue: 1, score: 3 })[0]?.colour).toBe('var(--up-1)')
    expect(of({ type: 'threshold', score: 0, worstValue: 0.1 })[0]?.colour).toBe('var(--dn-2)')
  })
  test('are cut to what is shown, and cold below normal', () => {
    const ended = new Date(start + 2 * minute).toISOString()
    const [span] = of({
      endedAt: ended,
      score: -5,
      worstValue: 0.1,
      timestamp: new Date(start - 9 * minute).toISOString(),
    })
    // How far its last value was is no measure of it.
    expect(span?.words).toEqual(['performance degradation', '07:51–08:02', 'normal 50.0–110.0 %'])
    expect(span).toMatchObject({ fromMs: start - minute, toMs: start + 2 * minute, colour: 'var(--dn-2)' })
    expect(of({ endedAt: new Date(start - 2 * minute).toISOString() })).toEqual([])
    expect(of({ severity: 'info' })).toEqual([])
  })
})

describe('words', () => {
  test('of the expected range', () => {
    expect(
      expectedWords(anomaly({ expected: { low: null, high: 90, centre: null }, unit: 'Cel', metric: 't' }), format),
    ).toBe('normal up to 90 °C')
    expect(expectedWords(anomaly({ expected: { low: null, high: null, centre: null } }), format)).toBe('')
    // Restarts are counted of the process: no chart has their number.
    expect(expectedWords(anomaly({ metric: null }), format)).toBe('')
  })
  test('of values in the unit of their KPI or their own', () => {
    expect(quantityOfUnit('{cpu}', 3.7, 'cpu')).toEqual({ value: '370.0', unit: '%' })
    expect(quantityOfUnit('By', 1024 ** 2, 'x.size')).toEqual({ value: '1.0', unit: 'MiB' })
    expect(quantityOfUnit('1', 0.5, 'error_rate')).toEqual({ value: '50.0', unit: '%' })
    expect(quantityOfUnit('1', 7, 'retries')).toEqual({ value: '7', unit: '' })
    expect(quantityOfUnit('mm/s', 7.91, 'vibration')).toEqual({ value: '7.91', unit: 'mm/s' })
    expect(quantityOfUnit('mm/s', null)).toBeNull()
    expect([kpiWord('cpu'), kpiWord(null), kpiWord('vibration')]).toEqual(['CPU', 'the whole process', 'vibration'])
  })
})
