import { type KpiName, kpiNumber, kpis } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import { kpiColumns } from '../estate/kpi-columns.ts'
import { clientNormals, type Normal } from './normal.ts'

const unknown = { centre: null, spread: null }
const normalsOf = (known: Partial<Record<KpiName, Normal>>) => (kpi: number) => known[kpis[kpi]!.name] ?? unknown
const newestOf = (known: Partial<Record<KpiName, number>>) => kpis.map(({ name }) => known[name] ?? null)

it('counts KPIs as the columns do', () => {
  expect(kpiColumns.map(({ field }) => field)).toHaveLength(kpis.length)
  expect(kpiColumns[kpiNumber('cpu')]?.field).toBe('cpuCores')
  expect(kpiColumns[kpiNumber('instances')]?.field).toBe('instances')
})

describe('what is usual, in the terms of the client', () => {
  it('scales amounts by the limit that the newest share tells', () => {
    const normalOf = normalsOf({
      cpu: { centre: 1, spread: 0.2 },
      network_receive: { centre: 30, spread: 3 },
      network_transmit: { centre: 40, spread: 4 },
      error_rate: { centre: 0.01, spread: 0.001 },
    })
    const newest = newestOf({ cpu: 2, cpu_share: 0.5, network_receive: 50, network_transmit: 50, network_share: 0.1 })
    expect(clientNormals(normalOf, newest)).toMatchObject({
      cpu: { centre: 0.25, spread: 0.05 },
      network: { centre: 0.07, spread: 0.005 },
      errorRate: { centre: 0.01, spread: 0.001 },
      memory: unknown,
    })
  })

  it.each([
    ['nothing is known', null],
    ['there is no share', newestOf({ cpu: 2 })],
    ['the share is zero', newestOf({ cpu: 0, cpu_share: 0 })],
    ['the share is zero beside an amount', newestOf({ cpu: 1, cpu_share: 0 })],
  ])('has no share where %s', (_, newest) => {
    expect(clientNormals(normalsOf({ cpu: { centre: 1, spread: 1 } }), newest).cpu).toEqual(unknown)
  })
})
