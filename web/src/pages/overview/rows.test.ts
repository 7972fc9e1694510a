import { describe, expect, it } from 'vitest'
import type { ProcessItem } from '../../api/types.ts'
import { kindOf } from '../../process-id.ts'
import { arrange, compare, countStatuses, type Filters, facets, matches } from './rows.ts'

const all: Filters = { q: '', status: null, kind: null, tag: null, category: null }

function item(processId: string, cpuCores: number | null, more: Partial<ProcessItem> = {}): ProcessItem {
  return {
    processId,
    kind: kindOf(processId),
    name: processId,
    host: 'web-1',
    status: 'ok',
    drift: null,
    driftKpi: null,
    reason: null,
    category: null,
    tags: [],
    description: null,
    active: true,
    lastSeen: '',
    endedAt: null,
    metrics: { values: { cpuCores } } as ProcessItem['metrics'],
    ...more,
  }
}
const items = [
  item('os:web-1:b', 0.5, { tags: ['edge'] }),
  item('os:web-1:a', 2, { category: 'shop' }),
  item('os:web-1:c', null, { status: 'silent' }),
  item('host:web-1', 1),
]
const ids = (rows: ReturnType<typeof arrange>) => rows.map((row) => row.id)

describe('order', () => {
  it('puts what is silent after what lives, whatever its last numbers were', () => {
    const silent = item('os:web-2:d', 9, { status: 'silent' })
    expect(ids(arrange([silent, ...items], all, { key: 'cpu', descending: true }, 'none')).slice(0, 1)).toEqual([
      'os:web-1:a',
    ])
    expect(compare('cpu', false)(silent, item('os:web-1:a', 2))).toBe(1)
  })
  it('is by value with the largest first and nothing last, both ways', () => {
    expect(ids(arrange(items, all, { key: 'cpu', descending: true }, 'none'))).toEqual([
      'os:web-1:a',
      'host:web-1',
      'os:web-1:b',
      'os:web-1:c',
    ])
    expect(ids(arrange(items, all, { key: 'cpu', descending: false }, 'none')).at(-1)).toBe('os:web-1:c')
  })
  it('is by name with numbers as numbers', () => {
    const two = [item('os:h:n10', 1), item('os:h:n9', 1)]
    expect(two.sort(compare('name', false)).map((one) => one.processId)).toEqual(['os:h:n9', 'os:h:n10'])
  })
})

it('by drift puts the furthest first, silence at 3, and the calm by name', () => {
  const some = [
    item('os:h:calm2', 9, { drift: -1.9 }),
    item('os:h:calm1', 1, { drift: 1.2 }),
    item('os:h:quiet', 1, { status: 'silent' }),
    item('os:h:low', 1, { drift: -6.3, status: 'warning' }),
    item('os:h:high', 1, { drift: 13.2, status: 'critical' }),
    item('os:h:ruled', 1, { status: 'warning' }),
    item('os:h:little', 1, { drift: 2.9 }),
    item('os:h:calm3', 1, { drift: 99, endedAt: '2026-05-04T08:00:00.000Z' }),
  ]
  const order = ids(arrange(some, all, { key: 'drift', descending: true }, 'none')).map((id) => id.split(':')[2])
  expect(order).toEqual(['high', 'low', 'ruled', 'quiet', 'little', 'calm1', 'calm2', 'calm3'])
  expect(ids(arrange(some, all, { key: 'drift', descending: false }, 'none')).at(-1)).toBe('os:h:high')
})

describe('filters', () => {
  it('finds words in any order and anywhere', () => {
    expect(matches(items[1]!, { ...all, q: 'SHOP web' })).toBe(true)
    expect(matches(items[1]!, { ...all, q: 'shop db' })).toBe(false)
    expect(matches(item('os:h:my~20app', 1), { ...all, q: 'my app' })).toBe(true)
  })
  it('keeps status, kind, tag and category apart', () => {
    const found = (filters: Partial<Filters>) => items.filter((one) => matches(one, { ...all, ...filters })).length
    expect([
      found({ status: 'silent' }),
      found({ kind: 'host' }),
      found({ tag: 'edge' }),
      found({ category: 'shop' }),
    ]).toEqual([1, 1, 1, 1])
  })
})

it('puts headings over groups and counts what is under them', () => {
  const rows = arrange(items, all, { key: 'cpu', descending: true }, 'kind')
  expect(ids(rows)).toEqual(['group Groups', 'os:web-1:a', 'os:web-1:b', 'os:web-1:c', 'group Hosts', 'host:web-1'])
  expect(rows[0]).toMatchObject({ type: 'group', ids: ['os:web-1:a', 'os:web-1:b', 'os:web-1:c'] })
})

it('knows which tags, categories and kinds there are', () => {
  expect(facets(items)).toEqual({
    tags: ['edge'],
    categories: ['shop'],
    kinds: new Map([
      ['os', 3],
      ['host', 1],
    ]),
  })
})

it('counts what lives by its status', () => {
  expect([...countStatuses(items)]).toEqual([
    ['ok', 3],
    ['silent', 1],
  ])
})
