import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { describe, expect, it } from 'vitest'
import { countAnomalies } from './anomalies.ts'
import { readDriftLines, readDriftSums, readNormals } from './drift.ts'
import { readTrails } from './past.ts'
import type { TenantScope } from './tenant-scope.ts'

type Read = (store: AnalyticsStore, scope: TenantScope) => Promise<unknown>

const range = { fromMs: 0, toMs: 60_000, limit: 10 }
const reads: [string, Read][] = [
  ['drift lines', (store, scope) => readDriftLines(store, scope, range)],
  ['drift sums', (store, scope) => readDriftSums(store, scope, range)],
  ['what was usual', (store, scope) => readNormals(store, scope, range)],
  ['trails', (store, scope) => readTrails(store, scope, { atMs: 60_000, limit: 10 })],
]

async function asked(read: (store: AnalyticsStore) => Promise<unknown>) {
  const questions: { sql: string; parameters: unknown }[] = []
  const query = async (sql: string, parameters: unknown): Promise<never[]> => {
    questions.push({ sql, parameters })
    return []
  }
  await read({ query } as unknown as AnalyticsStore)
  return questions[0]!
}

describe.each(reads)('%s', (_what, read) => {
  it.each(['default', ''])('of the tenant "%s" are of that one only', async (tenant) => {
    const { sql, parameters } = await asked((store) => read(store, { tenant }))
    expect(sql).toMatch(/WHERE (drift|baselines|kpis)\.tenant = \{tenant: String\}\s+AND/)
    expect(sql).not.toContain(' OR ')
    expect(parameters).toMatchObject({ tenant })
  })

  it('are of all only where that is asked for', async () => {
    const { sql, parameters } = await asked((store) => read(store, 'all-tenants'))
    expect(sql).not.toContain('{tenant: String}')
    expect(parameters).not.toHaveProperty('tenant')
  })
})

it('counts anomalies of a process without a name as of that process', async () => {
  const one = await asked((store) => countAnomalies(store, '', { ...range, process: '' }))
  expect(one.sql).toContain('tenant = {tenant: String} AND process = {process: String}')
  expect(one.parameters).toMatchObject({ tenant: '', process: '' })
  const all = await asked((store) => countAnomalies(store, 'default', range))
  expect(all.sql).not.toContain('{process: String}')
})
