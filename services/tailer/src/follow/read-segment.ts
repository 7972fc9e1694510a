import { readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { FollowedFile } from './followed-file.ts'
import { type Flush, type Framing, frameRecords, type RecordSpans } from './frame.ts'
import { HEAD_BYTES, type Print, peek, printOf, samePrint, TAIL_BYTES } from './prints.ts'

/** A range of a file that was read at once. Read again it gives the same records. Plain data. */
export interface Segment {
  readonly file: number
  readonly from: number
  /** Exclusive. */
  readonly to: number
  /** Whether it begins inside a line that is too long. */
  readonly skipping: boolean
  /** CRC-32 of its bytes. */
  readonly crc: number
}

/** Memory that all sources of a process share: one reads at a time. */
export interface ReadBuffer {
  readonly bytes: Buffer
  readonly spans: RecordSpans
}

export interface ReadSegment {
  readonly segment: Segment
  /** What the spans count in. */
  readonly bytes: Buffer
}

export type ReadOutcome = ReadSegment | 'nothing' | 'replaced'

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** Large enough for `readBytes` and the longest record of any framing. */
export function createReadBuffer(readBytes: number, recordBytesMax: number, recordsMax: number): ReadBuffer {
  const spans = { starts: new Uint32Array(recordsMax), ends: new Uint32Array(recordsMax), count: 0, cut: [] }
  return { bytes: Buffer.allocUnsafe(TAIL_BYTES + Math.max(readBytes, recordBytesMax * 2 + 1024)), spans }
}

/**
 * Reads what a file has beyond its position, as far as it is complete, and moves the position. Before and after it is
 * compared with what is known of the file: whoever truncates it and writes anew must not be read from the middle.
 */
export function readSegment(
  file: FollowedFile,
  { bytes, spans }: ReadBuffer,
  framing: Framing,
  flush: Flush,
): ReadOutcome {
  const { state, descriptor } = file
  if (descriptor === null || file.size <= state.offset) return 'nothing'
  const { offset, tail, skipping } = state
  const got = readFully(descriptor, bytes, offset - tail.length)
  if (!samePrint(printOf(bytes.subarray(0, Math.min(got, tail.length))), tail)) return 'replaced'
  const fresh = bytes.subarray(tail.length, got)
  const head = headAfter(descriptor, state.head, offset + fresh.length)
  if (head === null) return 'replaced'
  // A flush is meant for the end of the file; a full buffer is not there yet.
  const isEnd = got < bytes.length
  const marked = offset === 0 && fresh.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
  const text = fresh.subarray(marked)
  const framed = frameRecords(text, spans, framing, { skipping, flush: isEnd ? flush : 'none' })
  if (framed.consumed === 0) return 'nothing'
  const to = offset + marked + framed.consumed
  const done = bytes.subarray(0, tail.length + marked + framed.consumed)
  file.state = {
    ...state,
    offset: to,
    skipping: framed.skipping,
    head: head.length <= to ? head : printOf(peek(descriptor, 0, Math.min(HEAD_BYTES, to))),
    tail: printOf(done.subarray(Math.max(0, done.length - TAIL_BYTES))),
  }
  const segment = { file: state.id, from: offset, to, skipping, crc: crc32(fresh.subarray(0, to - offset)) }
  return { segment, bytes: text }
}

/** Reads a range again, whole; null when it is no longer what it was. The position of the file stays as it is. */
export function rereadSegment(
  descriptor: number,
  segment: Segment,
  { bytes, spans }: ReadBuffer,
  framing: Framing,
): ReadSegment | null {
  const length = segment.to - segment.from
  if (length > bytes.length) return null
  const range = bytes.subarray(0, length)
  if (readFully(descriptor, range, segment.from) < length || crc32(range) !== segment.crc) return null
  const text = segment.from === 0 && range.subarray(0, 3).equals(BYTE_ORDER_MARK) ? range.subarray(3) : range
  frameRecords(text, spans, framing, { skipping: segment.skipping, flush: 'all' })
  return { segment, bytes: text }
}

/** The head as far as it is there now, when it begins as it was known; else null. */
function headAfter(descriptor: number, known: Print, size: number): Print | null {
  const now = peek(descriptor, 0, Math.min(HEAD_BYTES, size))
  if (now.length < known.length || !samePrint(printOf(now.subarray(0, known.length)), known)) return null
  return known.length === HEAD_BYTES ? known : printOf(now)
}

function readFully(descriptor: number, bytes: Buffer, from: number): number {
  let got = 0
  while (got < bytes.length) {
    const read = readSync(descriptor, bytes, got, bytes.length - got, from + got)
    if (read === 0) break
    got += read
  }
  return got
}
