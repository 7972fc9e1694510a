import type { Batch } from '@driftline/ingest/collector'
import type { SyslogDefinition } from '@driftline/ingest/definitions/logs'
import type { Source } from '@driftline/ingest/definitions/source'
import { AppError } from '@driftline/platform/errors'
import { processId } from '@driftline/proto'
import { CHUNK_RECORDS_MAX, type LineReaderConfig } from '../read/line-reader.ts'
import {
  createSyslogListener,
  type SyslogListener,
  type SyslogListenerConfig,
  type SyslogRefusal,
} from '../syslog/listener.ts'
import { createMessageTray } from '../syslog/message-tray.ts'
import {
  createReader,
  createRefuser,
  type RunningSource,
  replayLine,
  type SourceKit,
  tellDurable,
} from './source-kit.ts'

export interface SyslogSourceConfig {
  readonly bind: string
  readonly connectionsMax: number
  readonly recordBytesMax: number
  readonly bounds: { readonly ageMsMax: number; readonly aheadMsMax: number }
}

/** What waits to be read, and what waits for the bus: both are bounded by this. */
const TRAY = { bytesMax: 8 * 1024 * 1024, messagesMax: 65_536, chunkMax: CHUNK_RECORDS_MAX }
const INTERVAL_MS = 200
const FULL_BYTES = 512 * 1024
const RETRY_MS = { first: 100, most: 5000 }
/** A preview that held the port lets it go within a second or two of the save; only what stays taken is a failure. */
const RESTART_MS = { first: 250, most: 5000, quietMost: 1000 }
const STOP_MS = 3000

export function syslogReaderConfig(
  source: Pick<Source<'syslog'>, 'tenant' | 'id' | 'name' | 'definition'>,
  bounds: SyslogSourceConfig['bounds'],
): LineReaderConfig {
  const { process, byHost, reading, filter } = source.definition
  const whole = process ?? processId('log', source.name)
  const processOf = (subject: string): string => {
    const host = subject.replace(/^(udp|tcp):/, '')
    return byHost && host !== '' ? processId('log', source.name, host) : whole
  }
  return { tenant: source.tenant, source: source.id, processOf, reading, filter, ...bounds }
}

export function listenerConfigOf(definition: SyslogDefinition, config: SyslogSourceConfig): SyslogListenerConfig {
  return {
    bind: definition.bind ?? config.bind,
    udpPort: definition.udpPort ?? null,
    tcpPort: definition.tcpPort ?? null,
    allow: definition.allow ?? null,
    messageBytesMax: Math.min(config.recordBytesMax, 65_536),
    connectionsMax: config.connectionsMax,
  }
}

/** A running syslog source tells where it listens, too. */
export interface SyslogSource extends RunningSource {
  ports(): { readonly udp: number | null; readonly tcp: number | null }
}

/**
 * Takes syslog in and publishes it. A message is gone when we go: nobody repeats it. While the bus is away senders over
 * TCP wait, and what UDP brings beyond the bound is counted.
 */
export function createSyslogSource(source: Source<'syslog'>, config: SyslogSourceConfig, kit: SourceKit): SyslogSource {
  const { meter, clock } = kit
  const logger = kit.logger.child({ source: source.id })
  const readerConfig = syslogReaderConfig(source, config.bounds)
  const refuse = createRefuser({ ...source, process: readerConfig.processOf('') }, kit)
  const reader = createReader(readerConfig, kit, refuse)
  const tray = createMessageTray(TRAY)
  const publisher = kit.publisher(clock.nowMs())
  const taps = new Set<(subject: string, bytes: Buffer) => void>()
  const refusedCounts = new Map<string, number>()
  let listener: SyslogListener | null = null
  let position = 0
  let timer: NodeJS.Timeout | undefined
  let restart: NodeJS.Timeout | undefined
  let busy: Promise<void> | null = null
  let stopped = false

  const sink = {
    take(sender: string, bytes: Buffer): boolean {
      const taken = tray.add(sender, bytes)
      if (taken) for (const tap of taps) tap(sender, bytes)
      if (tray.byteLength >= FULL_BYTES) nudge()
      return taken
    },
    refused(reason: SyslogRefusal, sender: string, bytes: Buffer): void {
      // By count: what comes too fast must not cost more than what is taken.
      const known = refusedCounts.get(reason) ?? 0
      refusedCounts.set(reason, known + 1)
      if (known === 0) {
        refuse({ reason, detail: refusalWords[reason], subject: sender, bytes: Buffer.from(bytes), replayable: false })
      }
    },
  }

  const tellCounts = (): void => {
    for (const [reason, times] of refusedCounts) {
      if (times <= 1) continue
      meter.refused(reason, refusalWords[reason as SyslogRefusal], '', times - 1)
      kit.counted(reason, times - 1)
    }
    refusedCounts.clear()
  }

  const nudge = (): void => {
    busy ??= turn().finally(() => {
      busy = null
    })
  }

  /** Reads what waits, frees its place, publishes; meanwhile the place fills again, and no further. */
  const turn = async (): Promise<void> => {
    tellCounts()
    const atMs = clock.nowMs()
    const { count, byteLength } = tray
    tray.drain(atMs, (chunk) => reader.read(chunk))
    const batch = reader.finish(atMs)
    if (count > 0) meter.events(count, byteLength, reader.newestMs)
    listener?.resume()
    if (batch !== null) await publish(batch)
  }

  const publish = async (batch: Batch): Promise<void> => {
    position += 1
    for (let waitMs = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
      try {
        await publisher.publish(batch, position)
        tellDurable(batch, reader, kit)
        meter.series(kit.book.sizeOf(source.tenant, source.id))
        meter.state('receiving', reader.problem)
        return
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error)
        if (error instanceof AppError && !error.retryable) {
          refuse({ reason: 'batch_refused', detail, subject: '', bytes: Buffer.alloc(0), replayable: false })
          return
        }
        logger.warn({ error }, 'messages wait: they cannot be published now')
        meter.state('failed', `What comes over TCP waits, what comes over UDP may be lost: ${detail}`)
      }
      if (stopped) return
      await delay(waitMs)
    }
  }

  const listen = async (waitMs: number = RESTART_MS.first): Promise<void> => {
    try {
      const made = createSyslogListener(listenerConfigOf(source.definition, config), sink)
      listener = made
      await made.start()
      const { udp, tcp } = made.ports()
      meter.about([...(udp === null ? [] : [`UDP ${udp}`]), ...(tcp === null ? [] : [`TCP ${tcp}`])])
      meter.state('waiting', reader.problem)
    } catch (error) {
      const mayPass = error instanceof AppError && error.retryable && waitMs <= RESTART_MS.quietMost
      if (!mayPass) {
        meter.state('failed', error instanceof Error ? error.message : String(error))
        logger.warn({ error }, 'a source of syslog cannot listen')
      }
      await listener?.stop()
      listener = null
      if (!stopped) restart = setTimeout(() => void listen(Math.min(waitMs * 2, RESTART_MS.most)), waitMs)
    }
  }

  return {
    tap: {
      take(line) {
        taps.add(line)
        return () => taps.delete(line)
      },
    },
    ports: () => listener?.ports() ?? { udp: null, tcp: null },
    async start() {
      await listen()
      timer = setInterval(nudge, INTERVAL_MS)
    },
    async stop() {
      clearInterval(timer)
      clearTimeout(restart)
      await listener?.stop()
      await Promise.race([(busy ?? Promise.resolve()).then(turn), delay(STOP_MS)])
      stopped = true
    },
    replay: (line) => replayLine(readerConfig, kit, line),
  }
}

const refusalWords: Readonly<Record<SyslogRefusal, string>> = {
  sender_not_allowed: 'the networks that may send do not have this address',
  too_many_connections: 'more connections at once than are allowed',
  framing_broken: 'neither counted nor ended by newlines; the connection was ended',
  line_too_long: 'longer than a message may be; the rest of it is left out',
  queue_full: 'more came over UDP than could be published; it is lost',
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
