import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { MetricKind } from '@driftline/proto'
import {
  AggregationTemporality,
  ExportMetricsServiceRequestSchema,
  type KeyValueSchema,
  type MetricSchema,
} from '@driftline/proto/otlp'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRecordingSink, type RecordingSink } from '../testing/recording-sink.ts'
import { createByteKeys } from '../wire/byte-keys.ts'
import { decodeMetrics, type MetricsContext } from './decode-metrics.ts'
import { metricsFromJson } from './from-json.ts'
import { createHistogramBook } from './histogram-book.ts'

const NOW = 1_790_000_000_000
const nanos = (ms: number): bigint => BigInt(ms) * 1_000_000n
const { DELTA, CUMULATIVE, UNSPECIFIED } = AggregationTemporality

type MetricInit = MessageInitShape<typeof MetricSchema>
type Attributes = Record<string, string | number | boolean>

function contextOf(sink: RecordingSink): MetricsContext {
  return {
    sink,
    keys: createByteKeys({ maxSize: 1000, seed: 7 }),
    memberKeys: createByteKeys({ maxSize: 1000, seed: 7 }),
    histograms: createHistogramBook(1000),
    processOf: (explicit) => (explicit.startsWith('device:') ? explicit : null),
  }
}

function keyValues(attributes: Attributes): MessageInitShape<typeof KeyValueSchema>[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: {
      value:
        typeof value === 'string'
          ? { case: 'stringValue', value }
          : typeof value === 'boolean'
            ? { case: 'boolValue', value }
            : { case: 'intValue', value: BigInt(value) },
    },
  }))
}

const request = (metrics: MetricInit[], resource: Attributes = { 'service.name': 'shop' }, scope = '') =>
  create(ExportMetricsServiceRequestSchema, {
    resourceMetrics: [
      { resource: { attributes: keyValues(resource) }, scopeMetrics: [{ scope: { name: scope }, metrics }] },
    ],
  })

const encode = (...args: Parameters<typeof request>): Uint8Array =>
  toBinary(ExportMetricsServiceRequestSchema, request(...args))

const gauge = (name: string, value: number, attributes: Attributes = {}): MetricInit => ({
  name,
  unit: 'By',
  data: {
    case: 'gauge',
    value: {
      dataPoints: [{ attributes: keyValues(attributes), timeUnixNano: nanos(NOW), value: { case: 'asDouble', value } }],
    },
  },
})

const sum = (name: string, value: bigint, aggregationTemporality: number, isMonotonic: boolean): MetricInit => ({
  name,
  data: {
    case: 'sum',
    value: {
      aggregationTemporality,
      isMonotonic,
      dataPoints: [{ timeUnixNano: nanos(NOW), value: { case: 'asInt', value } }],
    },
  },
})

interface HistogramInit {
  readonly counts: number[]
  readonly atMs?: number
  readonly startMs?: number
  readonly temporality?: AggregationTemporality
  readonly attributes?: Attributes
  readonly sum?: number
  readonly min?: number
  readonly max?: number
}

const histogram = (name: string, init: HistogramInit, unit = 's'): MetricInit => ({
  name,
  unit,
  data: {
    case: 'histogram',
    value: {
      aggregationTemporality: init.temporality ?? CUMULATIVE,
      dataPoints: [
        {
          attributes: keyValues(init.attributes ?? {}),
          startTimeUnixNano: nanos(init.startMs ?? NOW - 86_400_000),
          timeUnixNano: nanos(init.atMs ?? NOW),
          count: BigInt(init.counts.reduce((a, b) => a + b, 0)),
          bucketCounts: init.counts.map(BigInt),
          explicitBounds: init.counts.slice(1).map((_, i) => 2 ** i),
          ...(init.sum === undefined ? {} : { sum: init.sum }),
          ...(init.min === undefined ? {} : { min: init.min }),
          ...(init.max === undefined ? {} : { max: init.max }),
        },
      ],
    },
  },
})

function decoded(...bodies: Uint8Array[]): RecordingSink {
  const sink = createRecordingSink()
  const context = contextOf(sink)
  for (const body of bodies) expect(decodeMetrics(body, context)).toBeNull()
  return sink
}

describe('who it is of', () => {
  test.each([
    ['the service', { 'service.name': 'shop' }, 'service:shop{}'],
    ['no service', {}, 'service:unknown_service{}'],
    ['an empty name', { 'service.name': '' }, 'service:unknown_service{}'],
    ['a name with odd letters', { 'service.name': 'a b/c' }, 'service:a~20b~2fc{}'],
    ['what is named explicitly', { 'service.name': 'x', 'driftline.process': 'device:p:press' }, 'device:p:press{}'],
    [
      'what tells instances apart',
      {
        'service.name': 'shop',
        'service.namespace': 'eu',
        'host.name': 'web-1',
        'process.pid': 17,
        'telemetry.sdk.name': 'x',
      },
      'service:shop{"service.namespace":"eu","host.name":"web-1"}',
    ],
  ])('%s', (_what, resource, expected) => {
    const sink = decoded(encode([gauge('a', 1)], resource))
    const { process, attributes } = sink.defined[0]!
    expect(`${process}${JSON.stringify(attributes)}`).toBe(expected)
  })

  test('a process that the key may not name is refused, point by point', () => {
    const sink = decoded(encode([gauge('a', 1), gauge('b', 2)], { 'driftline.process': 'host:web-1' }))
    expect(sink.refused).toMatchObject([{ reason: 'process_invalid', count: 1 }, { reason: 'process_invalid' }])
  })

  test('two scopes do not mix', () => {
    const sink = decoded(encode([gauge('a', 1)], {}, 'one'), encode([gauge('a', 2)], {}, 'two'))
    expect(sink.defined.map(({ attributes }) => attributes['otel.scope.name'])).toEqual(['one', 'two'])
  })
})

test('numbers keep name, unit, time, kind and attributes', () => {
  const body = encode([
    gauge('memory', 5.5, { pool: 'heap', n: 3, on: true, __proto__x: 'y' }),
    sum('bytes', -7n, CUMULATIVE, false),
    sum('requests', 9_007_199_254_740_993n, CUMULATIVE, true),
    sum('clicks', 2n, DELTA, true),
    sum('changes', 2n, DELTA, false),
  ])
  const sink = decoded(body, body)
  expect(sink.defined.map(({ metric, kind, unit }) => [metric, kind, unit])).toEqual([
    ['memory', MetricKind.GAUGE, 'By'],
    ['bytes', MetricKind.GAUGE, ''],
    ['requests', MetricKind.CUMULATIVE, ''],
    ['clicks', MetricKind.DELTA, ''],
    ['changes', MetricKind.DELTA, ''],
  ])
  expect(sink.defined[0]!.attributes).toEqual({ pool: 'heap', n: '3', on: 'true', __proto__x: 'y' })
  expect(sink.added.slice(0, 5).map(({ value }) => value)).toEqual([5.5, -7, 9_007_199_254_740_992, 2, 2])
  expect(sink.added).toHaveLength(10)
  expect(new Set(sink.added.map(({ timeMs }) => timeMs))).toEqual(new Set([NOW]))
})

test.each([
  ['no temporality', [sum('a', 1n, UNSPECIFIED, true)], 'kind_unknown'],
  ['a histogram without temporality', [histogram('a', { counts: [1, 1], temporality: UNSPECIFIED })], 'kind_unknown'],
  [
    'too many attributes',
    [gauge('a', 1, Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, 1])))],
    'attributes_invalid',
  ],
])('a point with %s is refused, its neighbour is not', (_what, metrics, reason) => {
  const sink = decoded(encode([...metrics, gauge('good', 1)]))
  expect(sink.refused).toMatchObject([{ reason, count: 1 }])
  expect(sink.defined.at(-1)!.metric).toBe('good')
})

test('a point without a value is left out', () => {
  const dataPoints = [{ timeUnixNano: nanos(NOW), flags: 1 }, { timeUnixNano: nanos(NOW) }]
  const sink = decoded(encode([{ name: 'a', data: { case: 'gauge', value: { dataPoints } } }]))
  expect(sink.skipped).toEqual({ no_recorded_value: 2 })
})

describe('histograms', () => {
  test('counts and sums as they come, quantiles of what was counted between two points', () => {
    const sink = decoded(
      encode([histogram('wait', { counts: [100, 0, 0, 0], sum: 50 })]),
      encode([histogram('wait', { counts: [100, 10, 0, 0], sum: 65, atMs: NOW + 1000 })]),
      encode([histogram('wait', { counts: [100, 10, 0, 0], sum: 65, atMs: NOW + 2000 })]),
    )
    const of = (metric: string) =>
      sink.added
        .filter(({ handle }) => sink.defined[handle]!.metric === metric)
        .map(({ handle, value }) => [sink.defined[handle]!.attributes['quantile'], value])
    expect(of('wait.count').map(([, value]) => value)).toEqual([100, 110, 110])
    expect(of('wait.sum').map(([, value]) => value)).toEqual([50, 65, 65])
    // All of the second interval lies between 1 and 2, and the third has nothing.
    expect(of('wait')).toEqual([
      ['0.5', 1.5],
      ['0.95', 1.95],
      ['0.99', 1.99],
    ])
    expect(sink.defined.find(({ metric }) => metric === 'wait.count')).toMatchObject({ kind: MetricKind.CUMULATIVE })
  })

  test('a histogram that began anew, or just now, stands for itself', () => {
    const young = { startMs: NOW - 1000 }
    const medianOf = (sink: RecordingSink) =>
      sink.added
        .filter(({ handle }) => sink.defined[handle]!.attributes['quantile'] === '0.5')
        .map(({ value }) => value)
    expect(medianOf(decoded(encode([histogram('a', { counts: [0, 4, 0], ...young })])))).toEqual([1.5])
    const restarted = decoded(
      encode([histogram('a', { counts: [50, 0, 0] })]),
      encode([histogram('a', { counts: [0, 4, 0], startMs: NOW, atMs: NOW + 1000 })]),
    )
    expect(medianOf(restarted)).toEqual([1.5])
  })

  test('a delta is its own interval, with smallest and largest', () => {
    const init = { counts: [0, 2, 0], temporality: DELTA, sum: 3, min: 1.2, max: 1.6 }
    const sink = decoded(encode([histogram('a', init)]))
    const values = Object.fromEntries(
      sink.added.map(({ handle, value }) => {
        const { metric, attributes } = sink.defined[handle]!
        return [`${metric}${attributes['quantile'] ?? ''}`, value]
      }),
    )
    expect(values).toEqual({
      'a.count': 2,
      'a.sum': 3,
      'a.min': 1.2,
      'a.max': 1.6,
      'a0.5': 1.5,
      'a0.95': 1.6,
      'a0.99': 1.6,
    })
  })

  test('exponential buckets, also when the scale gets coarser', () => {
    const point = (atMs: number, scale: number, offset: number, counts: number[], zero = 0): MetricInit => ({
      name: 'a',
      data: {
        case: 'exponentialHistogram',
        value: {
          aggregationTemporality: CUMULATIVE,
          dataPoints: [
            {
              timeUnixNano: nanos(atMs),
              count: BigInt(counts.reduce((a, b) => a + b, zero)),
              scale,
              zeroCount: BigInt(zero),
              positive: { offset, bucketCounts: counts.map(BigInt) },
            },
          ],
        },
      },
    })
    // Scale 1: buckets 0 to 3 are (1, 1.41], (1.41, 2], (2, 2.83], (2.83, 4]. Scale 0 joins them by pairs.
    const sink = decoded(encode([point(NOW, 1, 0, [1, 1, 1, 1])]), encode([point(NOW + 1000, 0, 0, [2, 12])]))
    const median = sink.added.find(({ handle }) => sink.defined[handle]!.attributes['quantile'] === '0.5')
    expect(median?.value).toBe(3)
  })

  test('a summary keeps its quantiles, but not those of nothing', () => {
    const quantileValues = [
      { quantile: 0.5, value: 2 },
      { quantile: 0.9, value: Number.NaN },
    ]
    const dataPoints = [{ timeUnixNano: nanos(NOW), count: 4n, sum: 9, quantileValues }]
    const sink = decoded(encode([{ name: 'a', data: { case: 'summary', value: { dataPoints } } }]))
    expect(sink.lines().map((line) => line.replace('service:shop ', ''))).toEqual([
      `a.count{} 4 @${NOW}`,
      `a.sum{} 9 @${NOW}`,
      `a{"quantile":"0.5"} 2 @${NOW}`,
    ])
  })

  test.each([
    ['as many bounds as buckets', { bucketCounts: [1n, 2n], explicitBounds: [1, 2] }],
    ['bounds that fall', { bucketCounts: [1n, 2n, 3n], explicitBounds: [2, 1] }],
    ['bounds that are no numbers', { bucketCounts: [1n, 2n, 3n], explicitBounds: [1, Number.NaN] }],
  ])('%s are no histogram', (_what, init) => {
    const dataPoints = [{ timeUnixNano: nanos(NOW), count: 3n, ...init }]
    const data = { case: 'histogram', value: { aggregationTemporality: DELTA, dataPoints } } as const
    const problem = decodeMetrics(encode([{ name: 'a', data }]), contextOf(createRecordingSink()))
    expect(problem).toMatchObject({ reason: 'body_malformed' })
  })
})

test('requests that a server answered make the KPIs of its service', () => {
  const answered = (counts: number[], attributes: Attributes, atMs: number) =>
    histogram('http.server.request.duration', { counts, attributes, atMs })
  const sink = decoded(
    encode([
      answered([0, 0, 0], { 'http.response.status_code': 200 }, NOW),
      answered([5, 0, 0], { 'http.response.status_code': 500 }, NOW),
    ]),
    encode([
      answered([0, 90, 0], { 'http.response.status_code': 200 }, NOW + 1000),
      answered([5, 10, 0], { 'http.response.status_code': 500 }, NOW + 1000),
      answered([0, 0, 0], { 'http.response.status_code': 404, 'error.type': '404' }, NOW + 1000),
    ]),
  )
  const kpis = sink.lines().filter((line) => line.includes('process.'))
  expect(kpis).toEqual([
    `service:shop process.events{} 100 @${NOW + 1000}`,
    `service:shop process.events.failed{} 10 @${NOW + 1000}`,
    `service:shop process.execution.time{} 1.5 @${NOW + 1000}`,
  ])
})

test('JSON means what protobuf means', () => {
  const json = {
    resourceMetrics: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }], somethingNew: 1 },
        scopeMetrics: [
          {
            metrics: [
              {
                name: 'a',
                gauge: {
                  dataPoints: [{ timeUnixNano: `${NOW}000000`, asDouble: 1.5, exemplars: [{ traceId: 'abcd' }] }],
                },
              },
              {
                name: 'b',
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: true,
                  dataPoints: [{ timeUnixNano: NOW * 1e6, asInt: '7' }],
                },
              },
            ],
          },
        ],
      },
    ],
  }
  const body = metricsFromJson(JSON.stringify(json))
  if (!(body instanceof Uint8Array)) throw new Error(body.detail)
  const sink = decoded(body)
  expect(sink.lines()).toEqual([`service:shop a{} 1.5 @${NOW}`, `service:shop b{} 7 @${NOW}`])
})

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['null', 'null'],
  ['a field of another type', '{"resourceMetrics": 1}'],
  [
    'a number that is none',
    '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":"x"}]}}]}]}]}',
  ],
  ['a hundred thousand brackets', '['.repeat(100_000)],
])('%s is malformed', (_what, text) => {
  expect(metricsFromJson(text)).toMatchObject({ reason: 'body_malformed' })
})

test('attributes nested beyond reason are cut, not followed', () => {
  let value: MessageInitShape<typeof KeyValueSchema>['value'] = { value: { case: 'stringValue', value: 'deep' } }
  for (let i = 0; i < 500; i++) value = { value: { case: 'arrayValue', value: { values: [value!] } } }
  const dataPoints = [
    { timeUnixNano: nanos(NOW), attributes: [{ key: 'a', value }], value: { case: 'asInt', value: 1n } as const },
  ]
  const sink = decoded(encode([{ name: 'm', data: { case: 'gauge', value: { dataPoints } } }]))
  expect(sink.defined[0]!.attributes['a']).toBe('[[[[[[[[null]]]]]]]]')
})

describe('properties', () => {
  const attributes = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 6 }),
    fc.oneof(fc.string(), fc.boolean(), fc.nat()),
    { maxKeys: 4 },
  )
  const point = fc.record({ value: fc.double(), attributes })

  test('every number comes out as the reference encoded it, and is defined once', () => {
    fc.assert(
      fc.property(fc.array(point, { maxLength: 20 }), attributes, (points, resource) => {
        delete resource['driftline.process']
        const body = encode(
          points.map((each) => gauge('m', each.value, each.attributes)),
          resource,
        )
        const sink = createRecordingSink()
        const context = contextOf(sink)
        for (let pass = 0; pass < 2; pass++) expect(decodeMetrics(body, context)).toBeNull()
        const values = points.map(({ value }) => value)
        expect(sink.added.map(({ value }) => value)).toEqual([...values, ...values])
        for (const [i, { attributes: given }] of points.entries()) {
          const { attributes: own } = sink.defined[sink.added[i]!.handle]!
          for (const [key, value] of Object.entries(given)) expect(own[key]).toBe(String(value))
        }
        expect(sink.defined).toHaveLength(
          new Set(points.map((each) => JSON.stringify(Object.entries(each.attributes)))).size,
        )
      }),
    )
  })

  test('arbitrary and damaged bytes never throw', () => {
    const whole = encode([
      gauge('a', 1, { k: 'v' }),
      sum('b', 1n, CUMULATIVE, true),
      histogram('c', { counts: [1, 2, 3], sum: 3 }),
    ])
    const damaged = fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length)).map(([at, byte, end]) =>
      Uint8Array.from(whole)
        .fill(byte, at, at + 1)
        .subarray(0, end),
    )
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), damaged), (body) => {
        const problem = decodeMetrics(body, contextOf(createRecordingSink()))
        expect(problem === null || problem.reason === 'body_malformed').toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})
