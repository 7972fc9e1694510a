import { expect, test } from 'vitest'
import { driftGuides, driftingPath } from './drift-path.ts'
import { createProcessTable, type ProcessRow } from './process-table.ts'
import { buildRows } from './rows.ts'

const row = (pid: number, ppid: number, group: string): ProcessRow => ({
  pid,
  ppid,
  startTime: new Date(pid * 1000).toISOString(),
  name: `p${pid}`,
  command: '',
  user: 'root',
  state: 'sleeping',
  cpu: 0,
  rssBytes: 1,
  readBytesPerSecond: 0,
  writeBytesPerSecond: 0,
  threads: 1,
  openFiles: 1,
  group: `os:a:${group}`,
})
const options = {
  mode: 'tree' as const,
  sort: { key: 'pid' as const, descending: false },
  query: '',
  foldKernelThreads: false,
  toggled: new Map<string, boolean>(),
}

/** 1 ─ 2 ─ 3, 1 ─ 4 ─ (5, 6), 1 ─ 7 */
function tree() {
  const table = createProcessTable()
  const rows = [
    row(1, 0, 'a'),
    row(2, 1, 'b'),
    row(3, 2, 'b'),
    row(4, 1, 'c'),
    row(5, 4, 'c'),
    row(6, 4, 'd'),
    row(7, 1, 'e'),
  ]
  table.applySnapshot(rows)
  const list = buildRows(table.nodes(), options)
  return { table, list }
}

test('the line leads from the root down to what drifts, and no further', () => {
  const { table, list } = tree()
  const path = driftingPath([table.byPid(6)!], list.hierarchy)
  expect([...path].map((node) => node.pid)).toEqual([6, 4, 1])
  expect(driftGuides(list.rows, path)).toEqual(['', '|', '| ', 'l', ' |', ' l', ' '])
})

test('several are followed at once', () => {
  const { table, list } = tree()
  const path = driftingPath([table.byPid(2)!, table.byPid(7)!], list.hierarchy)
  expect(driftGuides(list.rows, path)).toEqual(['', 't', '| ', '|', '| ', '| ', 'l'])
  expect(driftGuides(list.rows, new Set())).toEqual(new Array(7).fill(''))
})

test('the drift line stands on the topmost instance of a group', () => {
  expect(tree().list.rows.map((one) => one.driftOf)).toEqual([
    'os:a:a',
    'os:a:b',
    null,
    'os:a:c',
    null,
    'os:a:d',
    'os:a:e',
  ])
})

test('a tree can be ordered by drift, branches by what is in them', () => {
  const { table } = tree()
  for (const node of table.nodes()) node.drift = node.pid === 6 ? 9 : node.pid === 2 ? 3 : 0
  const rows = buildRows(table.nodes(), { ...options, sort: { key: 'drift', descending: true } }).rows
  expect(rows.map((one) => one.node?.pid)).toEqual([1, 4, 6, 5, 2, 3, 7])
})
