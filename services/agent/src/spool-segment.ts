import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/** What a record holds. */
export const RecordKind = { definitions: 1, batch: 2 } as const

/** Length of the payload, its CRC-32, kind, sequence (0 for definitions): little-endian. */
const HEADER_BYTES = 4 + 4 + 1 + 8
/** No batch is near this; a greater length is damage. */
const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024

export interface RecordHeader {
  kind: number
  sequence: number
  payloadBytes: number
  /** Where the next record begins. */
  end: number
}

/** A file of records of one epoch. What is behind the last whole record is the torn end of a killed agent. */
export interface Segment {
  readonly epoch: number
  readonly path: string
  /** Bytes of whole records. */
  size(): number
  /** Batches in it, and the sequences of the first and the last. */
  batches(): number
  firstSequence(): number
  lastSequence(): number
  /** Errors are those of the file system; the file is then as before. */
  append(kind: number, sequence: number, payload: Uint8Array): void
  /** The header at an offset, in one object that is filled again; null at the end. */
  header(offset: number): RecordHeader | null
  /** The payload of the record at an offset; null if it is damaged. */
  payload(offset: number, header: RecordHeader): Buffer | null
  /** File descriptor, for flushing. */
  descriptor(): number
  close(): void
  remove(): void
}

/** Opens or makes a segment; an existing one is walked from record to record, and its torn end cut off. */
export function openSegment(path: string, epoch: number): Segment {
  let descriptor = openSync(path, 'a+', 0o600)
  const head = Buffer.allocUnsafeSlow(HEADER_BYTES)
  const found: RecordHeader = { kind: 0, sequence: 0, payloadBytes: 0, end: 0 }
  let size = Number.MAX_SAFE_INTEGER
  let batches = 0
  let firstSequence = 0
  let lastSequence = 0

  const note = (kind: number, sequence: number): void => {
    if (kind !== RecordKind.batch) return
    if (batches++ === 0) firstSequence = sequence
    lastSequence = sequence
  }
  const header = (offset: number): RecordHeader | null => {
    if (offset >= size || readFully(descriptor, head, offset) < HEADER_BYTES) return null
    found.payloadBytes = head.readUInt32LE(0)
    found.kind = head[8]!
    found.sequence = Number(head.readBigUInt64LE(9))
    found.end = offset + HEADER_BYTES + found.payloadBytes
    const known = found.kind === RecordKind.definitions || found.kind === RecordKind.batch
    return known && found.payloadBytes <= PAYLOAD_BYTES_MAX ? found : null
  }
  const payload = (offset: number, record: RecordHeader): Buffer | null => {
    const bytes = Buffer.allocUnsafe(record.payloadBytes)
    if (readFully(descriptor, bytes, offset + HEADER_BYTES) < bytes.length) return null
    readFully(descriptor, head, offset)
    return head.readUInt32LE(4) === checksum(head, bytes) ? bytes : null
  }
  const walk = (): void => {
    let end = 0
    for (let at = header(0); at !== null; at = header(end)) {
      // Only the last record can be torn: checking all of them would read the whole spool at each start.
      if (header(at.end) === null && payload(end, header(end)!) === null) break
      const record = header(end)!
      note(record.kind, record.sequence)
      end = record.end
    }
    size = end
    ftruncateSync(descriptor, size)
  }
  walk()

  return {
    epoch,
    path,
    size: () => size,
    batches: () => batches,
    firstSequence: () => firstSequence,
    lastSequence: () => lastSequence,
    append: (kind, sequence, bytes) => {
      head.writeUInt32LE(bytes.length, 0)
      head[8] = kind
      head.writeBigUInt64LE(BigInt(sequence), 9)
      head.writeUInt32LE(checksum(head, bytes), 4)
      try {
        writeFully(descriptor, head)
        writeFully(descriptor, bytes)
      } catch (error) {
        ftruncateSync(descriptor, size)
        throw error
      }
      size += HEADER_BYTES + bytes.length
      note(kind, sequence)
    },
    header,
    payload,
    descriptor: () => descriptor,
    close: () => {
      if (descriptor >= 0) closeSync(descriptor)
      descriptor = -1
    },
    remove: () => {
      if (descriptor >= 0) closeSync(descriptor)
      descriptor = -1
      unlinkSync(path)
    },
  }
}

/** Over kind, sequence and payload. */
function checksum(head: Buffer, payload: Uint8Array): number {
  return crc32(payload, crc32(head.subarray(8, HEADER_BYTES)))
}

function readFully(descriptor: number, into: Buffer, offset: number): number {
  let length = 0
  while (length < into.length) {
    const read = readSync(descriptor, into, length, into.length - length, offset + length)
    if (read === 0) break
    length += read
  }
  return length
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  let written = 0
  while (written < bytes.length) written += writeSync(descriptor, bytes, written, bytes.length - written)
}
