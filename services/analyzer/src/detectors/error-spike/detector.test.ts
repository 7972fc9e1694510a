import { Severity } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { createBaselineRig, createDice } from '../../baseline/baseline-rig.ts'
import { createErrorSpike } from './detector.ts'

const START = Date.UTC(2026, 0, 6, 14)
const process = 'log:payments'

/** Feeds seconds with so many events, of which a share fails by chance. */
function run(seconds: number, eventsAt: (second: number) => number, shareAt: (second: number) => number) {
  const rig = createBaselineRig(
    [
      { metric: 'error_rate', process },
      { metric: 'throughput', process },
    ],
    createErrorSpike(),
  )
  const dice = createDice(11)
  for (let second = 0; second < seconds; second++) {
    const events = eventsAt(second)
    let errors = 0
    for (let event = 0; event < events; event++) if (dice.uniform() < shareAt(second)) errors += 1
    rig.feed(START + second * 1000, [events === 0 ? Number.NaN : errors / events, events])
  }
  return rig.excursions
}

describe('error spike', () => {
  test.each([
    ['many events, no errors before', 200, 0, 0.2, Severity.WARNING],
    ['many events, few errors before', 200, 0.01, 0.12, Severity.WARNING],
    ['some events', 5, 0.01, 0.6, Severity.CRITICAL],
    ['errors are common', 100, 0.3, 0.95, Severity.CRITICAL],
  ])('%s: opens within 12 s, closes within 30 s', (_, events, usual, spike, severity) => {
    const excursions = run(
      1500,
      () => events,
      (s) => (s >= 1000 && s < 1200 ? spike : usual),
    )
    expect(excursions).toHaveLength(1)
    expect((excursions[0]!.openedMs - START) / 1000).toBeLessThanOrEqual(1012)
    expect((excursions[0]!.closedMs - START) / 1000).toBeLessThanOrEqual(1230)
    expect(excursions[0]!.severity).toBe(severity)
  })

  test.each([
    ['three times is not five', 500, 0.02, 0.06],
    ['4 % where there was nothing', 500, 0, 0.04],
    ['half as many errors', 500, 0.2, 0.1],
  ])('%s', (_, events, usual, changed) => {
    expect(
      run(
        1500,
        () => events,
        (s) => (s >= 1000 ? changed : usual),
      ),
    ).toEqual([])
  })

  test('a single error among few events is nothing, however large its share', () => {
    expect(
      run(
        7200,
        (s) => (s % 20 === 0 ? 1 : 0),
        (s) => (s % 1200 === 1000 ? 1 : 0),
      ),
    ).toEqual([])
  })

  test('chance alone raises nothing in a day', () => {
    expect(
      run(
        86_400,
        () => 3,
        () => 0.01,
      ),
    ).toEqual([])
  })

  test('program groups count ends, not starts', () => {
    const rig = createBaselineRig([{ metric: 'error_rate' }], createErrorSpike())
    const feed = (second: number, unexpectedEnds: number): void => {
      const life = {
        process: 0,
        starts: 0,
        expectedEnds: 10 - unexpectedEnds,
        unexpectedEnds,
        restarts: 0,
        longestMs: 0,
        isContained: false,
        alive: 5,
        longRunning: false,
      }
      rig.feed(START + second * 1000, [unexpectedEnds / 10], [life])
    }
    for (let second = 0; second < 600; second++) feed(second, 0)
    for (let second = 600; second < 630; second++) feed(second, 5)
    expect(rig.excursions).toHaveLength(1)
  })

  test('odd values are passed over, and the state goes on', () => {
    const detector = createErrorSpike()
    const rig = createBaselineRig([{ metric: 'error_rate', process }], detector)
    for (const [at, value] of [Number.NaN, -1, 2, 1e300, 0, 1].entries()) rig.feed(START + at * 1000, [value])
    const again = createErrorSpike()
    again.restore(structuredClone(detector.state()))
    expect(again.state()).toEqual(detector.state())
    expect(() => again.restore({ version: 9 })).toThrow('another version')
  })
})
