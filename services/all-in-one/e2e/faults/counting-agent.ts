import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readAgentConfig } from '@driftline/agent/config'
import { createAgent } from '@driftline/agent/service'
import { type Clock, systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createCountingReader } from './counting-reader.ts'

export interface CountingAgentOptions {
  readonly host: string
  readonly server: string
  readonly apiKey: string
  /** Directory of the spool. */
  readonly directory: string
  /** What the first scan counts from; see the reader. */
  readonly first?: number
  readonly onScan?: (scan: number) => void
}

/** The real agent, in this process, over a reader whose scans are numbered from 1. */
export interface CountingAgent {
  readonly host: string
  /** Batches that it has made. */
  scans(): number
  /** The last of its batches that the server has acknowledged; what an earlier run left comes before them. */
  acknowledged(): number
  /** When scan n was, by index n; milliseconds since the Unix epoch. */
  readonly timesMs: readonly number[]
  /** Makes no further batch and goes on sending. */
  pause(): void
  stop(): Promise<void>
}

export const INTERVAL_MS = 100

export async function startCountingAgent(options: CountingAgentOptions): Promise<CountingAgent> {
  const { host, directory, first, onScan } = options
  mkdirSync(directory, { recursive: true })
  const config = readAgentConfig({
    env: {
      DRIFTLINE_AGENT_SERVER: options.server,
      DRIFTLINE_AGENT_API_KEY: options.apiKey,
      DRIFTLINE_AGENT_HOST_NAME: host,
      DRIFTLINE_AGENT_SPOOL_DIR: directory,
      DRIFTLINE_REAL_TIME_MONITORING_MONITORING_INTERVAL: `${INTERVAL_MS}ms`,
    },
    yaml: {},
    file: null,
  })
  const timesMs: number[] = []
  const clock = createRememberingClock()
  const reader = createCountingReader(host, first, (scan) => {
    // The scanner asks for the time of a batch right before it reads.
    timesMs[scan] = clock.lastMs()
    onScan?.(scan)
  })
  const agent = createAgent(config, { logger: createLogger('fatal'), clock, reader })
  await agent.start()
  const { epoch } = JSON.parse(readFileSync(join(directory, 'installation.json'), 'utf8')) as { epoch: number }
  return {
    host,
    scans: reader.scans,
    timesMs,
    acknowledged: () => acknowledgedIn(directory, epoch),
    pause: reader.pause,
    async stop() {
      reader.pause()
      // A scan that is held would hold up the end.
      const releasing = setInterval(reader.close, 10)
      await agent.stop()
      clearInterval(releasing)
    },
  }
}

function createRememberingClock(): Clock & { lastMs(): number } {
  let last = 0
  return {
    nowMs() {
      last = systemClock.nowMs()
      return last
    },
    lastMs: () => last,
  }
}

/** The agent writes down what the server has: the epoch and then the sequence, which here is the scan's number. */
function acknowledgedIn(directory: string, epoch: number): number {
  try {
    const bytes = readFileSync(join(directory, 'acknowledged'))
    return bytes.length < 16 || bytes.readBigUInt64LE(0) !== BigInt(epoch) ? 0 : Number(bytes.readBigUInt64LE(8))
  } catch {
    return 0
  }
}
