import { expect, it } from 'vitest'
import type { HostTable, ProcessMetrics, ProcessRow } from '../api/types.ts'
import { dashboardFromTables } from './past.ts'

const at = Date.UTC(2026, 10, 17, 14, 2, 10)
const row = (pid: number, group: string, cpu: number | null, rssBytes: number | null) =>
  ({
    pid,
    group,
    cpu,
    rssBytes,
    readBytesPerSecond: 1,
    writeBytesPerSecond: null,
    startTime: new Date(at - pid * 1000).toISOString(),
  }) as ProcessRow
const table = (items: ProcessRow[], time: string | null = new Date(at).toISOString()): HostTable => ({
  host: 'web 1',
  time,
  items,
  nextCursor: null,
  description: { logicalCpus: 4, bootTime: new Date(at - 60_000).toISOString() } as HostTable['description'],
})

it('sums the instances of each group and of the host', () => {
  const { processes, counts } = dashboardFromTables(
    [
      table([
        row(5, 'os:web~201:node', 1, 100),
        row(9, 'os:web~201:node', 0.5, null),
        row(2, 'os:web~201:cron', null, 7),
      ]),
    ],
    at,
  )
  const by = Object.fromEntries(processes.map((item) => [item.processId, item.metrics]))
  expect(by['os:web~201:node']?.values).toMatchObject({
    cpuCores: 1.5,
    memoryBytes: 100,
    instances: 2,
    readBytesPerSecond: 2,
  })
  expect(by['os:web~201:node']?.executionTime).toBe(9000)
  expect(by['host:web~201']).toMatchObject({
    executionTime: 60_000,
    resourceUtilization: { cpu: 1.5 / 4 },
    values: { memoryBytes: null, instances: 3 },
  })
  expect(counts.total).toBe(3)
})

it('leaves out hosts that had no table then', () =>
  expect(dashboardFromTables([table([], null)], at).processes).toEqual([]))

it('prefers the host’s own figures where they were kept', () => {
  const own = { processId: 'host:web~201', values: { memoryBytes: 5 } } as ProcessMetrics
  const { processes } = dashboardFromTables(
    [table([row(5, 'os:web~201:node', 1, 100)])],
    at,
    new Map([['host:web~201', own]]),
  )
  expect(processes.find((item) => item.kind === 'host')?.metrics).toBe(own)
})
