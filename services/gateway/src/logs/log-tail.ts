import { createHash } from 'node:crypto'
import { fromBinary } from '@bufbuild/protobuf'
import type { Bus, BusRecord, Subscription } from '@driftline/platform/bus/bus'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { type LogBatch, LogBatchSchema, routingKey, topics } from '@driftline/proto'
import { BODY_LENGTH_MAX } from '../queries/logs.ts'
import type { LogLine } from '../schemas/logs.ts'
import { toLogLine } from './log-line.ts'

export interface LogTailDeps {
  readonly bus: Bus
  /** The process and the logs that belong to it. */
  readonly processesOf: (tenant: string, process: string) => Promise<string[]>
  readonly logger: Logger
  readonly metrics: SelfMetrics
}

/** Lines as they come, for those who look at them; the topic is read only while somebody does. */
export interface LogTail {
  follower(tenant: string, process: string): LogFollower
}

export interface LogFollower {
  processes(): string[]
  open(publish: (changes: { lines: LogLine[]; dropped: number }) => void): () => void
}

const FLUSH_MS = 250
/** More lines than this in a quarter of a second nobody reads. */
const LINES_MAX = 200
/** Records of which lines are taken at a flush; what came before them in it is counted only. */
const RECORDS_MAX = 8
const PROCESSES_EVERY_MS = 5000

/** What one channel has gathered since it was told last. */
interface Following {
  readonly tenant: string
  processes: string[]
  readonly records: { readonly value: Uint8Array; readonly rows: number }[]
  dropped: number
  publish: (changes: { lines: LogLine[]; dropped: number }) => void
}

export function createLogTail(deps: LogTailDeps): LogTail {
  const followings = new Set<Following>()
  const read = deps.metrics.counter('driftline_log_tail_records_total', 'Records of logs that live views were shown')
  let subscription: Promise<Subscription> | null = null
  let timer: NodeJS.Timeout | undefined
  /** By routing key, so that records of others are passed over unread. */
  let wanted = new Map<string, Following[]>()

  const index = (): void => {
    wanted = new Map()
    for (const following of followings) {
      for (const process of following.processes) {
        const key = routingKey(following.tenant, process)
        wanted.set(key, [...(wanted.get(key) ?? []), following])
      }
    }
  }

  const handle = (records: readonly BusRecord[]): void => {
    for (const record of records) {
      const followers = wanted.get(record.key)
      if (!followers) continue
      read.inc()
      // The bytes are only lent.
      const kept = { value: record.value.slice(), rows: rowsOf(record.value) }
      for (const following of followers) {
        if (following.tenant !== record.headers.tenant) continue
        following.records.push(kept)
        if (following.records.length > RECORDS_MAX) following.dropped += following.records.shift()?.rows ?? 0
      }
    }
  }

  const flush = (): void => {
    for (const following of followings) {
      if (following.records.length === 0 && following.dropped === 0) continue
      const { lines, dropped } = newestLines(following, deps.logger)
      following.records.length = 0
      following.dropped = 0
      if (lines.length > 0 || dropped > 0) following.publish({ lines, dropped })
    }
  }

  const start = (): void => {
    if (subscription !== null) return
    subscription = deps.bus.tail({ topics: [topics.logs.name], handle })
    subscription.catch((error: unknown) => deps.logger.warn({ error }, 'could not follow lines of logs'))
    timer = setInterval(flush, FLUSH_MS).unref()
  }
  const stop = (): void => {
    if (followings.size > 0 || subscription === null) return
    clearInterval(timer)
    const ended = subscription
    subscription = null
    ended.then((each) => each.stop()).catch(() => undefined)
  }

  return {
    follower(tenant, process) {
      const following: Following = {
        tenant,
        processes: [process],
        records: [],
        dropped: 0,
        publish: () => undefined,
      }
      const learn = async (): Promise<void> => {
        following.processes = await deps.processesOf(tenant, process)
        if (followings.has(following)) index()
      }
      const learnOrSay = (): void => {
        learn().catch((error: unknown) => deps.logger.warn({ error }, 'could not read which logs belong to a process'))
      }
      return {
        processes: () => following.processes,
        open(publish) {
          following.publish = publish
          followings.add(following)
          index()
          start()
          learnOrSay()
          const again = setInterval(learnOrSay, PROCESSES_EVERY_MS).unref()
          return () => {
            clearInterval(again)
            followings.delete(following)
            index()
            stop()
          }
        },
      }
    },
  }
}

/** The newest lines of what was gathered, oldest first, and how many there were beside them. */
function newestLines(
  { records, dropped, processes }: Following,
  logger: Logger,
): { lines: LogLine[]; dropped: number } {
  const lines: LogLine[] = []
  let left = dropped
  for (const { value, rows } of [...records].reverse()) {
    if (lines.length >= LINES_MAX) {
      left += rows
      continue
    }
    try {
      const batch = fromBinary(LogBatchSchema, value, { readUnknownFields: false })
      if (!processes.includes(batch.process)) continue
      const from = Math.max(0, batch.body.length - (LINES_MAX - lines.length))
      left += from
      for (let row = batch.body.length - 1; row >= from; row--) lines.push(lineOf(batch, row))
    } catch (error) {
      logger.warn({ error }, 'could not read a record of logs')
    }
  }
  return { lines: lines.reverse(), dropped: left }
}

function lineOf(batch: LogBatch, row: number): LogLine {
  const body = batch.body[row] ?? ''
  const timeMs = Number(batch.baseTimeMs) + (batch.timeOffsetMs[row] ?? 0)
  return toLogLine({
    timeMs,
    ordinal: liveOrdinal(body),
    process: batch.process,
    source: batch.source,
    origin: batch.origins[batch.origin[row] ?? 0] ?? '',
    severity: batch.severity[row] ?? 0,
    pattern: String(batch.pattern[row] ?? 0n),
    body: body.slice(0, BODY_LENGTH_MAX),
    bodyLength: body.length <= BODY_LENGTH_MAX ? [...body].length : body.length,
    attributes: batch.attributes[row] ?? '',
  })
}

/** A line that is not stored yet has no ordinal: it is found by its moment and its text. */
export function liveOrdinal(body: string): string {
  return `~${createHash('md5').update(body).digest('hex')}`
}

/** `time_offset_ms` of an encoded LogBatch. */
const OFFSETS_TAG = (LogBatchSchema.field.timeOffsetMs.number << 3) | 2

/**
 * How many lines an encoded LogBatch has, without decoding it: the length of its packed offsets, which stand before the
 * texts. 0 when it has none.
 */
export function rowsOf(bytes: Uint8Array): number {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 35 && at < bytes.length; shift += 7) {
      const byte = bytes[at++]!
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
    return value >>> 0
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag & 7
    if (tag === OFFSETS_TAG) return Math.floor(varint() / 4)
    if (wire === 2) at += varint()
    else if (wire === 1) at += 8
    else if (wire === 5) at += 4
    else if (wire === 0) varint()
    else return 0
  }
  return 0
}
