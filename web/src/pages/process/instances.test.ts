import { describe, expect, it } from 'vitest'
import { createProcessTable, type ProcessRow } from '../../tree/process-table.ts'
import { relatedGroups } from './related.ts'
import { growthOf } from './use-instances.ts'

const MiB = 1_048_576
const line = (times: number[], values: number[]) => ({
  times,
  values,
  low: null,
  high: null,
  stepMs: 60_000,
  resolution: 'raw' as const,
})

describe('growth of an instance', () => {
  it.each([
    ['a leak of 60 MiB an hour', [0, 600_000, 1_200_000, 1_800_000], [0, 10 * MiB, 20 * MiB, 30 * MiB], 60],
    ['nothing', [0, 600_000, 1_200_000], [MiB, MiB, MiB], 0],
    ['what was given back', [0, 600_000, 1_200_000], [30 * MiB, 20 * MiB, 10 * MiB], -60],
  ])('measures %s', (_name, times, values, perHour) => {
    expect(growthOf(line(times, values))! / MiB).toBeCloseTo(perHour)
  })

  it.each([
    ['too short a time', [0, 1000, 2000]],
    ['some minutes', [0, 120_000, 240_000]],
    ['too few looks', [0, 600_000]],
    ['none', []],
  ])('says nothing after %s', (_name, times) => {
    expect(growthOf(line(times, times))).toBeNull()
  })
})

describe('related groups', () => {
  const row = (pid: number, ppid: number, name: string): ProcessRow => ({
    pid,
    ppid,
    name,
    startTime: new Date(pid * 1000).toISOString(),
    command: '',
    user: 'root',
    state: 'sleeping',
    cpu: 0,
    rssBytes: 0,
    readBytesPerSecond: 0,
    writeBytesPerSecond: 0,
    threads: 1,
    openFiles: 1,
    group: `os:web-1:${name}`,
  })

  it('are those of parents and of children, counted', () => {
    const table = createProcessTable()
    table.applySnapshot([
      row(1, 0, 'systemd'),
      row(2, 1, 'cron'),
      row(3, 2, 'sh'),
      row(4, 2, 'sh'),
      row(5, 2, 'cron'),
      row(6, 5, 'backup~20all'),
    ])
    expect(relatedGroups(table, 'os:web-1:cron')).toEqual([
      { id: 'os:web-1:systemd', name: 'systemd', relation: 'starts it', instances: 1 },
      { id: 'os:web-1:backup~20all', name: 'backup all', relation: 'started by it', instances: 1 },
      { id: 'os:web-1:sh', name: 'sh', relation: 'started by it', instances: 2 },
    ])
    expect(relatedGroups(table, 'os:web-1:nothing')).toEqual([])
  })
})
