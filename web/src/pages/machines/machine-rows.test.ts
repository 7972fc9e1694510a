import { expect, it } from 'vitest'
import type { ProcessItem, Status } from '../../api/types.ts'
import type { SeriesItem } from '../../charts/use-plain-series.ts'
import { mainValues, siteOf, sitesOf } from './machine-rows.ts'

const machine = (id: string, status: Status = 'ok', drift: number | null = 0): ProcessItem => ({
  processId: id,
  kind: id.startsWith('device') ? 'device' : 'os',
  name: id,
  host: null,
  status,
  drift,
  driftKpi: null,
  reason: null,
  category: null,
  tags: [],
  description: null,
  active: true,
  metrics: null,
  lastSeen: new Date(0).toISOString(),
  endedAt: null,
})
const byDrift = { key: 'drift', descending: true } as const

it.each([
  ['device:plant-a:press-3', 'plant-a'],
  ['device:plant~20a:hall:c-1', 'plant a'],
  ['device:lonely', ''],
])('%s stands at %j', (id, site) => expect(siteOf(id)).toBe(site))

it('groups machines by site, the farthest off first, and says how a site is', () => {
  const items = [
    machine('device:b:x'),
    machine('device:a:press-10'),
    machine('device:a:press-2'),
    machine('device:a:press-1', 'warning', 5),
    machine('os:h:nginx'),
  ]
  const sites = sitesOf(items, '', byDrift)
  expect(
    sites.map((site) => [site.name, site.worst, site.off, site.machines.map((one) => one.processId.split(':')[2])]),
  ).toEqual([
    ['a', 'warning', 1, ['press-1', 'press-2', 'press-10']],
    ['b', 'ok', 0, ['x']],
  ])
  expect(sitesOf(items, 'press 10', byDrift).flatMap((site) => site.machines)).toHaveLength(1)
})

it('shows what is off first, and nothing that has a column', () => {
  const one = (metric: string, lastValue: number | null = 1): SeriesItem => ({
    metric,
    unit: '',
    kind: 'gauge',
    attributes: {},
    lastValue,
    lastTime: null,
  })
  const series = [one('process.events'), one('device.up'), one('b'), one('a'), one('c', null), one('z')]
  expect(mainValues(series, 'z', 2).map((each) => each.metric)).toEqual(['z', 'a'])
})
