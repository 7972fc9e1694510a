import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { ProcessTableSchema, SeriesDefinitionSchema } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWireWriter } from './wire.ts'

describe('wire writer', () => {
  it('writes what the generated code reads, byte for byte as it would write it', () => {
    const id = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
    fc.assert(
      fc.property(id, fc.string({ unit: 'grapheme' }), fc.string(), (id64, process, unit) => {
        const writer = createWireWriter()
        writer.fixed64Field(1, id64)
        writer.textField(2, process)
        writer.textField(4, unit)
        const message = create(SeriesDefinitionSchema, { id: id64, process, unit })
        expect(fromBinary(SeriesDefinitionSchema, writer.view())).toEqual(message)
        if (id64 !== 0n)
          expect(Buffer.from(writer.view())).toEqual(Buffer.from(toBinary(SeriesDefinitionSchema, message)))
      }),
    )
  })

  it('writes packed integers of every width, and grows past its first buffer', () => {
    const values = [0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER]
    const writer = createWireWriter()
    const table = writer.open(3)
    const column = writer.open(4)
    for (let round = 0; round < 5000; round++) for (const value of values) writer.varint(value)
    writer.close(column)
    writer.close(table)
    const read = fromBinary(ProcessTableSchema, writer.view())
    expect(read.values?.residentBytes.length).toBe(values.length * 5000)
    expect(read.values?.residentBytes.slice(-values.length)).toEqual(values.map(BigInt))
  })

  it('writes signed 64-bit times on both sides of zero', () => {
    const times = [0, 1, -1, 1_790_000_000_123, -1_790_000_000_123, 2 ** 32, -(2 ** 32)]
    const writer = createWireWriter()
    const ended = writer.open(4)
    const column = writer.open(2)
    for (const time of times) writer.signed64(time)
    writer.close(column)
    writer.close(ended)
    expect(fromBinary(ProcessTableSchema, writer.view()).ended?.startTimeMs).toEqual(times.map(BigInt))
  })
})
