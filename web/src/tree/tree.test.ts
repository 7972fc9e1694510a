import { describe, expect, it } from 'vitest'
import { actionFor, parentIndex } from './cursor.ts'
import { sumSubtree } from './groups.ts'
import { ancestorsOf, buildHierarchy } from './hierarchy.ts'
import { createProcessTable, type ProcessRow } from './process-table.ts'
import { buildRows, type RowOptions, type TreeRow } from './rows.ts'

const start = (seconds: number): string => new Date(1_700_000_000_000 + seconds * 1000).toISOString()

function row(pid: number, ppid: number, extra: Partial<ProcessRow> = {}): ProcessRow {
  return {
    pid,
    ppid,
    startTime: start(pid),
    name: `p${pid}`,
    command: `/bin/p${pid} --flag`,
    user: 'root',
    state: 'sleeping',
    cpu: 0,
    rssBytes: 1000,
    readBytesPerSecond: 0,
    writeBytesPerSecond: 0,
    threads: 1,
    openFiles: 3,
    group: `os:web-1:p${pid}`,
    ...extra,
  }
}

const options = (extra: Partial<RowOptions> = {}): RowOptions => ({
  mode: 'tree',
  sort: { key: 'pid', descending: false },
  query: '',
  foldKernelThreads: true,
  toggled: new Map(),
  ...extra,
})

const filled = (rows: readonly ProcessRow[]) => {
  const table = createProcessTable()
  table.applySnapshot(rows)
  return table
}

const pids = (rows: readonly TreeRow[]) => rows.map((r) => r.node?.pid ?? r.group?.name)

const small = [
  row(1, 0, { name: 'init' }),
  row(10, 1, { name: 'sshd', user: 'root' }),
  row(11, 10, { name: 'bash', user: 'ann', cpu: 0.5 }),
  row(12, 1, { name: 'nginx', group: 'os:web-1:nginx', cpu: 0.1 }),
  row(13, 12, { name: 'nginx', group: 'os:web-1:nginx', cpu: 0.2 }),
]

describe('the process table', () => {
  it('keeps the object of an instance and counts a version for what changed', () => {
    const table = filled(small)
    const before = table.byPid(11)!
    const structure = table.structureVersion()
    table.applyChanges({ upserts: [{ pid: 11, cpu: 0.75 }], removed: [] })
    expect(table.byPid(11)).toBe(before)
    expect([before.cpu, before.version]).toEqual([0.75, 2])
    expect(table.structureVersion()).toBe(structure)
    table.applyChanges({ upserts: [{ pid: 11, cpu: 0.75 }], removed: [] })
    expect(before.version).toBe(2)
  })

  it('takes another start time for another process', () => {
    const table = filled(small)
    const before = table.byPid(11)!
    table.applyChanges({ upserts: [row(11, 12, { startTime: start(500), name: 'vim' })], removed: [] })
    expect(table.byPid(11)!.name).toBe('vim')
    expect(before.ended).toBe(true)
    expect([...table.nodes()].length).toBe(6)
    expect(table.sweep()).toBe(true)
    expect([...table.nodes()].length).toBe(5)
    expect(table.byPid(11)!.fresh).toBe(false)
  })

  it('leaves out a change to an instance it never met', () => {
    const table = filled(small)
    table.applyChanges({ upserts: [{ pid: 999, cpu: 1 }], removed: [888] })
    expect(table.size()).toBe(5)
  })

  it('ends what a new snapshot no longer holds', () => {
    const table = filled(small)
    table.applySnapshot(small.slice(0, 4))
    expect(table.size()).toBe(4)
    expect([...table.nodes()].find((n) => n.pid === 13)?.ended).toBe(true)
  })
})

describe('the hierarchy', () => {
  const names = (rows: readonly ProcessRow[]) => {
    const table = filled(rows)
    const hierarchy = buildHierarchy(table.nodes())
    const reached: number[] = []
    const visit = (list: readonly { pid: number }[]) => {
      for (const node of list) {
        reached.push(node.pid)
        visit(hierarchy.childrenOf(node as never))
      }
    }
    visit(hierarchy.roots)
    return { roots: hierarchy.roots.map((n) => n.pid), reached: reached.sort((a, b) => a - b), hierarchy, table }
  }

  it.each([
    ['a missing parent', [row(5, 4), row(6, 5)], [5]],
    ['its own parent', [row(5, 5), row(6, 5)], [5]],
    [
      'a cycle of two with one start time',
      [row(5, 6, { startTime: start(0) }), row(6, 5, { startTime: start(0) })],
      [5],
    ],
    ['a child older than the process that has its ppid now', [row(5, 9), row(9, 0)], [5, 9]],
    ['nothing', [], []],
  ])('makes a root of %s', (_name, rows, roots) => {
    const found = names(rows)
    expect(found.roots.sort((a, b) => a - b)).toEqual(roots)
    expect(found.reached).toEqual(rows.map((r) => r.pid).sort((a, b) => a - b))
  })

  it('hangs what hangs off a cycle below it', () => {
    const at = { startTime: start(0) }
    const found = names([row(7, 5, at), row(5, 6, at), row(6, 5, at), row(1, 0, at)])
    expect(found.roots).toEqual([1, 5])
    expect(found.reached).toEqual([1, 5, 6, 7])
  })

  it('names the ancestors from the root down', () => {
    const found = names(small)
    expect(ancestorsOf(found.hierarchy, found.table.byPid(11)!).map((n) => n.name)).toEqual(['init', 'sshd'])
  })
})

describe('rows', () => {
  it('draws guides, levels and places among siblings', () => {
    const list = buildRows(filled(small).nodes(), options())
    expect(pids(list.rows)).toEqual([1, 10, 11, 12, 13])
    expect(list.rows.map((r) => r.guides)).toEqual(['', 't', '|l', 'l', ' l'])
    expect(list.rows.map((r) => [r.position, r.siblings])).toEqual([
      [1, 1],
      [1, 2],
      [1, 1],
      [2, 2],
      [1, 1],
    ])
  })

  it('folds what was folded, and sums what a fold hides', () => {
    const table = filled(small)
    const list = buildRows(table.nodes(), options({ toggled: new Map([[table.byPid(1)!.key, false]]) }))
    expect(pids(list.rows)).toEqual([1])
    expect(sumSubtree(list.hierarchy.childrenOf, table.byPid(1)!)).toEqual({ count: 4, cpu: 0.8, rssBytes: 4000 })
  })

  it('keeps the ancestors of what a search finds, and unfolds them', () => {
    const table = filled(small)
    const toggled = new Map([[table.byPid(1)!.key, false]])
    const list = buildRows(table.nodes(), options({ query: 'ANN bash', toggled }))
    expect(list.rows.map((r) => [r.node?.pid, r.matched])).toEqual([
      [1, false],
      [10, false],
      [11, true],
    ])
    expect(list.matched).toBe(1)
    expect(buildRows(table.nodes(), options({ query: 'nobody has this' })).rows).toEqual([])
    expect(buildRows(table.nodes(), options({ query: '13', mode: 'flat' })).rows.map((r) => r.node?.pid)).toEqual([13])
  })

  it('puts the branch of the busiest process first, and sorts a flat list strictly', () => {
    const sort = { key: 'cpu', descending: true } as const
    const nodes = [...filled([...small, row(20, 1, { cpu: 0.3 })]).nodes()]
    expect(pids(buildRows(nodes, options({ sort })).rows)).toEqual([1, 10, 11, 20, 12, 13])
    expect(pids(buildRows(nodes, options({ sort, mode: 'flat' })).rows)).toEqual([11, 20, 13, 12, 1, 10])
  })

  it('holds places between sorts and adds new rows after their siblings', () => {
    const table = filled(small)
    const sort = { key: 'cpu', descending: true } as const
    const first = buildRows(table.nodes(), options({ sort, mode: 'flat' }))
    table.applyChanges({ upserts: [{ pid: 12, cpu: 9 }, row(30, 1, { cpu: 5 })], removed: [] })
    const held = buildRows(table.nodes(), options({ sort, mode: 'flat', keepOrder: first.order }))
    expect(pids(held.rows)).toEqual([...pids(first.rows), 30])
    expect(pids(buildRows(table.nodes(), options({ sort, mode: 'flat' })).rows)).toEqual([12, 30, 11, 13, 1, 10])
  })

  it('folds kernel threads into their root, and leaves them out of a flat list', () => {
    const kernel = { kernelThread: true, rssBytes: 0 }
    const nodes = [...filled([...small, row(2, 0, kernel), row(3, 2, kernel), row(4, 2, kernel)]).nodes()]
    expect(pids(buildRows(nodes, options()).rows)).toEqual([1, 10, 11, 12, 13, 2])
    expect(pids(buildRows(nodes, options({ foldKernelThreads: false })).rows)).toContain(4)
    const flat = buildRows(nodes, options({ mode: 'flat' }))
    expect([flat.rows.length, flat.hiddenKernelThreads]).toEqual([5, 3])
  })

  it('groups by service, with sums that follow the values', () => {
    const table = filled(small)
    const service = options({ mode: 'service', sort: { key: 'cpu', descending: true } })
    const groups = new Map()
    const list = buildRows(table.nodes(), service, groups)
    expect(pids(list.rows)).toEqual(['p11', 'nginx', 'p1', 'p10'])
    const nginx = list.rows[1]!.group!
    expect([nginx.count, nginx.rssBytes, nginx.threads]).toEqual([2, 2000, 2])
    expect(nginx.cpu).toBeCloseTo(0.3)
    table.applyChanges({ upserts: [{ pid: 13, cpu: 1 }], removed: [12] })
    const again = buildRows(table.nodes(), { ...service, toggled: new Map([[nginx.key, true]]) }, groups)
    expect(again.rows[0]!.group).toBe(nginx)
    expect([nginx.count, nginx.cpu]).toEqual([1, 1])
  })

  it('is safe on a chain deeper than the call stack', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => row(i + 1, i))
    const list = buildRows(filled(chain).nodes(), options({ sort: { key: 'cpu', descending: true } }))
    expect(list.rows.length).toBe(20_000)
    expect(list.rows.at(-1)!.depth).toBe(19_999)
  })
})

describe('keys', () => {
  const { rows } = buildRows(filled(small).nodes(), options())
  it.each([
    ['ArrowDown', 0, { kind: 'move', index: 1 }],
    ['ArrowDown', 4, { kind: 'move', index: 4 }],
    ['ArrowUp', 0, { kind: 'move', index: 0 }],
    ['End', 0, { kind: 'move', index: 4 }],
    ['Home', -1, { kind: 'move', index: 0 }],
    ['PageDown', 1, { kind: 'move', index: 4 }],
    ['ArrowRight', 0, { kind: 'move', index: 1 }],
    ['ArrowRight', 2, null],
    ['ArrowLeft', 2, { kind: 'move', index: 1 }],
    ['ArrowLeft', 1, { kind: 'toggle', index: 1, expand: false }],
    ['Enter', 3, { kind: 'open', index: 3 }],
    ['a', 3, null],
  ] as const)('%s on row %i', (key, index, action) => {
    expect(actionFor(key, rows, index, 10)).toEqual(action)
  })

  it('knows the row above in the tree', () => {
    expect([parentIndex(rows, 4), parentIndex(rows, 0)]).toEqual([3, -1])
  })
})
