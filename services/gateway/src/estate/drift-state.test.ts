import { kpiNumber, kpis } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import {
  createDriftState,
  DRIFT_POINTS,
  driftKpi,
  driftLineOf,
  driftScore,
  MINUTE_MS,
  normalsOf,
  pointAt,
  runDrift,
  tellDrift,
  tellNormal,
} from './drift-state.ts'

const M = 29_000_000
const T = M * MINUTE_MS
const CPU = kpiNumber('cpu')
const MEMORY = kpiNumber('memory')
const nothing = (): void => {}
const values = (changes: Record<number, number>): (number | null)[] => kpis.map((_, kpi) => changes[kpi] ?? null)

describe('the drift line', () => {
  it('has a point a minute, the largest to either side, up to now', () => {
    const drift = createDriftState()
    for (const [minute, deviation] of [
      [M - 2, 3],
      [M - 2, -5],
      [M - 2, 4],
      [M - 1, 1.23456],
    ] as const) {
      tellDrift(drift, minute, deviation, 'cpu', nothing)
    }
    const line = driftLineOf(drift, T)
    expect(line.endsAt).toBe(new Date(T).toISOString())
    expect(line.deviations).toHaveLength(60)
    expect(line.deviations.slice(-4)).toEqual([null, -5, 1.23, null])
  })

  it('lets go of what is older than an hour, also after a silence, and takes what comes late into its place', () => {
    const drift = createDriftState()
    for (let minute = M - 70; minute <= M; minute++) tellDrift(drift, minute, minute - M, 'cpu', nothing)
    expect(driftLineOf(drift, T).deviations).toEqual(Array.from({ length: 60 }, (_, i) => i - 59 || 0))
    tellDrift(drift, M + 100, 7, 'cpu', nothing)
    tellDrift(drift, M + 60, 6, 'cpu', nothing)
    tellDrift(drift, M + 10, 5, 'cpu', nothing)
    const known = driftLineOf(drift, T + 100 * MINUTE_MS).deviations.flatMap((each, i) =>
      each === null ? [] : [[i, each]],
    )
    expect(known).toEqual([
      [19, 6],
      [59, 7],
    ])
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('passes over %s', (odd) => {
    const drift = createDriftState()
    tellDrift(drift, M, odd, 'cpu', nothing)
    expect(drift.learnt).toBe(false)
    expect(driftScore(drift, T)).toBeNull()
  })

  it('tells of every change what was before', () => {
    const notes: number[][] = []
    const drift = createDriftState()
    tellDrift(drift, M, 2, 'cpu', (...change) => notes.push(change))
    tellDrift(drift, M, 1, 'cpu', (...change) => notes.push(change))
    tellDrift(drift, M, -3, 'cpu', (...change) => notes.push(change))
    expect(notes).toEqual([
      [M, Number.NaN, 2],
      [M, 2, -3],
    ])
  })
})

describe('the running minute', () => {
  const learnt = () => {
    const drift = createDriftState()
    tellNormal(drift, M - 1, CPU, 1, 0.5)
    tellNormal(drift, M - 1, MEMORY, 100, 10)
    return drift
  }

  it('is the mean so far against what is usual, and stays until the bus tells', () => {
    const drift = learnt()
    runDrift(drift, T, values({ [CPU]: 2, [MEMORY]: 100 }), nothing)
    runDrift(drift, T + 1000, values({ [CPU]: 4, [MEMORY]: 110 }), nothing)
    expect(driftLineOf(drift, T + 1000).deviations.at(-1)).toBe(4)
    expect(driftKpi(drift, T + 1000)).toBe('cpu')
    runDrift(drift, T + MINUTE_MS, values({ [CPU]: 1 }), nothing)
    expect(driftLineOf(drift, T + MINUTE_MS).deviations.slice(-2)).toEqual([4, 0])
    tellDrift(drift, M, 3.5, 'cpu', nothing)
    expect(pointAt(drift, M)).toBe(3.5)
  })

  it('scores the last four minutes together', () => {
    const drift = learnt()
    for (const [back, deviation] of [
      [4, 100],
      [3, 1],
      [2, 2],
      [1, 3],
    ] as const) {
      tellDrift(drift, M - back, deviation, 'cpu', nothing)
    }
    runDrift(drift, T, values({ [CPU]: 4 }), nothing)
    expect(driftScore(drift, T + 5000)).toBe(3)
    expect(driftScore(drift, T + 60 * MINUTE_MS)).toBeNull()
  })

  it('does not take a share, an absent value or a KPI without a baseline for a deviation', () => {
    const drift = learnt()
    runDrift(drift, T, values({ [kpiNumber('cpu_share')]: 1, [kpiNumber('disk_read')]: 1e9 }), nothing)
    expect(driftScore(drift, T)).toBeNull()
    expect(driftKpi(drift, T)).toBeNull()
  })

  it('ignores buckets of minutes that are over', () => {
    const drift = learnt()
    runDrift(drift, T, values({ [CPU]: 1 }), nothing)
    runDrift(drift, T - MINUTE_MS, values({ [CPU]: 1000 }), nothing)
    expect(driftLineOf(drift, T).deviations.at(-1)).toBe(0)
  })

  it('is named by a metric that is farther than every KPI', () => {
    const drift = learnt()
    tellDrift(drift, M - 1, 9, 'temperature', nothing)
    runDrift(drift, T, values({ [CPU]: 2 }), nothing)
    expect(driftKpi(drift, T)).toBe('temperature')
  })
})

describe('what is usual', () => {
  it('is of the newest minute, and lists what is known', () => {
    const drift = createDriftState()
    tellNormal(drift, M, CPU, 2, 1)
    tellNormal(drift, M - 1, CPU, 1, 1)
    tellNormal(drift, M, MEMORY, 5, Number.NaN)
    expect(normalsOf(drift)).toEqual({ cpu: { centre: 2, spread: 1 }, memory: { centre: 5, spread: null } })
  })
})

it('takes about a kibibyte of a process', () => {
  const { ring, centre, spread, sums, counts } = createDriftState()
  const bytes = [ring, centre, spread, sums, counts].reduce((sum, each) => sum + each.byteLength, 0)
  expect(bytes).toBeLessThan(1024)
  expect(ring).toHaveLength(DRIFT_POINTS)
})
