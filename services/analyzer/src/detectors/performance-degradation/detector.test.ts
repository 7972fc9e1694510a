import { Severity } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { createBaselineRig, createDice } from '../../baseline/baseline-rig.ts'
import { createPerformanceDegradation } from './detector.ts'

const START = Date.UTC(2026, 0, 6, 14)

/** Feeds seconds of one KPI and answers its excursions. */
function run(metric: string, seconds: number, valueAt: (second: number) => number, stepS = 1) {
  // Of programs on hosts, rates of ends have a detector of their own.
  const process = metric === 'success_rate' ? 'service:shop' : 'os:web-1:nginx'
  const rig = createBaselineRig([{ metric, process }], createPerformanceDegradation())
  for (let second = 0; second < seconds; second += stepS) rig.feed(START + second * 1000, [valueAt(second)])
  return rig.excursions
}

describe('performance degradation', () => {
  test.each([
    ['cpu', 0.9, 3.7, Severity.CRITICAL],
    ['cpu', 0.3, 0.75, Severity.WARNING],
    ['memory', 400e6, 900e6, Severity.WARNING],
    ['disk_write', 200_000, 5_000_000, Severity.WARNING],
    ['throughput', 100, 10, Severity.CRITICAL],
    ['network_receive', 4_000_000, 300_000, Severity.WARNING],
    ['success_rate', 0.99, 0.4, Severity.CRITICAL],
    ['cpu', 0.01, 0.085, Severity.INFO],
  ] as const)('%s from %d to %d opens within 12 s and closes within 20 s', (metric, usual, changed, severity) => {
    const dice = createDice(7)
    const from = 1200
    const till = 1500
    const excursions = run(metric, 1800, (s) => (s >= from && s < till ? changed : usual) * (1 + 0.05 * dice.normal()))
    expect(excursions).toHaveLength(1)
    const [found] = excursions
    expect((found!.openedMs - START) / 1000 - from).toBeLessThanOrEqual(12)
    expect((found!.closedMs - START) / 1000 - till).toBeLessThanOrEqual(20)
    expect((found!.startMs - START) / 1000 - from).toBeLessThanOrEqual(3)
    expect(found!.severity).toBe(severity)
    expect(found!.finding.centre / usual).toBeCloseTo(1, 1)
  })

  test.each([
    ['falling CPU is good', 'cpu', 0.9, 0.1],
    ['less than 20 %', 'memory', 4e9, 4.6e9],
    ['less than what matters', 'cpu', 0.005, 0.03],
    ['rising success', 'success_rate', 0.5, 0.99],
    ['age', 'execution_time', 5000, 500_000],
  ])('%s is nothing', (_, metric, usual, changed) => {
    expect(run(metric, 1800, (s) => (s >= 1200 && s < 1500 ? changed : usual))).toEqual([])
  })

  test('a burst of five seconds is nothing, and ten of them neither', () => {
    expect(run('cpu', 3600, (s) => (s > 1200 && s % 60 < 5 ? 2 : 0.1))).toEqual([])
  })

  test('the same excursion again within a minute is found again', () => {
    const isFault = (s: number): boolean => (s >= 1265 && s < 1290) || (s >= 1320 && s < 1345)
    expect(run('cpu', 1500, (s) => (isFault(s) ? 2 : 0.1))).toHaveLength(2)
  })

  test('what is measured every minute opens with the second value', () => {
    const excursions = run('throughput', 7200, (s) => (s >= 3600 ? 2 : 20), 60)
    expect(excursions).toHaveLength(1)
    expect((excursions[0]!.openedMs - START) / 1000).toBeLessThanOrEqual(3600 + 61)
  })

  test('says nothing before three minutes and thirty values', () => {
    expect(run('cpu', 178, (s) => (s > 60 ? 2 : 0.1))).toEqual([])
  })

  test('goes on from its state as if nothing had happened', () => {
    const dice = createDice(3)
    const values = Array.from({ length: 1800 }, (_, s) => (s >= 1204 && s < 1500 ? 3 : 0.5) + 0.02 * dice.normal())
    const whole = run('cpu', 1800, (s) => values[s]!)
    const before = createPerformanceDegradation()
    const first = createBaselineRig([{ metric: 'cpu' }], before)
    for (let s = 0; s < 1200; s++) first.feed(START + s * 1000, [values[s]!])
    const after = createPerformanceDegradation()
    after.restore(structuredClone(before.state()))
    first.flush()
    const second = createBaselineRig([{ metric: 'cpu' }], after, { baselines: first.baselines })
    for (let s = 1200; s < 1800; s++) second.feed(START + s * 1000, [values[s]!])
    expect(second.excursions.map(({ startMs, openedMs, closedMs }) => [startMs, openedMs, closedMs])).toEqual(
      whole.map(({ startMs, openedMs, closedMs }) => [startMs, openedMs, closedMs]),
    )
  })

  test('refuses a state of another version', () => {
    expect(() => createPerformanceDegradation().restore({ version: 0 })).toThrow('another version')
  })
})
