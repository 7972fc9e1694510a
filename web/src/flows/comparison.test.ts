import { describe, expect, it } from 'vitest'
import type { CheckHeader, Comparison, RunStatus } from '../api/flow-types.ts'
import { createFormat } from '../format.ts'
import { comparedRows, comparisonFinding } from './comparison.ts'
import { durationSeries, successSeries, sumOf, trendStep } from './trend.ts'

const format = createFormat('en', 'UTC')
const header = {} as CheckHeader
type Side = readonly [RunStatus, number | null] | null
const of = (...steps: (readonly [Side, Side])[]): Comparison => ({
  a: header,
  b: header,
  steps: steps.map(([a, b], at) => ({
    stepNumber: at + 1,
    name: `Step ${at + 1}`,
    a: a && { status: a[0], executionTime: a[1] },
    b: b && { status: b[0], executionTime: b[1] },
    differenceMs: a?.[1] != null && b?.[1] != null ? b[1] - a[1] : null,
    ratio: null,
    normal: { median: 100, spread: 5 },
  })),
})

describe('two runs', () => {
  it('part where one failed', () => {
    const comparison = of(
      [
        ['success', 100],
        ['success', 105],
      ],
      [
        ['success', 90],
        ['failed', 900],
      ],
      [
        ['success', 5],
        ['skipped', null],
      ],
    )
    expect(comparedRows(comparison).map((row) => row.differs)).toEqual([false, true, true])
    expect(comparisonFinding(comparison, format)).toBe('They part at step 2, Step 2: success, then failed.')
  })
  it('differ where one took longest more', () => {
    const comparison = of(
      [
        ['success', 100],
        ['success', 400],
      ],
      [
        ['success', 900],
        ['success', 100],
      ],
    )
    expect(comparedRows(comparison).map((row) => row.words)).toEqual([
      'the second took 4.0 times as long',
      'the first took 9.0 times as long',
    ])
    expect(comparisonFinding(comparison, format)).toBe('The first spent 0.80 s more in step 2, Step 2.')
  })
  it('went the same way', () =>
    expect(
      comparisonFinding(
        of([
          ['success', 10],
          ['success', 25],
        ]),
        format,
      ),
    ).toBe('They went the same way, in about the same time.'))
  it('have steps that the other has not', () =>
    expect(comparedRows(of([null, ['success', 10]]))[0]?.words).toBe('not in the first, then success'))
})

describe('a trend', () => {
  const point = (minute: number, p50: number | null, succeeded = 1, failed = 0) => ({
    time: new Date(minute * 60_000).toISOString(),
    runs: succeeded + failed,
    succeeded,
    failed,
    p50,
    p95: p50 === null ? null : p50 * 2,
  })
  it('has about a hundred points', () =>
    expect([3_600_000, 86_400_000, 30 * 86_400_000].map(trendStep)).toEqual([60, 900, 21_600]))
  it('leaves out what has no value, and takes rare runs for no gaps', () => {
    const series = durationSeries([point(0, 10), point(1, null, 0, 0), point(60, 12), point(120, 14)], 60)
    expect(series.values).toEqual([10, 12, 14])
    expect(series.high).toEqual([20, 24, 28])
    expect(series.stepMs).toBe(3_600_000)
  })
  it('counts runs that ended by themselves', () => {
    expect(successSeries([point(0, 1, 3, 1), point(1, null, 0, 0)], 60).values).toEqual([0.75])
    expect(sumOf([point(0, 10, 3, 1), point(1, 20, 4, 0)])).toMatchObject({ runs: 8, succeeded: 7, failed: 1, p50: 15 })
    expect(sumOf([]).p50).toBeNull()
  })
})
