import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSeriesBook } from '@driftline/ingest/series-book'
import { createRequestDesk } from '@driftline/ingest/source-requests'
import { createStatusBoard } from '@driftline/ingest/source-status'
import { createSourceWatch } from '@driftline/ingest/source-watch'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import { createDataDir, unusable } from '@driftline/platform/data-dir'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SelfMetrics } from '@driftline/platform/metrics'
import type { TailerConfig } from './config.ts'
import type { Roots } from './follow/log-file.ts'
import { createReadBuffer } from './follow/read-segment.ts'
import { createPreviews } from './preview/previews.ts'
import { CHUNK_RECORDS_MAX, createLineWorkspace } from './read/line-reader.ts'
import type { RunningSource } from './sources/source-kit.ts'
import { createSources, type Sources } from './sources/sources.ts'

export interface TailerDeps {
  readonly bus: Bus
  readonly metadata: Metadata
  readonly sealer: Sealer
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  /** Of the installation; the tailer keeps its positions in `tailer` below it, and reads no file of it. */
  readonly dataDir: string
}

/** Log files and syslog: sources that are followed line by line. */
export interface Tailer extends Component {
  /** A source that runs, for those who watch it. */
  find(tenant: string, id: string): RunningSource | null
}

const SERVICE = 'tailer'
const POLL_MS = 1000
const SWEEP_MS = 10_000
const READ_BYTES = 512 * 1024

export function createTailer(config: TailerConfig, deps: TailerDeps): Tailer {
  const { metadata, sealer, clock } = deps
  const logger = deps.logger.child({ component: SERVICE })
  const directory = join(deps.dataDir, SERVICE)
  const lock = createDataDir({ path: directory })
  const book = createSeriesBook(config.series, deps)
  const board = createStatusBoard({ service: SERVICE, instance: config.instance }, { metadata, clock, logger })
  let sources: Sources | null = null
  let previews: ReturnType<typeof createPreviews> | null = null
  let sweeping: NodeJS.Timeout | undefined

  const watch = createSourceWatch(
    { kinds: ['file', 'syslog'] as const, instance: config.instance, everyMs: POLL_MS },
    { metadata, sealer, logger, clock, onChange: (list, invalid) => sources!.follow(list, invalid) },
  )
  const desk = createRequestDesk(
    { service: SERVICE, instance: config.instance },
    {
      metadata,
      sealer,
      clock,
      logger,
      handlers: {
        preview: (task, report, signal) => previews!.run(task, report, signal),
        async replay({ tenant, source, subject, receivedMs, payload }) {
          const running = sources!.find(tenant, source)
          if (running === null) {
            return { outcome: 'refused', reason: 'source_gone', detail: 'the source is not read any more' }
          }
          return running.replay({ subject, receivedMs, bytes: Buffer.from(payload, 'base64') })
        },
        concerns: (task) => 'definition' in task || sources!.find(task.tenant, task.source) !== null,
      },
    },
  )

  return {
    name: SERVICE,
    find: (tenant, id) => sources?.find(tenant, id) ?? null,
    async start() {
      await lock.start()
      const roots = rootsOf(config, deps.dataDir)
      sources = createSources(config, {
        ...deps,
        logger,
        book,
        board,
        roots,
        directory,
        identity: identityOf(directory),
        workspace: createLineWorkspace(),
        buffer: createReadBuffer(READ_BYTES, config.recordBytesMax, CHUNK_RECORDS_MAX),
      })
      previews = createPreviews(config, { roots, clock, lend: (tenant, id) => sources!.find(tenant, id)?.tap ?? null })
      await board.start()
      await watch.start()
      await desk.start()
      sweeping = setInterval(() => book.sweep(), SWEEP_MS)
    },
    async stop() {
      clearInterval(sweeping)
      await desk.stop()
      await watch.stop()
      await sources?.stop()
      await board.stop()
      await lock.stop()
    },
  }
}

const NEVER_READ = ['/proc', '/sys', '/dev']

function rootsOf({ allowedRoots, deniedFiles }: TailerConfig, dataDir: string): Roots {
  return {
    allowed: allowedRoots === null ? null : allowedRoots.map(realOf),
    // What the product writes itself would come back without end, and its settings may hold passwords.
    denied: [...NEVER_READ, realOf(dataDir), ...deniedFiles.map(realOf)],
  }
}

function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** Made once for a data directory. Errors: `disk_full`, `data_dir_unusable`. */
function identityOf(directory: string): string {
  const path = join(directory, 'identity')
  try {
    mkdirSync(directory, { recursive: true })
    try {
      const known = readFileSync(path, 'utf8').trim()
      if (/^[0-9a-f]{12}$/.test(known)) return known
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    const made = randomBytes(6).toString('hex')
    writeFileSync(path, `${made}\n`, { flush: true })
    return made
  } catch (error) {
    throw unusable(directory, error)
  }
}
