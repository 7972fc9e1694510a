import { setImmediate as giveWay } from 'node:timers/promises'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Notice } from '../follow/file-table.ts'
import type { Follower, FollowerChanges } from '../follow/follower.ts'
import type { ReadBuffer, ReadSegment, Segment } from '../follow/read-segment.ts'
import type { RecordReader } from '../record-reader.ts'
import type { Intent, PositionLog, SourcePosition } from './position-log.ts'

export interface BatchLoopConfig {
  readonly batchBytesMax: number
  readonly batchRecordsMax: number
  /** Batches that are not full come at least so far apart, and files are looked at so often. */
  readonly intervalMs: number
  readonly rescanMs: number
  readonly retryMs: { readonly first: number; readonly most: number }
}

/** A line that was longer than a record may be. */
export interface LongLine {
  readonly path: string
  /** Its first bytes; good until the call returns. */
  readonly bytes: Buffer
}

export interface BatchLoopDeps<Output> {
  readonly follower: Follower
  readonly buffer: ReadBuffer
  readonly positions: PositionLog
  readonly reader: RecordReader<Output>
  readonly clock: Clock
  /** Null when there is nothing to publish. */
  isEmpty(output: Output): boolean
  /** Resolves when the output is durable; called again with the same one when it fails. */
  publish(output: Output, position: number): Promise<void>
  onBatch(batch: { readonly records: number; readonly bytes: number }): void
  onPublished(output: Output): void
  onLongLine(line: LongLine): void
  onNotices(notices: readonly Notice[]): void
  /** Hears of every failure to publish or to store the position. Not retryable: the batch is given up. */
  onFailure(error: unknown, givenUp: boolean): void
}

/** Reads, notes what it is about to publish, publishes, goes on. */
export interface BatchLoop {
  /** Publishes what was pending when it ended last; then runs until `stop`. Errors: those of the position log. */
  run(): Promise<void>
  /** Resolves when nothing is under way any more; what could not be published stays pending. */
  stop(): Promise<void>
}

interface Made<Output> {
  readonly intent: Intent
  readonly changes: FollowerChanges
  readonly output: Output
  /** State of the reader behind it. */
  readonly saved: string | null
  readonly isFull: boolean
}

export function createBatchLoop<Output>(
  config: BatchLoopConfig,
  stored: SourcePosition,
  deps: BatchLoopDeps<Output>,
): BatchLoop {
  const { follower, positions, reader, clock } = deps
  const stopping = new AbortController()
  let position = stored.position
  let inFlight: Promise<boolean> = Promise.resolve(true)
  let isPending = false
  let finished: Promise<void> = Promise.resolve()

  const attempt = async (work: () => Promise<void>, mayGiveUp: boolean): Promise<boolean> => {
    for (let waitMs = config.retryMs.first; ; waitMs = Math.min(waitMs * 2, config.retryMs.most)) {
      try {
        await work()
        return true
      } catch (error) {
        const giveUp = mayGiveUp && error instanceof AppError && !error.retryable && error.code !== 'stopped'
        deps.onFailure(error, giveUp)
        if (giveUp) return true
      }
      if (stopping.signal.aborted) return false
      await pause(waitMs, stopping.signal)
    }
  }

  const publish = async (output: Output, at: number): Promise<boolean> => {
    const done = await attempt(() => deps.publish(output, at), true)
    if (done) deps.onPublished(output)
    return done
  }

  /** What the process was about to publish when it ended. */
  const redo = async (intent: Intent): Promise<boolean> => {
    reader.restore(intent.saved)
    const lost: Notice[] = []
    for (const segment of intent.segments) {
      const got = await follower.reread(segment, clock.nowMs())
      if (got === null) lost.push(lostRange(segment, follower))
      else take(got, intent.atMs)
    }
    if (lost.length > 0) deps.onNotices(lost)
    const output = reader.finish(intent.atMs)
    return deps.isEmpty(output) || (await publish(output, intent.position))
  }

  const take = ({ bytes, path }: ReadSegment & { readonly path: string }, atMs: number): void => {
    const { starts, ends, count, cut } = deps.buffer.spans
    for (const start of cut) deps.onLongLine({ path, bytes: bytes.subarray(start, start + 16_384) })
    if (count > 0) reader.read({ buffer: bytes, count, starts, ends, subject: path, arrivalMs: atMs })
  }

  const make = async (): Promise<Made<Output>> => {
    const atMs = clock.nowMs()
    const saved = reader.save()
    const segments: Segment[] = []
    let bytes = 0
    let records = 0
    while (bytes < config.batchBytesMax && records < config.batchRecordsMax && !stopping.signal.aborted) {
      const got = follower.read(atMs)
      if (got === null) break
      segments.push(got.segment)
      bytes += got.segment.to - got.segment.from
      records += deps.buffer.spans.count
      take(got, atMs)
      // Each piece is some milliseconds of work; others run in between.
      await giveWay()
    }
    const output = reader.finish(atMs)
    if (segments.length > 0) deps.onBatch({ records, bytes })
    const intent = { position: position + 1, atMs, segments, saved }
    const isFull = bytes >= config.batchBytesMax || records >= config.batchRecordsMax
    return { intent, changes: follower.changes(), output, saved: reader.save(), isFull }
  }

  /** Answers false when it is told to stop before the batch is safe: nothing further may be published then. */
  const hand = async (made: Made<Output>): Promise<boolean> => {
    const { intent, changes, output } = made
    if (!(await inFlight)) return false
    const { scannedAtMs } = follower.state()
    if (!(await attempt(() => positions.intend(intent, changes, scannedAtMs), false))) return false
    position = intent.position
    isPending = true
    inFlight = publish(output, intent.position)
    return true
  }

  const settle = async (changes: FollowerChanges, saved: string | null): Promise<boolean> => {
    const { scannedAtMs } = follower.state()
    const done = await attempt(() => positions.settle(saved, changes, scannedAtMs), false)
    if (done) isPending = false
    return done
  }

  const cycle = async (): Promise<void> => {
    let scannedMs = 0
    let settledMs = clock.nowMs()
    while (!stopping.signal.aborted) {
      const startedMs = clock.nowMs()
      if (startedMs - scannedMs >= config.rescanMs || startedMs < scannedMs) {
        const began = performance.now()
        await follower.scan(startedMs, !isPending)
        // A look that takes long comes less often: it may take a twentieth of the time.
        scannedMs = startedMs + Math.max(0, (performance.now() - began) * 20 - config.rescanMs)
        deps.onNotices(follower.notices())
      }
      const made = await make()
      const nothing = deps.isEmpty(made.output)
      if (!nothing) {
        if (!(await hand(made))) return
      } else if (made.intent.segments.length > 0 || isPending || startedMs - settledMs > 60_000) {
        if (!(await inFlight) || !(await settle(made.changes, made.saved))) return
        settledMs = startedMs
      } else if (made.changes.files.length + made.changes.removed.length > 0) {
        if (!(await settle(made.changes, made.saved))) return
      }
      if (!made.isFull) await pause(startedMs + config.intervalMs - clock.nowMs(), stopping.signal)
    }
  }

  const main = async (): Promise<void> => {
    await follower.scan(clock.nowMs(), false)
    deps.onNotices(follower.notices())
    if (stored.pending === null) reader.restore(stored.saved)
    else if (!(await redo(stored.pending))) return
    if (!(await settle(follower.changes(), reader.save()))) return
    await cycle()
    if ((await inFlight) && isPending) await settle(follower.changes(), reader.save())
  }

  return {
    run() {
      finished = main()
      return finished
    },
    async stop() {
      stopping.abort()
      await finished.catch(() => {})
      follower.close()
      await positions.close()
    },
  }
}

function lostRange(segment: Segment, follower: Follower): Notice {
  const file = follower.state().files.find(({ id }) => id === segment.file)
  const detail = `bytes ${segment.from} to ${segment.to} were read and perhaps not published; they are gone`
  return { reason: 'range_lost', path: file?.path ?? '', detail }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return giveWay()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })
}
