import type { BusRecord } from '@driftline/platform/bus/bus'

/** The longest length prefix: a varint of a 32-bit number. */
const PREFIX_BYTES_MAX = 5

/** Bytes that a record takes in a body, at most. */
export function bytesInBody(record: BusRecord): number {
  return record.value.length + PREFIX_BYTES_MAX
}

/** Concatenates values, each preceded by its length as a varint: the body of a protobuf insert. The only copy made. */
export function joinDelimited(records: readonly BusRecord[]): Uint8Array {
  const body = Buffer.allocUnsafe(records.reduce((bytes, record) => bytes + bytesInBody(record), 0))
  let end = 0
  for (const { value } of records) {
    end = writeVarint(body, value.length, end)
    body.set(value, end)
    end += value.length
  }
  return body.subarray(0, end)
}

function writeVarint(target: Uint8Array, value: number, at: number): number {
  let rest = value
  let end = at
  while (rest > 127) {
    target[end++] = (rest & 127) | 128
    rest >>>= 7
  }
  target[end++] = rest
  return end
}
