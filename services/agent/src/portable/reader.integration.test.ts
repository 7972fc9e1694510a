import { spawn } from 'node:child_process'
import type { Metric } from '@driftline/proto/metrics'
import { describe, expect, it } from 'vitest'
import { createDescribe, privacyDefaults } from '../privacy.ts'
import { createInstanceTable } from '../table.ts'
import { createPortableReader } from './reader.ts'

describe('portable reader, on this system', () => {
  it('sees processes come and go, and measures the host', async () => {
    const reader = await createPortableReader({ describe: createDescribe(privacyDefaults, (group) => `os:h:${group}`) })
    const table = createInstanceTable()
    const names: string[] = []
    const values = new Map<string, number>()
    const host = {
      series: (metric: Metric) => names.push(metric.name) - 1,
      set: (series: number, value: number) => void values.set(names[series]!, value),
    }
    const scan = async (): Promise<void> => {
      table.beginScan()
      await reader.scanProcesses(table)
    }
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', '--', '--password=x'])
    try {
      await scan()
      const slot = table.slotOf(child.pid!)
      expect(table.columns().parentPid[slot]).toBe(process.pid)
      expect(table.columns().residentBytes[slot]).toBeGreaterThan(1e6)
      expect(table.identity(slot)).toMatchObject({ group: 'os:h:node' })
      expect(table.identity(slot).command).toContain('--password=[redacted]')
      expect(table.slotOf(process.pid)).toBeGreaterThanOrEqual(0)
    } finally {
      child.kill('SIGKILL')
    }
    await new Promise((resolve) => child.once('exit', resolve))
    await new Promise((resolve) => setTimeout(resolve, 600))
    await scan()
    expect(table.slotOf(child.pid!)).toBe(-1)
    expect(table.ended.pid).toContain(child.pid)
    await reader.scanHost(host)
    expect(values.get('system.memory.limit')).toBeGreaterThan(1e8)
    expect(values.get('system.process.count')).toBeGreaterThan(1)
    expect((await reader.facts()).logicalCpus).toBeGreaterThan(0)
    reader.close()
  })
})
