import { kpiNumber, kpis } from '@driftline/proto'
import { beforeEach, describe, expect, it } from 'vitest'
import { MINUTE_MS, tellDrift, tellNormal } from '../estate/drift-state.ts'
import { type ProcessState, takeKpis } from '../estate/process-state.ts'
import { createTenantEstate, type TenantEstate } from '../estate/tenant-estate.ts'
import { createOverviewTracker, type OverviewTracker } from './overview-tracker.ts'

const M = 29_000_000
const T = M * MINUTE_MS
const NGINX = 'os:web-1:nginx'
const CPU = kpiNumber('cpu')

let estate: TenantEstate
let state: ProcessState
let tracker: OverviewTracker

/** A bucket of nginx: with a centre of 1 and a spread of 0.5, `cores` of 2 are a deviation of 2. */
function bucket(timeMs: number, cores: number): void {
  const values = kpis.map((_, kpi) => (kpi === CPU ? cores : null))
  takeKpis(state, timeMs, values, timeMs, estate.strip.note)
}

beforeEach(() => {
  estate = createTenantEstate('default', {
    processes: 10,
    hosts: 10,
    series: 10,
    sources: 10,
    recent: { durationMs: 1, bytes: 1 },
    findings: { openAnomalies: 10, closedAnomalies: 10, alerts: 10 },
  })
  state = estate.ensureProcess(NGINX, T - 3_600_000)!
  tellNormal(state.drift, M - 1, CPU, 1, 0.5)
  bucket(T, 1)
  tracker = createOverviewTracker(estate)
  tracker.reset(T)
})

const pointsAt = (nowMs: number) =>
  tracker.changes(nowMs, [])?.drift?.map(({ time, deviation }) => [(Date.parse(time) - T) / MINUTE_MS, deviation])

describe('points of drift lines', () => {
  it('come when an eye can tell them apart, and not before', () => {
    expect(tracker.changes(T, [])).toBeNull()
    bucket(T + 1000, 1.05)
    expect(pointsAt(T + 1000)).toBeUndefined()
    bucket(T + 2000, 4)
    expect(pointsAt(T + 2000)).toEqual([[0, 2.03]])
    expect(pointsAt(T + 3000)).toBeUndefined()
  })

  it('come once when a minute begins, and again when the bus corrects the one before', () => {
    bucket(T + MINUTE_MS, 1)
    expect(pointsAt(T + MINUTE_MS)).toEqual([[1, 0]])
    tellDrift(state.drift, M, 9, 'cpu', estate.strip.note)
    expect(pointsAt(T + MINUTE_MS + 1000)).toEqual([[0, 9]])
    expect(pointsAt(T + MINUTE_MS + 2000)).toBeUndefined()
  })

  it('of a minute that was shown running and told exactly meanwhile come with the next', () => {
    tellDrift(state.drift, M, 9, 'cpu', estate.strip.note)
    bucket(T + MINUTE_MS, 1)
    expect(pointsAt(T + MINUTE_MS)).toEqual([
      [0, 9],
      [1, 0],
    ])
  })
})

describe('items', () => {
  it('come with a new status or reason, and alerts with them', () => {
    expect(tracker.changes(T, [])).toBeNull()
    expect(tracker.changes(T, [{ id: 'a' } as never])).toMatchObject({ processes: [], alerts: [{ id: 'a' }] })
    state.settings = { ...state.settings, active: false }
    expect(tracker.changes(T, [])).toMatchObject({ removed: [NGINX], counts: { total: 0 } })
  })
})
