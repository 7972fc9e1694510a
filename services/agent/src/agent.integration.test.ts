import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AgentConfig } from './config.ts'
import { privacyDefaults } from './privacy.ts'
import { createAgent } from './service.ts'
import { type Collector, startCollector } from './testing/collector.ts'

let directory: string
let collector: Collector
const logger = createLogger('fatal')

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'agent-'))
  collector = await startCollector()
})
afterEach(async () => {
  await collector.stop()
  rmSync(directory, { recursive: true })
})

function configOf(changes: Partial<AgentConfig> = {}): AgentConfig {
  return {
    server: collector.address,
    apiKey: 'key-of-test',
    hostName: 'test-host',
    spoolDir: join(directory, 'spool'),
    spoolBytesMax: 64 * 1024 * 1024,
    intervalMs: 200,
    reader: 'auto',
    procRoot: '/proc',
    hostRoot: '',
    tls: { authority: null, certificate: null, key: null },
    privacy: privacyDefaults,
    logLevel: 'fatal',
    ...changes,
  }
}

describe('agent and collector', () => {
  it('says hello, defines its series and sends a key frame, then changes', async () => {
    const agent = createAgent(configOf(), { logger, clock: systemClock })
    await agent.start()
    await collector.until('five batches', () => collector.batches.length >= 5)
    await agent.stop()
    expect(collector.keys).toEqual(['Bearer key-of-test'])
    expect(collector.hellos[0]?.host).toBe('test-host')
    expect(collector.undefinedSeries).toBe(0)
    const frames = collector.batches.map(({ batch }) => batch)
    expect(frames.map((batch) => batch.sequence).slice(0, 5)).toEqual([1n, 2n, 3n, 4n, 5n])
    expect(frames.map((batch) => batch.keyFrame).slice(0, 3)).toEqual([true, false, false])
    expect(frames[0]!.table.length).toBeGreaterThan(frames[2]!.table.length)
  })
})
