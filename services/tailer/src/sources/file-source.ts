import { join } from 'node:path'
import type { Batch } from '@driftline/ingest/collector'
import type { FileDefinition } from '@driftline/ingest/definitions/logs'
import type { Source } from '@driftline/ingest/definitions/source'
import type { SourcePart } from '@driftline/ingest/status-detail'
import { AppError } from '@driftline/platform/errors'
import { processId } from '@driftline/proto'
import { RE2JS } from 're2js'
import type { Notice } from '../follow/file-table.ts'
import { createFollower, type Follower, type FollowerConfig } from '../follow/follower.ts'
import { beginsUnindented, type Framing } from '../follow/frame.ts'
import type { Roots } from '../follow/log-file.ts'
import { type BatchLoop, createBatchLoop } from '../publish/batch-loop.ts'
import { createPositionLog } from '../publish/position-log.ts'
import type { LineReader, LineReaderConfig } from '../read/line-reader.ts'
import {
  createReader,
  createRefuser,
  type RunningSource,
  replayLine,
  type SourceKit,
  tellDurable,
} from './source-kit.ts'

export interface FileSourceConfig {
  /** Directory of this source alone, for positions and what is unpacked. */
  readonly directory: string
  readonly roots: Roots
  readonly filesMax: number
  readonly recordBytesMax: number
  readonly unzipBytesMax: number
  readonly bounds: { readonly ageMsMax: number; readonly aheadMsMax: number }
}

const BATCH_BYTES_MAX = 2 * 1024 * 1024
const BATCH_RECORDS_MAX = 16_384
const ENTRIES_MAX = 50_000
const START_PATTERN_SIZE_MAX = 2000
/** So much of a line is looked at to tell whether it begins a record. */
const START_BYTES_MAX = 1024
const RESTART_MS = 5000
const STOP_MS = 4000
const LONG_LINES_TOLD_MAX = 20

export function readerConfigOf(
  source: Pick<Source<'file'>, 'tenant' | 'id' | 'name' | 'definition'>,
  bounds: FileSourceConfig['bounds'],
): LineReaderConfig {
  const { definition } = source
  const process = definition.process ?? processId('log', source.name)
  const { reading, filter } = definition
  return { tenant: source.tenant, source: source.id, processOf: () => process, reading, filter, ...bounds }
}

/** Errors: `config_invalid` for a pattern that cannot be used. */
export function framingOf(definition: FileDefinition, recordBytesMax: number): Framing {
  const { multiline } = definition
  const recordLinesMax = multiline?.maxLines ?? 1
  if (multiline === undefined) return { recordBytesMax, begins: null, recordLinesMax }
  if (multiline.start === undefined || multiline.start === '') {
    return { recordBytesMax, begins: multiline.indented ? beginsUnindented : null, recordLinesMax }
  }
  const start = compileStart(multiline.start)
  const begins = (buffer: Buffer, from: number, to: number): boolean =>
    start.matcher(buffer.toString('utf8', from, Math.min(to, from + START_BYTES_MAX))).find()
  return { recordBytesMax, begins, recordLinesMax }
}

function compileStart(text: string): RE2JS {
  let start: RE2JS
  try {
    start = RE2JS.compile(text)
  } catch (cause) {
    throw new AppError('config_invalid', `multiline.start: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
  if (start.programSize() <= START_PATTERN_SIZE_MAX) return start
  throw new AppError('config_invalid', 'multiline.start repeats too much: use smaller counts in braces')
}

export function followerConfigOf(definition: FileDefinition, config: FileSourceConfig): FollowerConfig {
  return {
    paths: definition.paths,
    exclude: definition.exclude,
    from: definition.from,
    roots: config.roots,
    limits: { filesMax: config.filesMax, entriesMax: ENTRIES_MAX },
    framing: framingOf(definition, config.recordBytesMax),
    spoolDir: config.directory,
    unzip: { restBytesMax: config.unzipBytesMax, wholeBytesMax: config.unzipBytesMax * 10 },
    recordQuietMs: 1000,
    lineQuietMs: 5000,
    rotatedQuietMs: 10_000,
    idleCloseMs: 600_000,
  }
}

/** Files of one definition, followed and read, exactly once in effect. */
export function createFileSource(source: Source<'file'>, config: FileSourceConfig, kit: SourceKit): RunningSource {
  const { meter, clock } = kit
  const logger = kit.logger.child({ source: source.id })
  const readerConfig = readerConfigOf(source, config.bounds)
  const refuse = createRefuser({ ...source, process: readerConfig.processOf('') }, kit)
  let loop: BatchLoop | null = null
  let restart: NodeJS.Timeout | undefined
  let stopped = false

  const run = async (): Promise<void> => {
    try {
      const positions = createPositionLog(config.directory)
      const stored = await positions.open(clock.nowMs())
      const followerConfig = followerConfigOf(source.definition, config)
      const follower = createFollower(followerConfig, stored.follower, kit.buffer, clock.nowMs())
      const reader = createReader(readerConfig, kit, refuse)
      meter.state('waiting', reader.problem)
      meter.parts(() => partsOf(follower))
      loop = createLoop(follower, reader, positions, stored)
      void loop.run().catch(fail)
    } catch (error) {
      fail(error)
    }
  }

  /** Tried again: a full disk may have room again, and a definition that is wrong is only said again. */
  const fail = (error: unknown): void => {
    logger.error({ error }, 'a source of files stopped')
    meter.state('failed', error instanceof Error ? error.message : String(error))
    if (stopped) return
    restart = setTimeout(() => {
      void (loop?.stop() ?? Promise.resolve()).then(() => (stopped ? undefined : run()))
    }, RESTART_MS)
  }

  const createLoop = (
    follower: Follower,
    reader: LineReader,
    positions: ReturnType<typeof createPositionLog>,
    stored: Parameters<typeof createBatchLoop>[1],
  ): BatchLoop => {
    const publisher = kit.publisher(stored.epoch)
    let longLines = 0
    let failing = false
    return createBatchLoop<Batch | null>(
      {
        batchBytesMax: BATCH_BYTES_MAX,
        batchRecordsMax: BATCH_RECORDS_MAX,
        intervalMs: 200,
        rescanMs: 1000,
        retryMs: { first: 100, most: 5000 },
      },
      stored,
      {
        follower,
        reader,
        positions,
        buffer: kit.buffer,
        clock,
        isEmpty: (batch) => batch === null,
        publish: (batch, position) => publisher.publish(batch!, position),
        onBatch({ records, bytes }) {
          longLines = 0
          meter.events(records, bytes, reader.newestMs)
        },
        onPublished(batch) {
          tellDurable(batch, reader, kit)
          meter.series(kit.book.sizeOf(source.tenant, source.id))
          if (failing) meter.state('receiving', reader.problem)
          failing = false
        },
        onLongLine({ path, bytes }) {
          longLines += 1
          const told = longLines <= LONG_LINES_TOLD_MAX
          const detail = `longer than ${config.recordBytesMax} bytes; the rest of it is left out`
          if (told)
            refuse({ reason: 'line_too_long', detail, subject: path, bytes: Buffer.from(bytes), replayable: false })
          else kit.counted('line_too_long', 1)
        },
        onNotices: (notices) => tellNotices(notices),
        onFailure(error, givenUp) {
          failing = true
          const detail = error instanceof Error ? error.message : String(error)
          if (givenUp) {
            refuse({ reason: 'batch_refused', detail, subject: '', bytes: Buffer.alloc(0), replayable: false })
            return
          }
          logger.warn({ error }, 'lines wait: they cannot be published or noted now')
          meter.state('failed', `Lines wait and nothing is lost: ${detail}`)
        },
      },
    )
  }

  const tellNotices = (notices: readonly Notice[]): void => {
    for (const { reason, path, detail } of notices) {
      logger.warn({ reason, path, detail }, 'a file')
      refuse({ reason, detail, subject: path, bytes: Buffer.alloc(0), replayable: false })
    }
  }

  return {
    tap: null,
    start: run,
    async stop() {
      stopped = true
      clearTimeout(restart)
      // What could not be published stays pending, and is published after the next start.
      await Promise.race([loop?.stop() ?? Promise.resolve(), delay(STOP_MS)])
    },
    replay: (line) => replayLine(readerConfig, kit, line),
  }
}

const PARTS_MAX = 200

/** Files as people see them: refused ones first, then those that were read last. */
function partsOf(follower: Follower): SourcePart[] {
  const refused = follower.refusals().map(({ path, reason }) => {
    return { name: path, perSecond: 0, lastMs: null, detail: reason, failed: true }
  })
  const files = [...follower.files()]
    .sort((a, b) => (b.lastReadMs ?? 0) - (a.lastReadMs ?? 0))
    .map(({ path, offset, size, lastReadMs, state }) => {
      const behind = state === 'following' ? '' : `, ${state}`
      return {
        name: path,
        perSecond: 0,
        lastMs: lastReadMs,
        detail: `${offset} of ${size} bytes${behind}`,
        failed: false,
      }
    })
  return [...refused, ...files].slice(0, PARTS_MAX)
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}

/** Where a source keeps its positions: its name as a directory, whatever characters it has. */
export function directoryOf(root: string, tenant: string, id: string): string {
  const plain = (text: string): string => Buffer.from(text).toString('base64url')
  return join(root, /^[A-Za-z0-9_-]{1,64}$/.test(tenant + id) ? `${tenant}.${id}` : `${plain(tenant)}..${plain(id)}`)
}
