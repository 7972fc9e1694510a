import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { datatypes, numberOf } from './datatypes.ts'
import { createWireReader, readUnitProperty, type WireMetric, type WirePayload } from './wire-reader.ts'
import { type MetricToWrite, writePayload } from './wire-writer.ts'

/** Written by another encoder from the specification's field numbers; it uses fields that we do not read, too. */
const foreign = Buffer.from(
  '0880bcd9f29e34120b0a0562645365712008580712470a0b4d6f746f722f5370656564100118ffbad9f29e34200342034201784a220a07' +
    '7175616c6974790a07656e67556e69741205080318c0011207080c420372706d50d6ffffff0f12160a05546f74616c1002200458d6ffff' +
    'ffffffffffff0112120a0454656d7010ac0220092801650000ac4112160a054c6576656c1004200a300169000000000000d0bf120a0a02' +
    '4f6e1005200b700112110a0653657269616c1006200c7a03412d31120c0a04476f6e651007200a380112110a0353657410082010' +
    '8a0105080112016118ff012203752d312a03000102',
  'hex',
)

const read = createWireReader()

const numberIn = (metric: WireMetric): number | null =>
  numberOf(metric.datatype, metric.kind, metric.low, metric.high, metric.real)

test('what another encoder wrote is read', () => {
  const payload = read(foreign)!
  expect(payload).toMatchObject({ timestampMs: 1_795_000_000_000, seq: 255, count: 9 })
  const metrics = payload.metrics.slice(0, payload.count)
  expect(metrics.map(({ name, alias }) => [name, alias])).toEqual([
    ['bdSeq', -1],
    ['Motor/Speed', 1],
    ['Total', 2],
    ['Temp', 300],
    ['Level', 4],
    ['On', 5],
    ['Serial', 6],
    ['Gone', 7],
    ['Set', 8],
  ])
  expect(metrics.map(numberIn)).toEqual([7, -42, -42, 21.5, -0.25, 1, null, null, null])
  expect(metrics.map(({ kind }) => kind).slice(6)).toEqual(['other', 'none', 'other'])
  expect(metrics[1]!.timestampMs).toBe(1_794_999_999_871)
  expect(metrics[3]!.isHistorical).toBe(true)
  expect(metrics[7]!.isNull).toBe(true)
  expect(readUnitProperty(foreign, metrics[1]!)).toBe('rpm')
})

test('cut short anywhere it is refused, or was whole up to there', () => {
  const whole = new Set<number>()
  for (let length = 0; length < foreign.length; length++) if (read(foreign.subarray(0, length))) whole.add(length)
  // Between two fields the bytes before are a payload of their own: protobuf has no end mark.
  expect(whole.size).toBe(13)
})

describe('integers are signed by their datatype', () => {
  test.each<[keyof typeof datatypes, MetricToWrite['value'], number]>([
    ['int8', -1, -1],
    ['int8', 127, 127],
    ['int8', 0xff, -1],
    ['int8', -128, -128],
    ['int16', -32_768, -32_768],
    ['int16', 0xffff, -1],
    ['int32', -2_147_483_648, -2_147_483_648],
    ['int32', 2_147_483_647, 2_147_483_647],
    ['int64', -1, -1],
    ['int64', -9_223_372_036_854_775_808n, -(2 ** 63)],
    ['int64', 4_294_967_296, 4_294_967_296],
    ['uint8', 255, 255],
    ['uint16', 65_535, 65_535],
    ['uint32', 4_294_967_295, 4_294_967_295],
    ['uint64', 18_446_744_073_709_551_615n, 2 ** 64],
    ['float', 21.5, 21.5],
    ['double', -0.1, -0.1],
    ['boolean', true, 1],
    ['boolean', false, 0],
    ['dateTime', 1_795_000_000_000, 1_795_000_000_000],
  ])('%s %s', (datatype, value, expected) => {
    const payload = read(writePayload({ metrics: [{ name: 'm', datatype: datatypes[datatype], value: value! }] }))!
    expect(numberIn(payload.metrics[0]!)).toBe(expected)
  })

  test.each<[keyof typeof datatypes, 'int' | 'long', number, number, number]>([
    ['int32', 'long', 0xffff_ffff, 0xffff_ffff, -1],
    ['int64', 'int', 0xffff_ffff, 0, -1],
    ['boolean', 'int', 2, 0, 1],
    ['float', 'int', 7, 0, 7],
  ])('%s in the field of %s', (datatype, kind, low, high, expected) => {
    expect(numberOf(datatypes[datatype], kind, low, high, 0)).toBe(expected)
  })
})

test('what is written is read back', () => {
  const metric = fc.record(
    {
      name: fc.string({ minLength: 1 }),
      alias: fc.maxSafeNat(),
      timestampMs: fc.maxSafeNat(),
      datatype: fc.constant(datatypes.double),
      isHistorical: fc.boolean(),
      value: fc.double(),
      properties: fc.constant({ quality: 'good', engUnit: 'mm/s' }),
    },
    { requiredKeys: ['datatype', 'value'] },
  )
  const payload = fc.record({
    timestampMs: fc.maxSafeNat(),
    seq: fc.nat(255),
    metrics: fc.array(metric, { maxLength: 5 }),
  })
  fc.assert(
    fc.property(payload, (written) => {
      const bytes = writePayload(written)
      const back = read(bytes)!
      expect(back).toMatchObject({ timestampMs: written.timestampMs, seq: written.seq, count: written.metrics.length })
      for (const [i, each] of written.metrics.entries()) {
        const metric = back.metrics[i]!
        expect(metric.name).toBe(each.name ?? null)
        expect(metric.alias).toBe(each.alias ?? -1)
        expect(metric.timestampMs).toBe(each.timestampMs ?? Number.NaN)
        expect(metric.isHistorical).toBe(each.isHistorical ?? false)
        expect(numberIn(metric)).toBe(each.value)
        expect(readUnitProperty(bytes, metric)).toBe(each.properties ? 'mm/s' : '')
      }
    }),
  )
})

test('any bytes are a payload or none', () => {
  const mutated = fc
    .tuple(fc.nat(foreign.length - 1), fc.nat(255))
    .map(([at, byte]) => Buffer.concat([foreign.subarray(0, at), Buffer.from([byte]), foreign.subarray(at + 1)]))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
    mutated,
  )
  fc.assert(
    fc.property(bytes, (each) => {
      const payload: WirePayload | null = read(each)
      for (let i = 0; payload && i < payload.count; i++) readUnitProperty(each, payload.metrics[i]!)
    }),
    { numRuns: 3000 },
  )
})

test.each([
  ['a length beyond the end', '12ffffffff0f'],
  ['a length beyond the metric', '12020aff01'],
  ['a varint without end', '08ffffffffffffffffffff01'],
  ['field number 0', '0000'],
  ['a group', '0b0c'],
  ['wire type 7', '0f'],
  ['text', Buffer.from('not protobuf').toString('hex')],
])('%s is no payload', (_what, hex) => {
  expect(read(Buffer.from(hex, 'hex'))).toBeNull()
})

test('the number of metrics is bounded', () => {
  expect(read(Buffer.from('1200'.repeat(20_001), 'hex'))).toBeNull()
  expect(read(Buffer.from('1200'.repeat(20_000), 'hex'))?.count).toBe(20_000)
})

test('an alias that no number holds exactly is no alias', () => {
  expect(read(Buffer.from('120b10ffffffffffffffffff01', 'hex'))?.metrics[0]?.alias).toBeNaN()
})
