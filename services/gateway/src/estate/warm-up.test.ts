import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { expect, it } from 'vitest'
import type { Estate } from './estate.ts'
import { warmFindingsAgain } from './warm-up.ts'

it('takes nothing in when the gateway has stopped before the store answered', async () => {
  let isStopped = false
  const row = { tenant: 'default', id: 'a-1', process: 'os:web-1:nginx', severity: 'warning', startMs: 0 }
  const lists = { timeMs: 0, endMs: null, exhaustedMs: null, shareMetrics: [], shares: [], kpis: [], record: '' }
  const store = {
    async query() {
      isStopped = true
      return [{ ...row, ...lists }]
    },
  } as unknown as AnalyticsStore
  const estate = {
    tenant: () => expect.unreachable('it was taken in'),
  } as unknown as Estate
  const limits = { findings: { openAnomalies: 10 } } as never
  expect(await warmFindingsAgain({ store, estate, limits }, () => isStopped)).toEqual([])
})
