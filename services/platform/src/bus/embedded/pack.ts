import { crc32 } from 'node:zlib'
import type { RecordHeaders } from '@driftline/proto'
import type { OutgoingRecord } from '../bus.ts'

/** A record as it stands in a pack; its topic, partition and offset follow from where the pack lies. */
interface PackedRecord {
  readonly key: string
  readonly headers: RecordHeaders
  readonly value: Uint8Array
}

export interface Pack {
  readonly storedAtMs: number
  readonly records: readonly PackedRecord[]
}

/** JSON in front of the values. Texts repeat a lot between records, so each stands once and is named by its index. */
interface PackHead {
  readonly texts: readonly string[]
  /** Per record: key, length of the value in bytes, then name and value of each header; texts by index. */
  readonly records: readonly (readonly number[])[]
}

const MAGIC = 0x4b504c44 // "DLPK", little-endian
const VERSION = 1
const PREFIX_BYTES = 24 // magic, CRC-32 of all that follows it, version, length of the head, time

/**
 * Writes consecutive records as one value. JSON keeps every string exactly, lone surrogates included, and values are
 * copied once. The checksum tells a torn or rotten pack from a whole one.
 */
export function encodePack(records: readonly Omit<OutgoingRecord, 'topic'>[], storedAtMs: number): Buffer {
  const indexes = new Map<string, number>()
  const indexOf = (text: string): number => {
    const known = indexes.get(text)
    if (known !== undefined) return known
    indexes.set(text, indexes.size)
    return indexes.size - 1
  }
  let valueBytes = 0
  const rows = records.map((record) => {
    const row = [indexOf(record.key), record.value.length]
    for (const [name, value] of Object.entries(record.headers)) row.push(indexOf(name), indexOf(value))
    valueBytes += record.value.length
    return row
  })
  const head = Buffer.from(JSON.stringify({ texts: [...indexes.keys()], records: rows } satisfies PackHead))
  const pack = Buffer.allocUnsafeSlow(PREFIX_BYTES + head.length + valueBytes)
  pack.writeUInt32LE(MAGIC, 0)
  pack.writeUInt32LE(VERSION, 8)
  pack.writeUInt32LE(head.length, 12)
  pack.writeDoubleLE(storedAtMs, 16)
  head.copy(pack, PREFIX_BYTES)
  let position = PREFIX_BYTES + head.length
  for (const record of records) {
    pack.set(record.value, position)
    position += record.value.length
  }
  pack.writeUInt32LE(crc32(pack.subarray(8)), 4)
  return pack
}

/** Reads what `encodePack` wrote; values are views into `bytes`. Answers null when it is not whole. */
export function decodePack(bytes: Buffer): Pack | null {
  if (bytes.length < PREFIX_BYTES || bytes.readUInt32LE(0) !== MAGIC) return null
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8)) || bytes.readUInt32LE(8) !== VERSION) return null
  const headEnd = PREFIX_BYTES + bytes.readUInt32LE(12)
  const head = JSON.parse(bytes.toString('utf8', PREFIX_BYTES, headEnd)) as PackHead
  let position = headEnd
  const records = head.records.map((row) => {
    const [key = 0, length = 0] = row
    const headers: Record<string, string> = {}
    for (let i = 2; i < row.length; i += 2) headers[head.texts[row[i]!]!] = head.texts[row[i + 1]!]!
    const value = bytes.subarray(position, position + length)
    position += length
    return { key: head.texts[key]!, headers: headers as unknown as RecordHeaders, value }
  })
  return { storedAtMs: bytes.readDoubleLE(16), records }
}
