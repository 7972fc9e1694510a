import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type PackedSampleBatch, PackedSampleBatchSchema } from '../gen/driftline/v1/packed_pb.ts'

/**
 * A packed array's bytes as a typed array, without a copy where the bytes are aligned in their buffer. The wire format
 * is little-endian, as is every machine that Node.js is shipped for.
 */
function view<T>(
  Type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const size = Type.BYTES_PER_ELEMENT
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new Type(aligned.buffer, aligned.byteOffset, Math.floor(bytes.byteLength / size))
}

/** `fixed64`: one BigInt per element that is read; hot paths take the ids as pairs of 32 bits (`viewUint32`) instead. */
export const viewUint64 = (bytes: Uint8Array): BigUint64Array => view(BigUint64Array, bytes)

/** `fixed32`, or `fixed64` as pairs: low half, high half. */
export const viewUint32 = (bytes: Uint8Array): Uint32Array => view(Uint32Array, bytes)

/** `sfixed32`. */
export const viewInt32 = (bytes: Uint8Array): Int32Array => view(Int32Array, bytes)

/** `double`. */
export const viewFloat64 = (bytes: Uint8Array): Float64Array => view(Float64Array, bytes)

/** The bytes of a typed array, without a copy. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** A SampleBatch as typed arrays: element i of each array, and the pair at 2i and 2i + 1 of `seriesPairs`, is sample i. */
export interface SampleColumns {
  /** Milliseconds since the Unix epoch. */
  readonly baseTimeMs: bigint
  readonly count: number
  /** Series ids as pairs of 32 bits: low half, high half. */
  readonly seriesPairs: Uint32Array
  readonly timeOffsetMs: Int32Array
  readonly value: Float64Array
}

/** Views a decoded batch as columns; null when its arrays differ in length or end within an element. */
export function viewSamples(batch: PackedSampleBatch): SampleColumns | null {
  const count = batch.value.byteLength / 8
  if (batch.series.byteLength !== count * 8 || batch.timeOffsetMs.byteLength !== count * 4) return null
  if (!Number.isInteger(count)) return null
  return {
    baseTimeMs: batch.baseTimeMs,
    count,
    seriesPairs: viewUint32(batch.series),
    timeOffsetMs: viewInt32(batch.timeOffsetMs),
    value: viewFloat64(batch.value),
  }
}

/** Decodes an encoded SampleBatch to columns; null as in `viewSamples`. Throws when it is not valid protobuf. */
export function decodeSamples(bytes: Uint8Array): SampleColumns | null {
  return viewSamples(fromBinary(PackedSampleBatchSchema, bytes, { readUnknownFields: false }))
}

/** Encodes columns as a SampleBatch. `seriesPairs` as above, or the same memory as ids of 64 bits. */
export function encodeSamples(samples: {
  readonly baseTimeMs: bigint
  readonly seriesPairs: Uint32Array | BigUint64Array
  readonly timeOffsetMs: Int32Array
  readonly value: Float64Array
}): Uint8Array {
  return toBinary(
    PackedSampleBatchSchema,
    create(PackedSampleBatchSchema, {
      baseTimeMs: samples.baseTimeMs,
      series: bytesOf(samples.seriesPairs),
      timeOffsetMs: bytesOf(samples.timeOffsetMs),
      value: bytesOf(samples.value),
    }),
  )
}
