import type { Writable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { systemClock } from '@driftline/platform/clock'
import { processId, unescapeName } from '@driftline/proto/ids'
import type { Metric } from '@driftline/proto/metrics'
import type { AgentConfig } from './config.ts'
import { createReader } from './platform-reader.ts'
import { createDescribe } from './privacy.ts'
import { createInstanceTable, type InstanceTable, State } from './table.ts'

const INTERVAL_MS = 1000

/** Prints one scan as JSON for people: what a server would be told, privacy filters applied. */
export async function printOnce(config: AgentConfig, output: Writable): Promise<void> {
  const describe = createDescribe(config.privacy, (group) => processId('os', config.hostName, group))
  const reader = await createReader(config, { describe, clock: systemClock, bootTimeMs: null })
  const table = createInstanceTable()
  const names: string[] = []
  const values = new Map<string, number>()
  const sink = {
    series: (metric: Metric, attributes: Readonly<Record<string, string>> = {}) =>
      names.push([metric.name, ...Object.values(attributes)].join(' ')) - 1,
    set: (series: number, value: number) => void (Number.isFinite(value) && values.set(names[series]!, value)),
  }
  for (const waitMs of [0, INTERVAL_MS]) {
    await wait(waitMs)
    table.beginScan()
    await reader.scanProcesses(table)
    await reader.scanHost(sink)
  }
  const facts = await reader.facts()
  reader.close()
  const scan = { host: config.hostName, ...facts, metrics: Object.fromEntries(values), processes: rows(table) }
  output.write(`${JSON.stringify(scan, null, 2)}\n`)
}

const STATES = Object.fromEntries(Object.entries(State).map(([name, code]) => [code, name]))

function rows(table: InstanceTable): unknown[] {
  const columns = table.columns()
  const known = (value: number): number | null => (value >= 0 ? value : null)
  const slots = Array.from({ length: table.size() }, (_, slot) => slot).filter((slot) => columns.visible[slot] === 1)
  return slots.map((slot) => {
    const { name, command, user, group, container } = table.identity(slot)
    return {
      pid: columns.pid[slot],
      ppid: columns.parentPid[slot],
      startTime: new Date(columns.startTimeMs[slot]!).toISOString(),
      name,
      command,
      user,
      group: unescapeName(group.split(':')[2] ?? ''),
      container,
      state: STATES[columns.state[slot]!],
      cpu: known(columns.cpuCores[slot]!),
      rssBytes: columns.residentBytes[slot],
      virtualBytes: columns.virtualBytes[slot],
      readBytesPerSecond: known(columns.readBytesPerSecond[slot]!),
      writeBytesPerSecond: known(columns.writeBytesPerSecond[slot]!),
      threads: columns.threads[slot],
      openFiles: known(columns.openFiles[slot]!),
    }
  })
}
