import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { PackedSampleBatchSchema } from '../gen/driftline/v1/packed_pb.ts'
import { SampleBatchSchema } from '../gen/driftline/v1/samples_pb.ts'
import { decodeSamples, encodeSamples, viewSamples, viewUint64 } from './packed.ts'

const ids = [1n, 2n ** 63n + 5n, 0xffff_ffff_ffff_ffffn]

test('a packed batch is the same on the wire as the batch that it is the twin of', () => {
  const plain = { baseTimeMs: 1_800_000_000_000n, series: ids, timeOffsetMs: [0, -5, 7], value: [1.5, -0, 1e300] }
  const packed = encodeSamples({
    baseTimeMs: plain.baseTimeMs,
    seriesPairs: BigUint64Array.from(ids),
    timeOffsetMs: Int32Array.from(plain.timeOffsetMs),
    value: Float64Array.from(plain.value),
  })
  expect(fromBinary(SampleBatchSchema, packed)).toEqual(create(SampleBatchSchema, plain))
  expect(toBinary(SampleBatchSchema, create(SampleBatchSchema, plain))).toEqual(packed)
})

test('columns are read from memory of any alignment', () => {
  const encoded = encodeSamples({
    baseTimeMs: 5n,
    seriesPairs: BigUint64Array.from(ids),
    timeOffsetMs: Int32Array.from([1, 2, 3]),
    value: Float64Array.from([1, 2, 3]),
  })
  for (let shift = 0; shift < 9; shift++) {
    const moved = new Uint8Array(encoded.length + shift)
    moved.set(encoded, shift)
    const columns = decodeSamples(moved.subarray(shift))!
    expect(columns.count).toBe(3)
    expect([...viewUint64(new Uint8Array(Uint32Array.from(columns.seriesPairs).buffer))]).toEqual(ids)
    expect([...columns.timeOffsetMs]).toEqual([1, 2, 3])
    expect([...columns.value]).toEqual([1, 2, 3])
  }
})

test.each([
  ['fewer values', 16, 8, 8],
  ['fewer ids', 8, 8, 16],
  ['half an element', 12, 6, 12],
])('arrays that do not belong together are refused: %s', (_, series, timeOffsetMs, value) => {
  const batch = create(PackedSampleBatchSchema, {
    series: new Uint8Array(series),
    timeOffsetMs: new Uint8Array(timeOffsetMs),
    value: new Uint8Array(value),
  })
  expect(viewSamples(batch)).toBeNull()
})
