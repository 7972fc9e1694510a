import { expect, test } from 'vitest'
import type { Anomaly } from '../../api/types.ts'
import { filtersOf, fitsFilters } from './filters.ts'

const anomaly = {
  id: 'a',
  processId: 'os:web-1:my~20app',
  type: 'error_spike',
  severity: 'critical',
  description: 'Errors of my app are 8 times what is usual',
  timestamp: '2026-05-04T08:00:00.000Z',
  endedAt: null,
  verdict: null,
} as unknown as Anomaly
const fits = (query: Record<string, unknown>, more: Partial<Anomaly> = {}, fromMs: number | null = null) =>
  fitsFilters({ ...anomaly, ...more }, filtersOf(query), 'os/web-1/my app', fromMs)

test('the address says what is asked for, and nonsense in it nothing', () => {
  expect(
    filtersOf({ severity: 'critical', state: 'later', type: 'x y', verdict: 'none', q: 'web', since: '24h' }),
  ).toEqual({
    severity: 'critical',
    type: null,
    state: null,
    verdict: 'none',
    q: 'web',
    since: '24h',
  })
  expect(filtersOf({ q: ['a'], type: 'own_rule' })).toMatchObject({ q: '', type: 'own_rule' })
})

test('an anomaly fits when each filter does', () => {
  expect(fits({})).toBe(true)
  expect(fits({ severity: 'warning' })).toBe(false)
  expect(fits({ state: 'open', verdict: 'none', type: 'error_spike', q: 'MY app usual' })).toBe(true)
  expect(fits({ state: 'closed' })).toBe(false)
  expect(fits({ verdict: 'none' }, { verdict: 'noise' })).toBe(false)
  expect(fits({ q: 'web db' })).toBe(false)
})

test('what began before the time looked at does not fit', () => {
  expect(fits({}, {}, Date.parse('2026-05-04T07:00:00.000Z'))).toBe(true)
  expect(fits({}, {}, Date.parse('2026-05-04T12:00:00.000Z'))).toBe(false)
})
