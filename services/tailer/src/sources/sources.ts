import { createDeadLetters, letterAllowance } from '@driftline/ingest/dead-letters'
import type { Source } from '@driftline/ingest/definitions/source'
import { createOrderedPublisher } from '@driftline/ingest/ordered-publisher'
import { createIngestPublisher } from '@driftline/ingest/publisher'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { StatusBoard } from '@driftline/ingest/source-status'
import type { InvalidSource } from '@driftline/ingest/source-watch'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import type { TailerConfig } from '../config.ts'
import type { Roots } from '../follow/log-file.ts'
import type { ReadBuffer } from '../follow/read-segment.ts'
import type { LineWorkspace } from '../read/line-reader.ts'
import { createFileSource, directoryOf } from './file-source.ts'
import type { RunningSource, SourceKit } from './source-kit.ts'
import { createSyslogSource } from './syslog-source.ts'

export type TailerSource = Source<'file'> | Source<'syslog'>

export interface SourcesDeps {
  readonly bus: Bus
  readonly book: SeriesBook
  readonly board: StatusBoard
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  readonly workspace: LineWorkspace
  readonly buffer: ReadBuffer
  readonly roots: Roots
  /** Directory with one for each source. */
  readonly directory: string
  /** Names this installation's data directory: positions of another one never have the same. */
  readonly identity: string
}

/** Every source that this instance reads. */
export interface Sources {
  /** Makes what is read follow the definitions. */
  follow(sources: readonly TailerSource[], invalid: readonly InvalidSource[]): Promise<void>
  find(tenant: string, id: string): RunningSource | null
  stop(): Promise<void>
}

interface Managed {
  readonly source: TailerSource
  readonly running: RunningSource
}

const LETTER_ALLOWANCE = { service: 'tailer', ...letterAllowance }
const keyOf = ({ tenant, id }: { readonly tenant: string; readonly id: string }): string => `${tenant} ${id}`

export function createSources(config: TailerConfig, deps: SourcesDeps): Sources {
  const { bus, book, board, clock, metrics } = deps
  const managed = new Map<string, Managed>()
  const own = { source: `tailer-${deps.identity}/letters`, epoch: clock.nowMs() }
  const letters = createOrderedPublisher(own, bus)
  const counted = metrics.counter('driftline_dead_letters_total', 'Inputs that were refused', ['service', 'reason'])
  let invalidBefore: readonly InvalidSource[] = []

  const kitOf = (source: TailerSource): SourceKit => {
    const name = `tailer-${deps.identity}/${source.tenant}/${source.id}`
    const { workspace, buffer, logger } = deps
    return {
      book,
      meter: board.of(source),
      letters: createDeadLetters(LETTER_ALLOWANCE, { publisher: letters, metrics }),
      counted: (reason, times) => counted.inc({ service: 'tailer', reason }, times),
      publisher: (epoch) => createIngestPublisher({ source: name, epoch }, { bus, book, clock }),
      aside: createIngestPublisher({ source: `${name}/replays`, epoch: clock.nowMs() }, { bus, book, clock }),
      workspace,
      buffer,
      clock,
      logger,
    }
  }

  const run = async (source: TailerSource): Promise<void> => {
    const kit = kitOf(source)
    const { bounds, recordBytesMax, filesMax, unzipBytesMax, syslog } = config
    const directory = directoryOf(deps.directory, source.tenant, source.id)
    const running =
      source.kind === 'file'
        ? createFileSource(
            source,
            { directory, roots: deps.roots, filesMax, recordBytesMax, unzipBytesMax, bounds },
            kit,
          )
        : createSyslogSource(source, { ...syslog, recordBytesMax, bounds }, kit)
    managed.set(keyOf(source), { source, running })
    await running.start()
  }

  return {
    async follow(sources, invalid) {
      const wanted = new Map(sources.map((source) => [keyOf(source), source]))
      for (const [key, { source, running }] of [...managed]) {
        // One whose definition is broken for now goes on as it was.
        if (wanted.get(key) === source || (!wanted.has(key) && invalid.some((each) => keyOf(each) === key))) continue
        managed.delete(key)
        await running.stop()
        if (!wanted.has(key)) board.drop(source)
      }
      for (const [key, source] of wanted) if (!managed.has(key)) await run(source)
      for (const each of invalidBefore) if (!managed.has(keyOf(each))) board.drop(each)
      for (const each of invalid) board.of(each).state('failed', each.message)
      invalidBefore = invalid
    },
    find: (tenant, id) => managed.get(keyOf({ tenant, id }))?.running ?? null,
    async stop() {
      await Promise.all([...managed.values()].map(({ running }) => running.stop()))
      managed.clear()
    },
  }
}
