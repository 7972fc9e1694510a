import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { MetricKind } from '@driftline/proto'
import { TimeSeriesSchema, WriteRequestSchema } from '@driftline/proto/prometheus'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRecordingSink, type RecordingSink } from '../testing/recording-sink.ts'
import { createByteKeys } from '../wire/byte-keys.ts'
import { decodeWriteRequest, type WriteContext } from './decode-write-request.ts'
import { createMetricFamilies } from './metric-families.ts'

const NOW = 1_790_000_000_000

type SeriesInit = MessageInitShape<typeof TimeSeriesSchema>

function contextOf(sink: RecordingSink): WriteContext {
  return {
    sink,
    keys: createByteKeys({ maxSize: 1000, seed: 7 }),
    families: createMetricFamilies(100),
    processOf: (explicit) => (explicit.startsWith('device:') ? explicit : null),
  }
}

const labelsOf = (labels: Record<string, string>): { name: string; value: string }[] =>
  Object.entries(labels).map(([name, value]) => ({ name, value }))

const series = (labels: Record<string, string>, ...values: number[]): SeriesInit => ({
  labels: labelsOf(labels),
  samples: values.map((value, i) => ({ value, timestamp: BigInt(NOW + i) })),
})

const encode = (request: MessageInitShape<typeof WriteRequestSchema>): Uint8Array =>
  toBinary(WriteRequestSchema, create(WriteRequestSchema, request))

/** A double by its bits, because a quiet NaN loses its payload on the way through a message. */
function withBits(bytes: Uint8Array, marker: number, bits: bigint): Uint8Array {
  const needle = Buffer.alloc(8)
  needle.writeDoubleLE(marker)
  const copy = Buffer.from(bytes)
  copy.writeBigUInt64LE(bits, copy.indexOf(needle))
  return copy
}

test('a series becomes process, metric and attributes', () => {
  const sink = createRecordingSink()
  const body = encode({
    timeseries: [
      series({ __name__: 'http_requests_total', code: '200', instance: 'a:80', job: 'shop' }, 1, 2),
      series({ __name__: 'queue_length', job: 'shop' }, 3),
      series({ __name__: 'temperature_celsius', driftline_process: 'device:plant:press-3', job: 'x' }, 21.5),
      series({ __name__: 'up' }, 1),
    ],
  })
  expect(decodeWriteRequest(body, contextOf(sink))).toBeNull()
  expect(sink.lines()).toEqual([
    `service:shop http_requests_total{"code":"200","instance":"a:80"} 1 @${NOW}`,
    `service:shop http_requests_total{"code":"200","instance":"a:80"} 2 @${NOW + 1}`,
    `service:shop queue_length{} 3 @${NOW}`,
    `device:plant:press-3 temperature_celsius{} 21.5 @${NOW}`,
    `service:unknown_service up{} 1 @${NOW}`,
  ])
  expect(sink.defined.map(({ kind, unit }) => [kind, unit])).toEqual([
    [MetricKind.CUMULATIVE, ''],
    [MetricKind.GAUGE, ''],
    [MetricKind.GAUGE, 'Cel'],
    [MetricKind.GAUGE, ''],
  ])
})

test('a repeat asks for no series again, and a change of one byte does', () => {
  const sink = createRecordingSink()
  const context = contextOf(sink)
  const once = encode({ timeseries: [series({ __name__: 'a', job: 'x' }, 1), series({ __name__: 'a', job: 'y' }, 2)] })
  decodeWriteRequest(once, context)
  decodeWriteRequest(once, context)
  expect(sink.defined).toHaveLength(2)
  decodeWriteRequest(encode({ timeseries: [series({ __name__: 'a', job: 'z' }, 1)] }), context)
  expect(sink.defined).toHaveLength(3)
  expect(sink.added).toHaveLength(5)
})

test('metadata decides kind and unit, also of what was seen before', () => {
  const sink = createRecordingSink()
  const context = contextOf(sink)
  const timeseries = [
    series({ __name__: 'jobs_done', job: 'x' }, 1),
    series({ __name__: 'wait_seconds_sum', job: 'x' }, 1),
  ]
  decodeWriteRequest(encode({ timeseries }), context)
  const metadata = [{ type: 1, metricFamilyName: 'jobs_done', help: 'Jobs', unit: '' }]
  decodeWriteRequest(encode({ metadata }), context)
  decodeWriteRequest(encode({ timeseries, metadata }), context)
  expect(sink.defined.map(({ metric, kind, unit }) => [metric, kind, unit])).toEqual([
    ['jobs_done', MetricKind.GAUGE, ''],
    ['wait_seconds_sum', MetricKind.CUMULATIVE, 's'],
    ['jobs_done', MetricKind.CUMULATIVE, ''],
    ['wait_seconds_sum', MetricKind.CUMULATIVE, 's'],
  ])
})

describe('values that are none', () => {
  const marker = 123.456
  test.each([
    ['a stale marker is left out', {}, 0x7ff0000000000002n, 'stale_marker'],
    ['a quantile of nothing is left out', { quantile: '0.9' }, 0x7ff8000000000001n, 'quantile_of_nothing'],
  ])('%s', (_what, labels, bits, reason) => {
    const sink = createRecordingSink()
    const body = encode({ timeseries: [series({ __name__: 'a', ...labels }, marker)] })
    expect(decodeWriteRequest(withBits(body, marker, bits), contextOf(sink))).toBeNull()
    expect(sink.added).toEqual([])
    expect(sink.skipped).toEqual({ [reason]: 1 })
  })

  test.each([
    ['another NaN', 0x7ff8000000000001n, Number.NaN],
    ['infinity', 0x7ff0000000000000n, Number.POSITIVE_INFINITY],
  ])('%s is for the sink to refuse', (_what, bits, value) => {
    const sink = createRecordingSink()
    decodeWriteRequest(
      withBits(encode({ timeseries: [series({ __name__: 'a' }, marker)] }), marker, bits),
      contextOf(sink),
    )
    expect(sink.added).toEqual([{ handle: 0, timeMs: NOW, value }])
  })
})

describe('a series that is not taken', () => {
  const manyLabels = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`l${i}`, 'x']))
  test.each([
    ['no name', series({ job: 'x' }, 1), 'metric_invalid'],
    [
      'a label twice',
      { labels: [...labelsOf({ __name__: 'a', b: '1' }), { name: 'b', value: '2' }], samples: [{ value: 1 }] },
      'attributes_invalid',
    ],
    [
      'a label without name',
      { labels: [...labelsOf({ __name__: 'a' }), { name: '', value: 'x' }], samples: [{ value: 1 }] },
      'attributes_invalid',
    ],
    ['a hundred thousand labels', series({ __name__: 'a', ...manyLabels }, 1), 'attributes_invalid'],
    [
      'a process that the key may not name',
      series({ __name__: 'a', driftline_process: 'host:web-1' }, 1),
      'process_invalid',
    ],
  ] as [string, SeriesInit, string][])('%s', (_what, wrong, reason) => {
    const sink = createRecordingSink()
    const body = encode({ timeseries: [wrong, series({ __name__: 'good' }, 5)] })
    expect(decodeWriteRequest(body, contextOf(sink))).toBeNull()
    expect(sink.refused).toMatchObject([{ reason, count: 1 }])
    expect(sink.lines()).toEqual([`service:unknown_service good{} 5 @${NOW}`])
  })

  test('text that is not UTF-8', () => {
    const sink = createRecordingSink()
    const body = Buffer.from(encode({ timeseries: [series({ __name__: 'a', b: 'QQQQ' }, 1)] }))
    body.write('\xff\xfe', body.indexOf('QQQQ'), 'latin1')
    expect(decodeWriteRequest(body, contextOf(sink))).toBeNull()
    expect(sink.refused).toMatchObject([{ reason: 'text_invalid', count: 1 }])
  })

  test('what the sink refuses is told with its samples, and asked again', () => {
    const sink = createRecordingSink(() => ({ reason: 'series_too_many', detail: 'full' }))
    const context = contextOf(sink)
    const body = encode({ timeseries: [series({ __name__: 'a', job: 'x', __proto__x: '1' }, 1, 2)] })
    decodeWriteRequest(body, context)
    decodeWriteRequest(body, context)
    expect(sink.refused).toMatchObject([{ reason: 'series_too_many', count: 2 }, { count: 2 }])
    expect(JSON.parse(Buffer.from(sink.refused[0]!.payload).toString())).toEqual({
      process: 'service:x',
      metric: 'a',
      value: 2,
      time: new Date(NOW + 1).toISOString(),
      unit: '',
      kind: 'gauge',
      attributes: { __proto__x: '1' },
    })
  })
})

test('a label called __proto__ is a label like any other', () => {
  const sink = createRecordingSink()
  const labels = [
    ...labelsOf({ __name__: 'a' }),
    { name: '__proto__', value: 'p' },
    { name: 'constructor', value: 'c' },
  ]
  decodeWriteRequest(
    encode({ timeseries: [{ labels, samples: [{ value: 1, timestamp: BigInt(NOW) }] }] }),
    contextOf(sink),
  )
  expect(Object.entries(sink.defined[0]!.attributes)).toEqual([
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ])
})

test('native histograms are left out and counted', () => {
  const sink = createRecordingSink()
  const labels = toBinary(TimeSeriesSchema, create(TimeSeriesSchema, { labels: labelsOf({ __name__: 'a' }) }))
  // Field 4 of the series, with nothing in it.
  const series = Uint8Array.of(...labels, 0x22, 0x00)
  expect(decodeWriteRequest(Uint8Array.of(0x0a, series.length, ...series), contextOf(sink))).toBeNull()
  expect([sink.skipped, sink.added]).toEqual([{ native_histogram: 1 }, []])
})

test('times that no clock says come out as they are', () => {
  const sink = createRecordingSink()
  const samples = [-1n, 0n, 9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n].map((timestamp) => ({
    value: 1,
    timestamp,
  }))
  decodeWriteRequest(encode({ timeseries: [{ labels: labelsOf({ __name__: 'a' }), samples }] }), contextOf(sink))
  expect(sink.added.map(({ timeMs }) => timeMs)).toEqual([-1, 0, 2 ** 63, -(2 ** 63)])
})

describe('properties', () => {
  const label = fc.tuple(
    fc.constantFrom('a', 'b', 'job', 'instance', 'le', 'ü'),
    fc.string({ minLength: 1, maxLength: 9 }),
  )
  const request = fc.array(
    fc.record({
      labels: fc.uniqueArray(label, { selector: ([name]) => name, maxLength: 5 }),
      samples: fc.array(fc.tuple(fc.double({ noNaN: true }), fc.integer({ min: -1000, max: 2 ** 48 }))),
    }),
    { maxLength: 8 },
  )

  test('every sample comes out as the reference encoded it', () => {
    fc.assert(
      fc.property(request, (all) => {
        const sink = createRecordingSink()
        const context = contextOf(sink)
        const timeseries = all.map(({ labels, samples }) => ({
          labels: [{ name: '__name__', value: 'm' }, ...labels.map(([name, value]) => ({ name, value }))],
          samples: samples.map(([value, time]) => ({ value, timestamp: BigInt(time) })),
        }))
        const body = encode({ timeseries })
        for (let pass = 0; pass < 2; pass++) expect(decodeWriteRequest(body, context)).toBeNull()
        const expected = all.flatMap(({ samples }) => samples.map(([value, timeMs]) => ({ value, timeMs })))
        expect(sink.added.map(({ value, timeMs }) => ({ value, timeMs }))).toEqual([...expected, ...expected])
        const distinct = new Set(
          all.filter(({ samples }) => samples.length > 0).map(({ labels }) => JSON.stringify(labels)),
        )
        expect(sink.defined).toHaveLength(distinct.size)
      }),
    )
  })

  test('arbitrary and damaged bytes never throw', () => {
    const whole = encode({
      timeseries: [series({ __name__: 'a', job: 'x' }, 1, 2)],
      metadata: [{ metricFamilyName: 'a' }],
    })
    const damaged = fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length)).map(([at, byte, end]) =>
      Uint8Array.from(whole)
        .fill(byte, at, at + 1)
        .subarray(0, end),
    )
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), damaged), (body) => {
        const problem = decodeWriteRequest(body, contextOf(createRecordingSink()))
        expect(problem === null || problem.reason === 'body_malformed').toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})
