import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { processId } from '@driftline/proto/ids'
import { agentMetrics } from '@driftline/proto/metrics'
import { createBatchBuilder } from './batches.ts'
import { createFrameBuilder } from './frames.ts'
import { createGroupSums } from './group-sums.ts'
import { createHostSeries } from './host-series.ts'
import type { HostFacts, ProcessReader } from './reader.ts'
import { createSampleColumns } from './samples.ts'
import { createSeriesBook } from './series.ts'
import type { Spool } from './spool.ts'
import { createInstanceTable } from './table.ts'
import { AGENT_VERSION } from './version.ts'

export interface ScannerConfig {
  readonly hostName: string
  readonly intervalMs: number
}

export interface ScannerDeps {
  readonly reader: ProcessReader
  readonly spool: Spool
  readonly facts: HostFacts
  readonly clock: Clock
  readonly logger: Pick<Logger, 'warn' | 'error'>
  readonly epoch: number
}

/** Turns scans into batches in the spool. */
export interface Scanner {
  /** Reads once without telling, so that the first batch has rates already. */
  prime(): Promise<void>
  /** Never throws: a scan that fails is logged, and the next frame is whole. */
  scan(counts: ScanCounts): Promise<void>
  /** Makes the next frame a key frame: something before it was lost. */
  requestKeyFrame(): void
}

/** Counted elsewhere, told in the samples. */
export interface ScanCounts {
  readonly skippedScans: number
  readonly refusedBatches: number
}

const KEY_FRAME_MS = 60_000
/** While batches wait for the server, what is spooled is flushed to disk this often. */
const FLUSH_MS = 5000
const NOW = Number.NEGATIVE_INFINITY

export function createScanner(config: ScannerConfig, deps: ScannerDeps): Scanner {
  const { reader, spool, facts, clock, logger, epoch } = deps
  const table = createInstanceTable()
  const book = createSeriesBook()
  const samples = createSampleColumns(book)
  const groups = createGroupSums(book, processId('os', config.hostName, 'other'))
  const agent = { version: AGENT_VERSION, intervalMs: config.intervalMs }
  const batches = createBatchBuilder({ frames: createFrameBuilder(), samples, book, agent })
  const host = createHostSeries(processId('host', config.hostName), { book, samples })
  const complain = createComplaints(logger)
  let sequence = 0
  let keyFrameDueAt = NOW
  let flushedAt = 0
  let droppedBefore = 0
  let scanSeconds = Number.NaN

  const read = async (): Promise<void> => {
    table.beginScan()
    samples.reset()
    await reader.scanProcesses(table)
    await reader.scanHost(host)
    groups.add(table, samples)
  }

  const addSelf = (counts: ScanCounts): void => {
    host.set(host.series(agentMetrics.scanDuration), scanSeconds)
    host.set(host.series(agentMetrics.skippedScans), counts.skippedScans)
    host.set(host.series(agentMetrics.refusedBatches), counts.refusedBatches)
    host.set(host.series(agentMetrics.droppedBatches), spool.dropped())
    host.set(host.series(agentMetrics.spoolBytes), spool.bytes())
    host.set(host.series(agentMetrics.leftOutValues), host.leftOut())
  }

  const store = (timeMs: number): void => {
    const dueAt = keyFrameDueAt
    const keyFrame = performance.now() >= dueAt
    const batch = batches.build({ epoch, sequence: ++sequence, timeMs, keyFrame, facts, table })
    // If storing it fails, what this frame told was told to nobody.
    keyFrameDueAt = NOW
    spool.append(sequence, batch, batches.definitions)
    keyFrameDueAt = keyFrame ? performance.now() + KEY_FRAME_MS : dueAt
    if (spool.dropped() === droppedBefore) return
    logger.warn({ batches: spool.dropped() - droppedBefore }, 'the spool is full: its oldest batches were dropped')
    droppedBefore = spool.dropped()
    keyFrameDueAt = NOW
  }

  const flushIfWaiting = (): void => {
    if (spool.backlog() <= 1 || performance.now() - flushedAt < FLUSH_MS) return
    flushedAt = performance.now()
    void spool.flush()
  }

  return {
    prime: read,
    requestKeyFrame: () => {
      keyFrameDueAt = NOW
    },
    scan: async (counts) => {
      const startedAt = performance.now()
      const timeMs = Math.round(clock.nowMs())
      try {
        await read()
        addSelf(counts)
        store(timeMs)
        flushIfWaiting()
        complain(null)
      } catch (error) {
        keyFrameDueAt = NOW
        complain(error)
      }
      scanSeconds = (performance.now() - startedAt) / 1000
    },
  }
}

/** Says an error once until it changes or is over: a full disk must not fill the log too. */
function createComplaints(logger: Pick<Logger, 'warn' | 'error'>): (error: unknown) => void {
  let last = ''
  return (error) => {
    const message = error === null ? '' : error instanceof Error ? error.message : String(error)
    if (message === last) return
    last = message
    if (error === null) logger.warn('scans work again')
    else logger.error({ error }, 'a scan failed')
  }
}
