import { groupMetrics } from '@driftline/proto/metrics'
import { describe, expect, it } from 'vitest'
import { createGroupSums } from './group-sums.ts'
import { createSampleColumns } from './samples.ts'
import { createSeriesBook } from './series.ts'
import { createInstanceTable, End } from './table.ts'

const identity = (group: string) => ({ name: 'x', command: 'x', user: 'u', group, container: '' })

function setUp(groupsMax?: number) {
  const book = createSeriesBook()
  const time = { ms: 0 }
  const added: [number, number][] = []
  const columns = createSampleColumns(book)
  const samples = { ...columns, add: (series: number, value: number) => void added.push([series, value]) }
  const sums = createGroupSums(book, 'os:h:other', { ...(groupsMax && { groupsMax }), nowMs: () => time.ms })
  const table = createInstanceTable()
  /** Values of the scan by `<group> <metric>`; NaN means that no sample will be made of it. */
  const scan = (): Record<string, number> => {
    added.length = 0
    sums.add(table, samples)
    table.beginScan()
    return Object.fromEntries(added.map(([series, value]) => [nameOf(book, series), value]))
  }
  return { book, sums, table, scan, time }
}

function nameOf(book: ReturnType<typeof createSeriesBook>, series: number): string {
  const text = Buffer.from(book.definition(series)).toString('latin1')
  const group = /os:h:\w+/.exec(text)?.[0] ?? ''
  const metric = Object.values(groupMetrics).find(({ name }) => text.includes(name))
  return `${group} ${metric?.name}`
}

describe('sums of groups', () => {
  it('add up instances, without those that say nothing', () => {
    const { table, scan } = setUp()
    for (const [pid, cores, read] of [
      [1, 0.5, Number.NaN],
      [2, 0.25, 100],
    ] as const) {
      const slot = table.add(pid, 1)
      table.identify(slot, identity('os:h:web'))
      const columns = table.columns()
      columns.cpuCores[slot] = cores
      columns.readBytesPerSecond[slot] = read
      columns.threads[slot] = 3
    }
    table.add(3, 1)
    expect(scan()).toMatchObject({
      'os:h:web process.cpu.usage': 0.75,
      'os:h:web process.disk.read': 100,
      'os:h:web process.disk.write': Number.NaN,
      'os:h:web process.thread.count': 6,
      'os:h:web process.count': 2,
    })
  })

  it('tell once that a group is empty, then nothing until it comes back', () => {
    const { table, scan, sums } = setUp()
    const slot = table.add(1, 1)
    table.identify(slot, identity('os:h:job'))
    scan()
    table.end(slot, End.unknown)
    expect(scan()).toMatchObject({ 'os:h:job process.count': 0, 'os:h:job process.cpu.usage': 0 })
    expect(scan()).toEqual({})
    expect(sums.size()).toBe(0)
    table.identify(table.add(2, 2), identity('os:h:job'))
    expect(scan()['os:h:job process.count']).toBe(1)
  })

  it('sum what is beyond the limit as one group', () => {
    const { table, scan } = setUp(2)
    for (let pid = 1; pid <= 5; pid++) table.identify(table.add(pid, 1), identity(`os:h:g${pid}`))
    const counts = Object.entries(scan()).filter(([name]) => name.endsWith('process.count'))
    expect(counts).toEqual([
      ['os:h:g1 process.count', 1],
      ['os:h:g2 process.count', 1],
      ['os:h:other process.count', 3],
    ])
  })

  it('give the place of a group that was empty for long to another one', () => {
    const { book, table, scan, time } = setUp(2)
    const start = (pid: number, group: string) => table.identify(table.add(pid, 1), identity(`os:h:${group}`))
    start(1, 'stays')
    start(2, 'job')
    scan()
    const series = book.size()
    const meaning = book.meaning(series - 1)
    table.end(table.slotOf(2), End.unknown)
    scan()
    start(3, 'early')
    expect(scan()).toMatchObject({ 'os:h:stays process.count': 1, 'os:h:other process.count': 1 })
    table.end(table.slotOf(3), End.unknown)
    time.ms = 601_000
    start(4, 'late')
    const values = scan()
    expect(values).toMatchObject({ 'os:h:stays process.count': 1, 'os:h:late process.count': 1 })
    expect(Object.keys(values)).not.toContain('os:h:job process.count')
    expect(book.size()).toBe(series + 8)
    expect(book.meaning(series - 1)).not.toBe(meaning)
    start(5, 'job')
    expect(scan()).toMatchObject({ 'os:h:other process.count': 1, 'os:h:late process.count': 1 })
  })
})
