import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { ExportLogsServiceRequestSchema, type LogRecordSchema } from '@driftline/proto/otlp'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRecordingSink, type RecordingSink } from '../testing/recording-sink.ts'
import { decodeLogs } from './decode-logs.ts'
import { logsFromJson } from './from-json.ts'

const NOW = 1_790_000_000_000
const nanos = (ms: number): bigint => BigInt(ms) * 1_000_000n

type RecordInit = MessageInitShape<typeof LogRecordSchema>

const encode = (...logRecords: RecordInit[]): Uint8Array =>
  toBinary(
    ExportLogsServiceRequestSchema,
    create(ExportLogsServiceRequestSchema, {
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { value: { case: 'stringValue', value: 'shop' } } }] },
          scopeLogs: [{ logRecords }],
        },
      ],
    }),
  )

function decoded(body: Uint8Array): RecordingSink {
  const sink = createRecordingSink()
  expect(decodeLogs(body, { sink, processOf: () => null })).toBeNull()
  return sink
}

test('a record becomes a row with its severity, text, attributes and trace', () => {
  const sink = decoded(
    encode({
      timeUnixNano: nanos(NOW),
      severityNumber: 17,
      severityText: 'ERROR',
      body: { value: { case: 'stringValue', value: 'payment failed: é' } },
      attributes: [{ key: 'amount', value: { value: { case: 'doubleValue', value: 12.5 } } }],
      traceId: Uint8Array.from({ length: 16 }, (_, i) => i),
      spanId: new Uint8Array(8).fill(255),
    }),
  )
  expect(sink.rows).toEqual([
    {
      process: 'service:shop',
      timeMs: NOW,
      severity: 17,
      body: 'payment failed: é',
      attributes: '{"trace_id":"000102030405060708090a0b0c0d0e0f","span_id":"ffffffffffffffff","amount":12.5}',
    },
  ])
})

test.each<[string, RecordInit, object]>([
  ['nothing', {}, { timeMs: null, severity: 0, body: '', attributes: '' }],
  ['when it was seen, without a time of its own', { observedTimeUnixNano: nanos(NOW) }, { timeMs: NOW }],
  ['a word of severity', { severityText: 'Warn' }, { severity: 13 }],
  ['a severity beyond the scale', { severityNumber: 99 }, { severity: 0 }],
  ['a severity below it', { severityNumber: -5 }, { severity: 0 }],
  ['a number as body', { body: { value: { case: 'intValue', value: 7n } } }, { body: '7' }],
  [
    'an integer beyond doubles',
    { body: { value: { case: 'intValue', value: -(2n ** 63n) } } },
    { body: '-9223372036854775808' },
  ],
  [
    'infinity as body',
    { body: { value: { case: 'doubleValue', value: Number.POSITIVE_INFINITY } } },
    { body: 'Infinity' },
  ],
  ['bytes as body', { body: { value: { case: 'bytesValue', value: Uint8Array.of(1, 2) } } }, { body: 'AQI=' }],
  ['ids of the wrong length', { traceId: Uint8Array.of(1), spanId: Uint8Array.of(1) }, { attributes: '' }],
  [
    'a tree as body',
    {
      body: {
        value: {
          case: 'kvlistValue',
          value: { values: [{ key: '__proto__', value: { value: { case: 'boolValue', value: true } } }] },
        },
      },
    },
    { body: '{"__proto__":true}' },
  ],
])('%s', (_what, record, expected) => {
  expect(decoded(encode(record)).rows).toMatchObject([expected])
})

test('too many attributes are refused, its neighbour is not', () => {
  const attributes = Array.from({ length: 1000 }, (_, i) => ({ key: `k${i}` }))
  const sink = decoded(encode({ attributes }, { severityNumber: 9 }))
  expect(sink.refused).toMatchObject([{ reason: 'attributes_invalid', count: 1 }])
  expect(sink.rows).toHaveLength(1)
})

test('JSON has hexadecimal ids', () => {
  const record = {
    timeUnixNano: `${NOW}000000`,
    body: { stringValue: 'x' },
    traceId: '5B8EFFF798038103D269B633813FC60C',
    spanId: 'zz',
  }
  const body = logsFromJson(
    JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record, { traceId: 5 }] }] }] }),
  )
  expect(body).toMatchObject({ reason: 'body_malformed' })
  const good = logsFromJson(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }))
  if (!(good instanceof Uint8Array)) throw new Error(good.detail)
  expect(decoded(good).rows[0]!.attributes).toBe('{"trace_id":"5b8efff798038103d269b633813fc60c"}')
})

test('property: arbitrary and damaged bytes never throw', () => {
  const whole = encode({
    body: { value: { case: 'stringValue', value: 'text' } },
    severityNumber: 9,
    attributes: [{ key: 'a' }],
  })
  const damaged = fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length)).map(([at, byte, end]) =>
    Uint8Array.from(whole)
      .fill(byte, at, at + 1)
      .subarray(0, end),
  )
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), damaged), (body) => {
      const problem = decodeLogs(body, { sink: createRecordingSink(), processOf: () => null })
      expect(problem === null || problem.reason === 'body_malformed').toBe(true)
    }),
    { numRuns: 3000 },
  )
})
