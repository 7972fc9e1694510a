import { describe, expect, it } from 'vitest'
import { kpiColumns } from '../estate/kpi-columns.ts'
import type { KpiPoint } from '../queries/kpis.ts'
import { analyse } from './analyse.ts'
import { trendOf } from './trend.ts'

const MINUTE = 60_000

function points(count: number, valuesAt: (index: number) => Record<string, number>): KpiPoint[] {
  return Array.from({ length: count }, (_, index) => {
    const values = valuesAt(index)
    return { timeMs: index * MINUTE, values: kpiColumns.map(({ column }) => values[column] ?? null) }
  })
}

const noise = (index: number): number => ((index * 7919) % 13) / 13 - 0.5

describe('trends', () => {
  const series = (valueAt: (index: number) => number) =>
    Array.from({ length: 60 }, (_, index) => ({ timeMs: index * MINUTE, value: valueAt(index) }))

  it.each([
    ['grows', (i: number) => 100 + i, 'rising', 60],
    ['falls', (i: number) => 100 - i, 'falling', -60],
    ['stays', () => 100, 'steady', 0],
  ] as const)('%s', (_, valueAt, trend, perHour) => {
    expect(trendOf(series(valueAt))).toMatchObject({ trend, changePerHour: expect.closeTo(perHour, 6) })
  })

  it('do not take noise for a direction', () => {
    expect(trendOf(series((i) => 100 + 40 * noise(i))).trend).toBe('steady')
  })

  it('need points, and say null without them', () => {
    expect(trendOf([])).toEqual({
      current: null,
      average: null,
      minimum: null,
      maximum: null,
      changePerHour: null,
      trend: null,
    })
    expect(trendOf([{ timeMs: 0, value: 3 }])).toMatchObject({ average: 3, trend: null })
  })
})

describe('insights', () => {
  it('say what grew, by how much and where it is', () => {
    const { insights } = analyse(
      'os',
      points(60, (i) => ({ memory_bytes: (100 + i) * 2 ** 20, cpu_cores: 0.25, instances: 4 })),
    )
    expect(insights).toEqual(['Memory grows by 60 MiB per hour and is at 152 MiB.', 'CPU averaged 0.25 cores.'])
  })

  it('name limits that are near, failures and absences', () => {
    const { insights } = analyse(
      'os',
      points(60, (i) => ({ memory_share: 0.95, error_rate: 0.02, instances: i < 10 ? 0 : 3 })),
    )
    expect(insights).toEqual([
      'Memory is at 95 % of its limit now.',
      '2 % of what ended failed, at worst 2 %.',
      'It was not running all of the time.',
    ])
  })

  it('say so when there is nothing', () => {
    const { kpis, insights } = analyse('host', [])
    expect(insights).toEqual(['Nothing was recorded in this period.'])
    expect(kpis.cpu.trend).toBeNull()
  })
})
