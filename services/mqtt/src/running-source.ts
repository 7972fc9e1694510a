import type { DeadLetters } from '@driftline/ingest/dead-letters'
import type { IngestPublisher } from '@driftline/ingest/publisher'
import type { ReplayAnswer, ReplayAsk } from '@driftline/ingest/request-types'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { SourceMeter } from '@driftline/ingest/source-meter'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { processId, routingKey } from '@driftline/proto'
import { createLane, type Lane, type LaneLimits } from './lane.ts'
import type { TimeBounds } from './mapping/mapper.ts'
import type { MqttMessage, OutgoingMessage } from './message.ts'
import {
  createSourceReader,
  type Discovery,
  type ReadBatch,
  type ReadSource,
  type SourceReader,
} from './source-reader.ts'
import { createTakenRates } from './taken-rates.ts'

export interface RunningSourceDeps {
  readonly book: SeriesBook
  readonly meter: SourceMeter
  readonly publisher: IngestPublisher
  readonly deadLetters: DeadLetters
  /** Counts refused messages for which there is no room among the dead letters. */
  readonly suppressed: (reason: string, count: number) => void
  readonly createDiscovery: () => Discovery
  readonly bounds: TimeBounds
  readonly laneLimits: LaneLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
}

/** How a source reaches its broker. */
export interface SourceLink {
  publish(message: OutgoingMessage): void
  pause(): void
  resume(): void
}

/** A source that is read: messages in, durable records out, acknowledgements back. */
export interface RunningSource {
  take(message: MqttMessage, settle: (() => void) | null, byteLength: number): void
  /** Goes on with another definition; nothing that was read is lost. */
  change(source: ReadSource): void
  link(link: SourceLink | null): void
  replay(ask: ReplayAsk): Promise<ReplayAnswer>
  tick(nowMs: number): void
  connected(): void
  disconnected(): void
  readonly filters: readonly string[]
  readonly problems: readonly string[]
  /** Publishes what is there, for at most so long. */
  drain(timeoutMs: number): Promise<boolean>
  abandon(): void
}

export function createRunningSource(first: ReadSource, deps: RunningSourceDeps): RunningSource {
  const { clock, meter } = deps
  let discovery = deps.createDiscovery()
  let source = first
  let reader = createReader(source)
  let link: SourceLink | null = null
  /** Put together by readers before the present one. */
  const leftover: ReadBatch[] = []

  function createReader(of: ReadSource): SourceReader {
    return createSourceReader(of, { book: deps.book, meter, discovery, clock, bounds: deps.bounds })
  }

  const handOver = (): ReadBatch[] | null => {
    const last = reader.handOver()
    const parts = last === null ? leftover.splice(0) : [...leftover.splice(0), last]
    return parts.length > 0 ? parts : null
  }

  const publishPart = async (part: ReadBatch): Promise<void> => {
    if (part.data !== null) await deps.publisher.publish(part.data)
    // Together: one after the other, a hundred letters would keep the acknowledgements of all others waiting.
    await Promise.all(
      part.letters.map(({ refused, topic, process, atMs, replayable, payload }) => {
        const key = routingKey(source.tenant, process || processId('device', source.id))
        const origin = { tenant: source.tenant, source: source.id, key }
        return deps.deadLetters.add(origin, refused, payload, atMs, { subject: topic, replayable })
      }),
    )
    for (const [reason, count] of part.suppressed) deps.suppressed(reason, count)
    const { samples, rows } = part.data ?? { samples: 0, rows: 0 }
    meter.durable(samples, rows, Number.isNaN(part.newestMs) ? Number.NaN : Math.max(0, clock.nowMs() - part.newestMs))
    meter.series(deps.book.sizeOf(source.tenant, source.id))
  }

  const lane: Lane = createLane<ReadBatch[]>(
    deps.laneLimits,
    {
      read: (message, byteLength) => reader.read(message, byteLength),
      handOver,
      async publish(parts) {
        // A part that is durable is not published again when one after it fails.
        for (let part = parts[0]; part !== undefined; part = parts[0]) {
          await publishPart(part)
          parts.shift()
        }
      },
      refuse(parts, error) {
        const [part] = parts
        meter.refused(error.code, error.message, '', part?.data?.samples ?? 1)
        deps.logger.error({ error, source: source.id }, 'the bus refused messages for good')
      },
      durable: () => sendOutgoing(),
      full(isFull) {
        if (isFull) link?.pause()
        else link?.resume()
      },
      stuck(error) {
        if (error === null) meter.state('receiving')
        else meter.state('failed', 'The bus takes nothing now: what comes is not acknowledged, and comes again.')
      },
    },
    { logger: deps.logger, random: deps.random },
  )

  const sendOutgoing = (): void => {
    const messages = reader.outgoing()
    if (link !== null) for (const message of messages) link.publish(message)
  }

  meter.unmapped(() => discovery.unmapped(clock.nowMs()))
  const ratesOf = createTakenRates()
  meter.parts(() => partsOf(source, reader, ratesOf(reader.taken, clock.nowMs())))

  return {
    take: (message, settle, byteLength) => lane.take(message, settle, byteLength),
    change(next) {
      const last = reader.handOver()
      if (last !== null) leftover.push(last)
      source = next
      discovery = deps.createDiscovery()
      reader = createReader(next)
      lane.nudge()
    },
    link(next) {
      link = next
    },
    async replay({ subject, payload, receivedMs }) {
      const bytes = Buffer.from(payload, 'base64')
      const message: MqttMessage = {
        topic: subject,
        payload: bytes,
        qos: 1,
        retained: false,
        repeated: false,
        arrivalMs: receivedMs,
      }
      const { refused, samples, rows } = reader.replay(message)
      if (refused !== null) return { outcome: 'refused', ...refused }
      await new Promise<void>((resolve) => lane.hold(resolve, bytes.length))
      return { outcome: 'accepted', samples, rows }
    },
    tick(nowMs) {
      if (reader.tick(nowMs)) lane.nudge()
      sendOutgoing()
    },
    connected: () => reader.connected(clock.nowMs()),
    disconnected: () => reader.disconnected(),
    get filters() {
      return reader.filters
    },
    get problems() {
      return reader.problems
    },
    drain: (timeoutMs) => lane.drain(timeoutMs),
    abandon: () => lane.abandon(),
  }
}

const PARTS_MAX = 200

/** Mappings with how much they take: what a person looks for first. */
function partsOf({ definition }: ReadSource, reader: SourceReader, rates: Float64Array) {
  return definition.mappings.slice(0, PARTS_MAX).map((mapping, index) => {
    const count = reader.taken[index]!
    const lastMs = reader.mappedAtMs[index]!
    const problem = reader.problems.find((each) => each.startsWith(`mappings[${index}]`))
    return {
      name: mapping.topic,
      perSecond: rates[index] ?? 0,
      lastMs: lastMs > 0 ? lastMs : null,
      detail: problem ?? `${count} messages to ${mapping.process}`,
      failed: problem !== undefined,
    }
  })
}
