import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type LogBatch, LogBatchSchema } from '../gen/driftline/v1/logs_pb.ts'
import { PackedLogBatchSchema } from '../gen/driftline/v1/packed_pb.ts'
import { bytesOf } from './packed.ts'

const LENGTH_DELIMITED = 2
const tagOf = (field: number): number => (field << 3) | LENGTH_DELIMITED

/** In front of each body, and of each line's attributes, in an encoded LogBatch. */
export const logBodyTag = tagOf(LogBatchSchema.field.body.number)
export const logAttributesTag = tagOf(LogBatchSchema.field.attributes.number)

/** Origins that one batch may have, so that each index is one byte. */
export const logOriginsMax = 128

/** Rows of one process; element i of each array, and the pair at 2i and 2i + 1 of `patternPairs`, is row i. */
export interface LogColumns {
  readonly tenant: string
  readonly process: string
  readonly source: string
  /** Milliseconds since the Unix epoch. */
  readonly baseTimeMs: bigint
  readonly timeOffsetMs: Int32Array
  /** 0 to 24. */
  readonly severity: Uint8Array
  /** Ids of templates as pairs of 32 bits: low half, high half. */
  readonly patternPairs: Uint32Array
  /** Indexes into `origins`. */
  readonly origin: Uint8Array
  /** At most 128. */
  readonly origins: readonly string[]
  /** Fields of the wire, one after the other: tag, length as a varint, UTF-8. One per row. */
  readonly bodies: Uint8Array
  readonly attributes: Uint8Array
}

/** Encodes rows as a LogBatch; the texts are copied as they are. The answer shares no memory with them. */
export function encodeLogBatch(rows: LogColumns): Uint8Array {
  const { tenant, process, source, baseTimeMs, severity, origin, origins, bodies, attributes } = rows
  const head = toBinary(
    PackedLogBatchSchema,
    create(PackedLogBatchSchema, {
      tenant,
      process,
      source,
      baseTimeMs,
      timeOffsetMs: bytesOf(rows.timeOffsetMs),
      severity,
      pattern: bytesOf(rows.patternPairs),
      origin,
      origins: [...origins],
    }),
  )
  const encoded = new Uint8Array(head.length + bodies.length + attributes.length)
  encoded.set(head)
  encoded.set(bodies, head.length)
  encoded.set(attributes, head.length + bodies.length)
  return encoded
}

/** Decodes a LogBatch; null when its arrays differ in length or a row names no origin. Throws when it is not protobuf. */
export function decodeLogBatch(bytes: Uint8Array): LogBatch | null {
  const batch = fromBinary(LogBatchSchema, bytes, { readUnknownFields: false })
  const rows = batch.timeOffsetMs.length
  const { severity, body, attributes, pattern, origin, origins } = batch
  if ([severity, body, attributes, pattern, origin].some((each) => each.length !== rows)) return null
  return origin.every((index) => index < origins.length) ? batch : null
}
