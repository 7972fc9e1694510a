import { fdatasync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '@driftline/platform/errors'
import { createAckPosition } from './spool-position.ts'
import { openSegment, RecordKind, type Segment } from './spool-segment.ts'

export interface SpoolConfig {
  readonly directory: string
  /** Kept on disk at most; the oldest segments go first, and are counted. */
  readonly bytesMax: number
  /** A segment is closed at this size. */
  readonly segmentBytes: number
}

/** What is to be sent next. Definitions come before the first batch of their segment that uses them. */
export type SpoolEntry =
  | { readonly kind: 'definitions'; readonly bytes: Buffer }
  | { readonly kind: 'batch'; readonly epoch: number; readonly sequence: number; readonly bytes: Buffer }

/** Source of definitions that a batch needs. */
export interface Definitions {
  /** Encodes those definitions of the batch's series that `isKnown` does not know, in messages of bounded size. */
  missing(isKnown: (series: number) => boolean): { readonly series: readonly number[]; readonly messages: Uint8Array[] }
}

/** Batches that the server has not acknowledged, on disk, in the order of their epochs and sequences. */
export interface Spool {
  /** Errors: `disk_full` when there is no room for the batch even after the oldest went; it is counted as dropped. */
  append(sequence: number, batch: Uint8Array, definitions: Definitions): void
  /** The next entry to send, or null when all was given out. */
  next(): SpoolEntry | null
  /** Gives out all unacknowledged batches again, with their definitions: for a new connection. */
  rewind(): void
  /** The server has all batches of the epoch up to the sequence. */
  acknowledge(epoch: number, sequence: number): void
  /** The server will never take this one. */
  refuse(epoch: number, sequence: number): void
  /** Batches that are kept and not yet acknowledged. */
  backlog(): number
  bytes(): number
  /** Batches lost since the start because the spool was full or damaged. */
  dropped(): number
  /** Asks the kernel to put on disk what is there; resolves when it has. */
  flush(): Promise<void>
  close(): void
}

/** A full disk costs segments of at most about so many times the size of the batch that they make room for. */
const ROOM_FACTOR = 4
const NAME = /^(\d{16})-(\d{8})\.spool$/

/** `open` is how segments are opened: on a disk that fills up, say. */
export function createSpool(config: SpoolConfig, epoch: number, open: typeof openSegment = openSegment): Spool {
  const { directory, bytesMax, segmentBytes } = config
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const position = createAckPosition(directory)
  const segments: Segment[] = []
  const acknowledged = new Map<number, number>()
  const refused = new Set<string>()
  const known = new Set<number>()
  const cursor = { segment: 0, offset: 0 }
  let nextNumber = 1
  let dropped = 0

  const settled = (of: number, sequence: number): boolean =>
    sequence <= (acknowledged.get(of) ?? 0) || refused.has(`${of}/${sequence}`)

  const load = (): void => {
    const at = position.read()
    acknowledged.set(at.epoch, at.sequence)
    for (const name of readdirSync(directory)
      .filter((each) => NAME.test(each))
      .sort()) {
      const [, of, number] = NAME.exec(name)!
      nextNumber = Math.max(nextNumber, Number(number) + 1)
      const segment = open(join(directory, name), Number(of))
      // Older epochs are sent before younger ones, so all before the position was acknowledged.
      if (segment.batches() === 0 || segment.epoch < at.epoch) segment.remove()
      else segments.push(segment)
    }
    removeSettled()
  }

  const active = (): Segment => {
    const last = segments.at(-1)
    if (last !== undefined && last.epoch === epoch && last.size() < segmentBytes) return last
    known.clear()
    const name = `${String(epoch).padStart(16, '0')}-${String(nextNumber++).padStart(8, '0')}.spool`
    const segment = open(join(directory, name), epoch)
    segments.push(segment)
    return segment
  }

  const removeFirst = (): void => {
    segments.shift()!.remove()
    if (cursor.segment > 0) cursor.segment--
    else cursor.offset = 0
  }

  /** Segments go when all in them is settled; the active one stays until it is full, or files would come and go. */
  const removeSettled = (): void => {
    for (let first = segments[0]; first !== undefined; first = segments[0]) {
      const isActive = segments.length === 1 && first.epoch === epoch && first.size() < segmentBytes
      if (isActive || !settled(first.epoch, first.lastSequence())) return
      removeFirst()
      if (segments[0]?.epoch !== first.epoch && first.epoch !== epoch) acknowledged.delete(first.epoch)
    }
  }

  const unsettledIn = (segment: Segment): number => {
    const before = Math.max(acknowledged.get(segment.epoch) ?? 0, segment.firstSequence() - 1)
    return Math.max(0, Math.min(segment.batches(), segment.lastSequence() - before))
  }
  const bytes = (): number => segments.reduce((sum, segment) => sum + segment.size(), 0)
  const dropOldest = (): void => {
    dropped += unsettledIn(segments[0]!)
    removeFirst()
  }

  const write = (sequence: number, batch: Uint8Array, definitions: Definitions): void => {
    const segment = active()
    const { series, messages } = definitions.missing((number) => known.has(number))
    for (const message of messages) segment.append(RecordKind.definitions, 0, message)
    for (const number of series) known.add(number)
    segment.append(RecordKind.batch, sequence, batch)
  }

  /**
   * On a full disk the oldest goes, and it tries again: what is new is worth more. Once that has made room several
   * times over, somebody else takes what is freed, and to drop more would only lose more.
   */
  const writeOrMakeRoom = (sequence: number, batch: Uint8Array, definitions: Definitions): void => {
    for (let freed = 0; ; freed += segments[0]!.size(), dropOldest()) {
      try {
        write(sequence, batch, definitions)
        return
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause
        if (segments.length > 1 && freed <= ROOM_FACTOR * batch.length) continue
        dropped++
        throw new AppError('disk_full', `no room for a batch in ${directory}`, { retryable: true, cause })
      }
    }
  }

  load()
  return {
    append: (sequence, batch, definitions) => {
      while (segments.length > 0 && bytes() + batch.length > bytesMax) dropOldest()
      writeOrMakeRoom(sequence, batch, definitions)
    },
    next: () =>
      nextEntry(segments, cursor, settled, (lost) => {
        dropped += lost
      }),
    rewind: () => {
      cursor.segment = 0
      cursor.offset = 0
    },
    acknowledge: (of, sequence) => {
      let through = Math.max(acknowledged.get(of) ?? 0, sequence)
      while (refused.delete(`${of}/${through + 1}`)) through++
      acknowledged.set(of, through)
      for (const each of refused) {
        const [epochOf, number] = each.split('/').map(Number)
        if (epochOf === of && number! <= through) refused.delete(each)
      }
      removeSettled()
      const first = segments[0]
      if (first !== undefined) position.write(first.epoch, acknowledged.get(first.epoch) ?? 0)
    },
    refuse: (of, sequence) => {
      if (sequence === (acknowledged.get(of) ?? 0) + 1) acknowledged.set(of, sequence)
      else refused.add(`${of}/${sequence}`)
      removeSettled()
    },
    backlog: () => segments.reduce((sum, segment) => sum + unsettledIn(segment), 0),
    bytes,
    dropped: () => dropped,
    flush: () =>
      new Promise((resolve) => {
        const segment = segments.at(-1)
        if (segment === undefined) resolve()
        else fdatasync(segment.descriptor(), () => resolve())
      }),
    close: () => {
      while (segments.length > 0 && unsettledIn(segments[0]!) === 0) removeFirst()
      for (const segment of segments) segment.close()
      position.close()
    },
  }
}

/** Walks over what is settled without reading it; a damaged record ends its segment. */
function nextEntry(
  segments: readonly Segment[],
  cursor: { segment: number; offset: number },
  settled: (epoch: number, sequence: number) => boolean,
  lose: (batches: number) => void,
): SpoolEntry | null {
  for (;;) {
    const segment = segments[cursor.segment]
    if (segment === undefined) return null
    const offset = cursor.offset
    const header = segment.header(offset)
    if (header === null) {
      if (cursor.segment === segments.length - 1) return null
      cursor.segment++
      cursor.offset = 0
      continue
    }
    const { kind, sequence, end } = header
    cursor.offset = end
    if (kind === RecordKind.batch && settled(segment.epoch, sequence)) continue
    const bytes = segment.payload(offset, header)
    if (bytes === null) {
      lose(kind === RecordKind.batch ? 1 : 0)
      continue
    }
    if (kind === RecordKind.definitions) return { kind: 'definitions', bytes }
    return { kind: 'batch', epoch: segment.epoch, sequence, bytes }
  }
}
