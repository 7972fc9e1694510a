import { Severity } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBaselineRig, createDice } from '../../baseline/baseline-rig.ts'
import { createLevelShift } from './detector.ts'
import { shownBytesPerTrack } from './shown.ts'

const START = Date.UTC(2026, 0, 6, 14)
const DEVICE = 'device:plant-a:press-3'

/** Feeds one series and answers its excursions, in seconds after the start. */
function run(
  seconds: number,
  valueAt: (second: number) => number,
  stepS = 1,
  of = { metric: 'flow', process: DEVICE },
) {
  const rig = createBaselineRig([of], createLevelShift())
  for (let second = 0; second < seconds; second += stepS) rig.feed(START + second * 1000, [valueAt(second)])
  const since = (ms: number): number => (ms - START) / 1000
  return rig.excursions.map(({ startMs, openedMs, closedMs, severity, finding }) => ({
    start: since(startMs),
    opened: since(openedMs),
    closed: since(closedMs),
    severity,
    finding,
  }))
}

describe('level shift', () => {
  test.each([
    ['steady for 3 minutes and doubled', 180, 1, (v: number) => v * 2, 15],
    ['steady for 3 min 20 s and doubled', 200, 1, (v: number) => v * 2, 15],
    ['half', 1200, 1, (v: number) => v / 2, 15],
    ['to zero', 1200, 1, () => 0, 15],
    ['below zero', 1200, 1, (v: number) => -v, 15],
    ['every 2 s, doubled', 600, 2, (v: number) => v * 2, 15],
    ['every 10 s, doubled', 600, 10, (v: number) => v * 2, 31],
    ['every 10 s, half', 600, 10, (v: number) => v / 2, 31],
    ['every minute, doubled', 3600, 60, (v: number) => v * 2, 181],
  ] as const)('%s: opens in time and closes in time', (_, from, stepS, change, withinS) => {
    const dice = createDice(3)
    const till = from + 20 * Math.max(stepS, 6)
    const found = run(
      till + 600 * Math.max(1, stepS / 10),
      (s) => (s >= from && s < till ? change : (v: number) => v)(80 * (1 + 0.02 * dice.normal())),
      stepS,
    )
    expect(found).toHaveLength(1)
    expect(found[0]!.opened - from).toBeLessThanOrEqual(withinS)
    expect(found[0]!.start - from).toBeLessThanOrEqual(2 * stepS)
    expect(found[0]!.closed - till).toBeLessThanOrEqual(Math.max(20, 2 * stepS + 1))
    expect(found[0]!.finding.centre).toBeCloseTo(80, -1)
  })

  test.each([
    ['a constant that steps', (s: number) => (s >= 600 ? 7.5 : 5), 1],
    ['a count that never was', (s: number) => (s >= 600 ? 40 : 0), 1],
    ['twice what is noisy', (s: number, d: number) => (s >= 1200 ? 100 : 50) * (1 + 0.15 * d), 1],
  ])('%s is found once, and then learnt', (_, valueAt, expected) => {
    const dice = createDice(5)
    const found = run(12_000, (s) => valueAt(s, dice.normal()))
    expect(found).toHaveLength(expected)
    expect(found[0]!.closed - found[0]!.opened).toBeLessThan(9000)
  })

  test.each([
    ['a spike of one second', (s: number) => (s === 1200 ? 1e6 : 20)],
    ['a ramp that doubles in five minutes', (s: number) => 20 + Math.max(0, Math.min(20, (s - 1200) / 15))],
    ['a sine of ten minutes after its first period', (s: number) => 60 + 20 * Math.sin((2 * Math.PI * s) / 600)],
    ['a sawtooth of ten minutes', (s: number) => 10 + (s % 600) / 10],
    ['a state of 0 and 1', (s: number) => Math.floor(s / 700) % 2],
    ['a machine that is on for 20 s each minute', (s: number) => (s % 60 < 20 ? 90 : 3)],
    ['less than a fifth of a noisy series', (s: number, d: number) => (s >= 1200 ? 23 : 20) + d],
  ])('%s is nothing', (_, valueAt) => {
    const dice = createDice(11)
    expect(run(7200, (s) => valueAt(s, dice.normal())).filter(({ opened }) => opened > 600)).toEqual([])
  })

  test('on and off for longer: told twice, then it is what the series does', () => {
    const found = run(6 * 3600, (s) => (s % 1800 > 1500 ? 90 : 30))
    expect(found.length).toBeLessThanOrEqual(2)
  })

  test('a spike of two values is nothing in a series that is measured every 10 s', () => {
    expect(run(7200, (s) => (s === 3600 ? 500 : 20), 10)).toEqual([])
  })

  test('severity: young is info, far off a warning, what is far beyond all and lasts for a minute critical', () => {
    const severities = (from: number, value: number): Severity[] => {
      const dice = createDice(9)
      return run(from + 120, (s) => (s >= from ? value : 50) + dice.normal()).map(({ severity }) => severity)
    }
    expect(severities(240, 60.5)).toEqual([])
    expect(severities(600, 67)).toEqual([Severity.WARNING])
    expect(severities(3600, 62)).toEqual([Severity.WARNING])
    expect(severities(3600, 200)).toEqual([Severity.CRITICAL])
  })

  test('KPIs of hosts and groups are left to others; their plain series and KPIs of devices are not', () => {
    const found = (process: string, metric: string): number =>
      run(900, (s) => (s >= 600 ? 400 : 100), 1, { metric, process }).length
    expect(found('os:web-1:nginx', 'throughput')).toBe(0)
    expect(found('host:web-1', 'throughput')).toBe(0)
    expect(found('host:web-1', 'system.paging.operations')).toBe(1)
    expect(found('device:plant-a:press-3', 'throughput')).toBe(1)
    expect(found('service:payments', 'latency')).toBe(1)
  })

  test('a restart in the middle changes nothing', () => {
    const excursions = (restartAt: number) => {
      const dice = createDice(2)
      let detector = createLevelShift()
      const seat = {
        ...detector,
        onBucket: (...args: Parameters<NonNullable<typeof detector.onBucket>>) => detector.onBucket!(...args),
      }
      const rig = createBaselineRig([{ metric: 'flow', process: DEVICE }], seat)
      for (let s = 0; s < 900; s++) {
        if (s === restartAt) {
          const stored = structuredClone(detector.state())
          detector = createLevelShift()
          detector.restore(stored)
        }
        rig.feed(START + s * 1000, [(s >= 600 && s < 700 ? 40 : 20) + dice.normal()])
      }
      return rig.excursions
    }
    const through = excursions(-1)
    expect(through).toHaveLength(1)
    expect(excursions(601)).toEqual(through)
    expect(excursions(650)).toEqual(through)
  })

  test('state of another version is refused, and a track that is given again begins anew', () => {
    const detector = createLevelShift()
    expect(() => detector.restore({ version: 99 })).toThrow(TypeError)
    expect(shownBytesPerTrack).toBeLessThan(300)
    const rig = createBaselineRig([{ metric: 'flow', process: DEVICE }], detector)
    for (let s = 0; s < 300; s++) rig.feed(START + s * 1000, [20])
    const before = structuredClone(detector.state())
    expect(before).not.toEqual(createLevelShift().state())
    detector.forgetTrack!(0)
    expect(detector.state()).toEqual(createLevelShift().state())
  })

  test('any values, repeated, late and out of order: nothing is thrown and what is said is finite', () => {
    const values = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 1e300, -1e37, 0, 5e-324))
    const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 900 }), values), { maxLength: 80 })
    fc.assert(
      fc.property(rows, (all) => {
        const detector = createLevelShift()
        const { context, feed } = createBaselineRig([{ metric: 'flow', process: DEVICE }], detector)
        for (let s = 0; s < 240; s++) feed(START + s * 1000, [20 + (s % 3)])
        const report = ({ value, centre, score, expectedLow, expectedHigh }: Parameters<typeof context.report>[0]) =>
          expect([value, centre, score, expectedLow, expectedHigh].every(Number.isFinite)).toBe(true)
        for (const [second, value] of all) {
          const startMs = START + second * 1000
          const track = Int32Array.of(0)
          const bucket = { unit: 0, startMs, endMs: startMs + 1000, count: 1, track, value: Float64Array.of(value) }
          detector.onBucket!({ ...bucket, lives: [] }, { ...context, report })
        }
      }),
      { numRuns: 60 },
    )
  })
})
