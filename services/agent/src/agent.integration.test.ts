import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AgentConfig } from './config.ts'
import { privacyDefaults } from './privacy.ts'
import { createAgent } from './service.ts'
import { End, State } from './table.ts'
import { agentConfigFor } from './testing/agent-config.ts'
import { type Collector, startCollector } from './testing/collector.ts'
import { lastValue, type ViewRow, viewOf } from './testing/host-view.ts'

let directory: string
let collector: Collector
let agent: Component | null = null
const logger = createLogger('fatal')
const onLinux = process.platform === 'linux'

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'agent-'))
  collector = await startCollector()
})
afterEach(async () => {
  await agent?.stop()
  agent = null
  await collector.stop()
  rmSync(directory, { recursive: true })
})

async function startAgent(changes: Partial<AgentConfig> = {}): Promise<void> {
  agent = createAgent(agentConfigFor(collector.address, join(directory, 'spool'), changes), {
    logger,
    clock: systemClock,
  })
  await agent.start()
}
const row = (pid: number | undefined): ViewRow | undefined => viewOf(collector).rows.get(pid!)
const moreBatches = (count: number): Promise<void> => {
  const goal = collector.batches.length + count
  return collector.until(`${count} more batches`, () => collector.batches.length >= goal, 60_000)
}

describe('agent and server', () => {
  it('says hello, defines its series and sends a key frame, then changes', async () => {
    await startAgent()
    await moreBatches(5)
    expect(collector.keys).toEqual(['Bearer key-of-test'])
    expect(collector.hellos[0]?.host).toBe('test-host')
    expect(collector.undefinedSeries).toBe(0)
    const frames = collector.batches.map(({ batch }) => batch)
    expect(frames.map((batch) => batch.sequence).slice(0, 5)).toEqual([1n, 2n, 3n, 4n, 5n])
    expect(frames.map((batch) => batch.keyFrame).slice(0, 3)).toEqual([true, false, false])
    expect(frames[0]?.description?.intervalMs).toBe(200)
    expect(lastValue(collector, 'host:test-host', 'system.process.count')).toBeGreaterThan(2)
    expect(lastValue(collector, 'host:test-host', 'system.memory.utilization')).toBeGreaterThan(0)
  })

  it('refuses a spool directory that another agent uses', async () => {
    await startAgent()
    const other = createAgent(agentConfigFor(collector.address, join(directory, 'spool')), {
      logger,
      clock: systemClock,
    })
    await expect(other.start()).rejects.toMatchObject({ code: 'data_dir_locked' })
  })

  it('counts refusals, makes the next frame whole and goes on', async () => {
    collector.react = (batch) => (batch.sequence === 3n ? 'refuse' : 'acknowledge')
    await startAgent()
    await collector.until(
      'a second key frame',
      () => collector.batches.filter(({ batch }) => batch.keyFrame).length > 1,
    )
    await moreBatches(2)
    expect(lastValue(collector, 'host:test-host', 'driftline.agent.batch.refused')).toBe(1)
    expect(lastValue(collector, 'host:test-host', 'driftline.agent.spool.size')).toBeGreaterThan(0)
  })

  it('sends what was not acknowledged again, in order, when the connection breaks', async () => {
    collector.react = (batch) => (batch.sequence % 4n === 0n && collector.connections < 4 ? 'break' : 'acknowledge')
    await startAgent()
    await collector.until('four connections', () => collector.connections >= 4, 60_000)
    await moreBatches(5)
    const sequences = collector.batches.map(({ batch }) => Number(batch.sequence))
    expect([...new Set(sequences)]).toEqual(Array.from({ length: Math.max(...sequences) }, (_, at) => at + 1))
    expect(collector.undefinedSeries).toBe(0)
  })

  it('keeps scanning while the server is away, and catches up when it comes', async () => {
    const port = Number(new URL(collector.address).port)
    await collector.stop()
    await startAgent({ intervalMs: 100 })
    await new Promise((resolve) => setTimeout(resolve, 2000))
    collector = await startCollector({ port, window: 4 })
    await collector.until('what waited', () => collector.batches.length >= 10, 60_000)
    expect(collector.batches[0]?.batch.sequence).toBe(1n)
    expect(collector.batches[0]?.batch.keyFrame).toBe(true)
    expect(collector.undefinedSeries).toBe(0)
  })
})

describe.runIf(onLinux)('agent and this machine', () => {
  it('sees a process start, work, run another program, and end', async () => {
    await startAgent()
    await moreBatches(1)
    // It works, and then sleeps, for as long as the test needs to see it, however slow the machine is.
    const enough = join(directory, 'enough')
    const child = spawn('sh', ['-c', `while [ ! -e ${enough} ]; do :; done; exec sleep 300`])
    try {
      await collector.until('the child at work', () => (row(child.pid)?.cpuCores ?? 0) > 0.02, 60_000)
      expect(row(child.pid)).toMatchObject({ parentPid: process.pid })
      writeFileSync(enough, '')
      await collector.until('exec', () => row(child.pid)?.command === 'sleep 300', 60_000)
      expect(row(child.pid)).toMatchObject({ name: 'sleep', group: 'os:test-host:sleep' })
    } finally {
      child.kill('SIGKILL')
    }
    await collector.until('its end', () => viewOf(collector).ends.some((end) => end.pid === child.pid), 60_000)
    expect(row(child.pid)).toBeUndefined()
  })

  it('tells at once who a process belongs to when its parent ends', async () => {
    await startAgent()
    await moreBatches(1)
    const shell = spawn('sh', ['-c', 'sleep 30 & echo $!; read line'], { stdio: ['pipe', 'pipe', 'ignore'] })
    const pid = await new Promise<number>((resolve) => shell.stdout.once('data', (text) => resolve(Number(text))))
    try {
      await collector.until('the background process', () => row(pid)?.parentPid === shell.pid)
      shell.stdin.end()
      await collector.until('the end of the shell', () => row(shell.pid) === undefined)
      const keyFrames = collector.batches.filter(({ batch }) => batch.keyFrame).length
      await collector.until('the new parent', () => row(pid)?.parentPid !== shell.pid)
      expect(row(pid)?.name).toBe('sleep')
      expect(collector.batches.filter(({ batch }) => batch.keyFrame)).toHaveLength(keyFrames)
      expect(viewOf(collector).ends.filter((end) => end.pid === pid)).toEqual([])
    } finally {
      process.kill(pid)
    }
  })

  it('measures a busy core and a writer', async () => {
    await startAgent({ intervalMs: 1000 })
    const busy = spawn('sh', ['-c', 'while :; do :; done'])
    const file = join(directory, 'written')
    const writer = spawn('sh', ['-c', `while :; do head -c 1000000 /dev/zero; done > ${file} & exec sleep 60`])
    try {
      const cores = (): number => row(busy.pid)?.cpuCores ?? 0
      await collector.until('the busy shell', () => cores() > 0.02 && cores() < 1.1, 60_000)
      await moreBatches(2)
      // On a machine with other work the loop gets less than a core, never more.
      expect(cores()).toBeLessThan(1.1)
      const writes = (): boolean => [...viewOf(collector).rows.values()].some((each) => each.writeBytesPerSecond > 1e5)
      await collector.until('a process that writes', writes, 60_000)
    } finally {
      busy.kill('SIGKILL')
      const spawned = [...viewOf(collector).rows.values()].filter((each) => each.parentPid === writer.pid)
      writer.kill('SIGKILL')
      for (const each of spawned) if (each.name === 'sh') process.kill(each.pid, 'SIGKILL')
    }
  })

  it('tells how a process ended when it saw it as a zombie', async () => {
    await startAgent({ intervalMs: 100 })
    // A stopped parent reaps nothing: its children stay zombies until it goes on, whatever init does.
    const enough = join(directory, 'enough')
    const child = (code: number): string => `sh -c "while [ ! -e ${enough} ]; do sleep 0.05; done; exit ${code}" &`
    const parent = spawn('sh', ['-c', `${child(3)} a=$!; ${child(0)} b=$!; echo $a $b; wait $a $b`])
    const [failed, succeeded] = await new Promise<number[]>((resolve) =>
      parent.stdout.once('data', (text: Buffer) => resolve(text.toString().trim().split(' ').map(Number))),
    )
    const kindOf = (pid: number | undefined): number | undefined =>
      viewOf(collector).ends.find((end) => end.pid === pid)?.kind
    await collector.until('both alive', () => row(failed) !== undefined && row(succeeded) !== undefined)
    parent.kill('SIGSTOP')
    writeFileSync(enough, '')
    await collector.until('both zombies', () => [failed, succeeded].every((pid) => row(pid)?.state === State.zombie))
    parent.kill('SIGCONT')
    await collector.until('both ends', () => kindOf(failed) !== undefined && kindOf(succeeded) !== undefined, 60_000)
    expect(kindOf(failed)).toBe(End.failure)
    expect(kindOf(succeeded)).toBe(End.success)
  })

  it('shows names as they are, whatever stands in them', async () => {
    await startAgent()
    const names = ['a) R 1 (b', '<b>x<img>', 'new\nline', 'back\\slash']
    const children = names.map((name) => {
      copyFileSync('/bin/sleep', join(directory, name))
      return spawn(join(directory, name), ['60'])
    })
    try {
      await collector.until('all of them', () => children.every((child) => row(child.pid) !== undefined))
      expect(children.map((child) => row(child.pid)?.name)).toEqual(names)
      expect(children.map((child) => row(child.pid)?.parentPid)).toEqual(names.map(() => process.pid))
    } finally {
      for (const child of children) child.kill('SIGKILL')
    }
  })

  it('lets nothing out that the filters hold back, not even into the spool', async () => {
    collector.react = () => 'ignore'
    const script = join(directory, 'quiet.sh')
    writeFileSync(script, 'sleep 60')
    const children = [
      spawn('sh', [script, '--password=Pl4inSecretA', 'https://u:Pl4inSecretB@x']),
      spawn('sh', [script, 'excluded-Pl4inSecretC']),
    ]
    try {
      await startAgent({ privacy: { ...privacyDefaults, excludeCommands: ['excluded-'] } })
      await collector.until('the script', () => row(children[0]?.pid) !== undefined)
      await moreBatches(2)
      expect(row(children[0]?.pid)?.command).toContain('--password=[redacted]')
      expect(row(children[1]?.pid)).toBeUndefined()
      const stored = readdirSync(join(directory, 'spool')).map((name) => readFileSync(join(directory, 'spool', name)))
      expect(stored.some((bytes) => bytes.includes('quiet.sh'))).toBe(true)
      expect(stored.some((bytes) => bytes.includes('Pl4inSecret'))).toBe(false)
      expect(collector.batches.some(({ bytes }) => bytes.includes('Pl4inSecret'))).toBe(false)
    } finally {
      for (const child of children) child.kill('SIGKILL')
    }
  })
})
