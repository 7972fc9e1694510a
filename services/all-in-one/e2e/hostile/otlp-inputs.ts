import { gzipSync } from 'node:zlib'
import { callGrpc, framed } from './grpc-peer.ts'
import { LOGS, METRICS, post } from './http-peer.ts'
import { gauge, gaugeBytes, metricsJson, now, type Point } from './otlp-bodies.ts'
import type { Door, HostileInput, Trial } from './trial.ts'

const MIB = 1024 * 1024
const PROTOBUF = { type: 'application/x-protobuf' }

const refused = (reason: string): HostileInput['counts'] => ['driftline_push_refused_total', { door: 'otlp', reason }]
const letter = (reason: string): HostileInput['counts'] => [
  'driftline_dead_letters_total',
  { service: 'intake', reason },
]
const answered = (answer: string): HostileInput['counts'] => ['driftline_push_requests_total', { door: 'otlp', answer }]

const metrics = (trial: Trial, ...list: Readonly<Record<string, unknown>>[]): Promise<string> =>
  post(trial, METRICS, metricsJson(trial.name, list))

const delta = { aggregationTemporality: 1 }

const histogram = (point: Point, temporality = delta) => ({
  name: 'took',
  unit: 's',
  histogram: { ...temporality, dataPoints: [{ timeUnixNano: now(), startTimeUnixNano: now(), ...point }] },
})

const points: HostileInput[] = [
  {
    what: 'NaN and infinities',
    send: (trial) =>
      metrics(trial, gauge({ asDouble: 'NaN' }, { asDouble: 'Infinity' }, { asDouble: '-Infinity' }, { asDouble: 1 })),
    answers: '200 3 rejected: value_not_finite',
    letters: ['value_not_finite'],
    counts: refused('value_not_finite'),
  },
  {
    what: 'times in 1970 and 2262, and the largest that fits',
    send: (trial) =>
      metrics(
        trial,
        gauge({ timeUnixNano: '0' }, { timeUnixNano: '9223372036854775807' }, { timeUnixNano: '18446744073709551615' }),
      ),
    answers: '200 3 rejected: time_in_future, time_too_old',
    letters: ['time_in_future', 'time_too_old'],
    counts: refused('time_in_future'),
  },
  {
    what: 'counts that are negative',
    send: (trial) => metrics(trial, histogram({ count: '-5', sum: 1, bucketCounts: ['-5'], explicitBounds: [] })),
    answers: '400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'a histogram with fewer buckets than bounds',
    send: (trial) => metrics(trial, histogram({ count: '3', bucketCounts: ['3'], explicitBounds: [1, 2, 3] })),
    answers: '400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'bucket bounds that fall, and that are NaN',
    async send(trial) {
      const falling = await metrics(trial, histogram({ count: '3', bucketCounts: [1, 1, 1], explicitBounds: [2, 1] }))
      return `${falling}; ${await metrics(trial, histogram({ count: '3', bucketCounts: [1, 1, 1], explicitBounds: [1, 'NaN'] }))}`
    },
    answers: '400 body_malformed; 400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'a sum and a histogram that do not say what they count from',
    send: (trial) =>
      metrics(
        trial,
        { name: 'n', sum: { dataPoints: [{ timeUnixNano: now(), asInt: '1' }] } },
        histogram({ count: '1' }, {} as never),
      ),
    answers: '200 2 rejected: kind_unknown',
    letters: ['kind_unknown'],
    counts: refused('kind_unknown'),
  },
  {
    what: 'a name of 10 kB, an empty name, a unit of 10 kB',
    send: (trial) =>
      metrics(
        trial,
        { ...gauge({}), name: 'n'.repeat(10_000) },
        { ...gauge({}), name: '' },
        { ...gauge({}), unit: 'u'.repeat(10_000) },
      ),
    answers: '200 3 rejected: metric_invalid, unit_invalid',
    letters: ['metric_invalid', 'unit_invalid'],
    counts: refused('metric_invalid'),
  },
  {
    what: '300 attributes, and one of 100 kB',
    send: (trial) => {
      const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } })
      const many = Array.from({ length: 300 }, (_, i) => attribute(`a${i}`, 'v'))
      return metrics(trial, gauge({ attributes: many }, { attributes: [attribute('a', 'v'.repeat(100_000))] }))
    },
    answers: '200 2 rejected: attributes_invalid',
    letters: ['attributes_invalid'],
    counts: refused('attributes_invalid'),
  },
  {
    what: 'a resource that says it is a host',
    send: (trial) => post(trial, METRICS, metricsJson('x', [gauge({})], { 'driftline.process': 'host:web-1' })),
    answers: '200 1 rejected: process_invalid',
    letters: ['process_invalid'],
    counts: refused('process_invalid'),
  },
]

const bodies: HostileInput[] = [
  {
    what: 'bytes that are no protobuf',
    send: (trial) => post(trial, METRICS, Buffer.from('GET / HTTP/1.1\r\n\r\n'), PROTOBUF),
    answers: /^400/,
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'protobuf that is cut off, and whose lengths lie',
    async send(trial) {
      const whole = gaugeBytes('x', [1], BigInt(Date.now()) * 1_000_000n)
      const cut = await post(trial, METRICS, whole.subarray(0, -3), PROTOBUF)
      const lie = await post(trial, METRICS, Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1), PROTOBUF)
      return `${cut.slice(0, 3)} ${lie.slice(0, 3)}`
    },
    answers: '400 400',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'JSON that is nested 100,000 times',
    send: (trial) => post(trial, METRICS, `{"resourceMetrics":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    answers: '400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'an attribute whose value is nested 20,000 times',
    send(trial) {
      const deep = `${'{"arrayValue":{"values":['.repeat(20_000)}{"intValue":1}${']}}'.repeat(20_000)}`
      const attribute = `{"key":"a","value":${deep}}`
      return post(trial, METRICS, `{"resourceMetrics":[{"resource":{"attributes":[${attribute}]}}]}`)
    },
    answers: '400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'protobuf whose attribute is nested 5,000 times',
    async send(trial) {
      let value: Buffer = Buffer.from([0x18, 1])
      const wrap = (tag: number, bytes: Buffer): Buffer =>
        Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes])
      for (let i = 0; i < 5000; i++) value = wrap(0x2a, wrap(0x0a, value))
      const attribute = Buffer.concat([wrap(0x0a, Buffer.from('deep')), wrap(0x12, value)])
      const service = Buffer.concat([
        wrap(0x0a, Buffer.from('service.name')),
        wrap(0x12, wrap(0x0a, Buffer.from('\xff\xfe', 'latin1'))),
      ])
      const point = Buffer.concat([
        Buffer.from([0x19]),
        nanosOf(Date.now()),
        Buffer.from([0x21]),
        Buffer.alloc(8),
        wrap(0x3a, attribute),
      ])
      const metric = Buffer.concat([wrap(0x0a, Buffer.from([0xff, 0xfe])), wrap(0x2a, wrap(0x0a, point))])
      const resource = wrap(0x0a, Buffer.concat([wrap(0x0a, service), wrap(0x0a, attribute)]))
      const body = wrap(0x0a, Buffer.concat([resource, wrap(0x12, wrap(0x12, metric))]))
      return (await post(trial, METRICS, body, PROTOBUF)).slice(0, 3)
    },
    answers: '200',
    letters: ['text_invalid'],
    counts: refused('text_invalid'),
  },
  {
    what: 'a gzip bomb of a thousand to one',
    send: (trial) =>
      post(trial, METRICS, gzipSync(Buffer.alloc(200 * MIB)), { ...PROTOBUF, headers: { 'content-encoding': 'gzip' } }),
    answers: /^413/,
    counts: answered('body_too_large'),
  },
  {
    what: 'another type, and another packing',
    async send(trial) {
      const type = await post(trial, METRICS, 'x', { type: 'text/plain' })
      return `${type}; ${await post(trial, METRICS, '{}', { headers: { 'content-encoding': 'zstd' } })}`
    },
    answers: '415 type_unsupported; 415 encoding_unsupported',
    counts: answered('encoding_unsupported'),
  },
  {
    what: 'logs of 1970, and of a host',
    send(trial) {
      const record = { timeUnixNano: '1', body: { stringValue: 'x' } }
      const host = [{ key: 'driftline.process', value: { stringValue: 'host:web-1' } }]
      const resourceLogs = [
        { scopeLogs: [{ logRecords: [record] }] },
        { resource: { attributes: host }, scopeLogs: [{ logRecords: [{ timeUnixNano: now() }] }] },
      ]
      return post(trial, LOGS, JSON.stringify({ resourceLogs }))
    },
    answers: '200 2 rejected: process_invalid, time_too_old',
    letters: ['process_invalid', 'time_too_old'],
    counts: refused('time_too_old'),
  },
]

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return Buffer.from(bytes)
}

function nanosOf(ms: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(ms) * 1_000_000n)
  return bytes
}

const lettersOf: Door['lettersOf'] = ({ key }) => ({ source: `push:otlp:${key.id}` })

export const otlpDoors: readonly Door[] = [
  { name: 'OTLP over HTTP', inputs: [...points, ...bodies], lettersOf },
  {
    name: 'OTLP over gRPC',
    lettersOf,
    inputs: [
      {
        what: 'values that are not finite, and times in 1970',
        async send({ world, key }) {
          const values = framed(
            gaugeBytes('x', [Number.NaN, Number.POSITIVE_INFINITY], BigInt(Date.now()) * 1_000_000n),
          )
          const times = framed(gaugeBytes('x', [1], 1n))
          const first = await callGrpc(world.grpcPort, values, { key: key.key })
          return `${first}; ${await callGrpc(world.grpcPort, times, { key: key.key })}`
        },
        answers: '0 value_not_finite; 0 time_too_old',
        letters: ['time_too_old', 'value_not_finite'],
        counts: refused('time_too_old'),
      },
      {
        what: 'bytes that are no protobuf',
        send: ({ world, key }) => callGrpc(world.grpcPort, framed(Buffer.from('nonsense')), { key: key.key }),
        answers: '3 body_malformed',
        letters: ['body_malformed'],
        counts: answered('body_malformed'),
      },
      {
        what: 'no key, a wrong key, and a method that is not there',
        async send({ world, key }) {
          const empty = framed(new Uint8Array())
          const none = await callGrpc(world.grpcPort, empty)
          const wrong = await callGrpc(world.grpcPort, empty, { key: 'nobody' })
          const path = '/driftline.Nothing/Do'
          return `${none}; ${wrong}; ${await callGrpc(world.grpcPort, empty, { key: key.key, path })}`
        },
        answers: '16; 16; 12',
        counts: answered('unauthenticated'),
      },
      {
        what: 'a message that says it has 4 GB',
        send: ({ world, key }) =>
          callGrpc(world.grpcPort, framed(new Uint8Array(10), { length: 0xffff_ffff }), { key: key.key }),
        answers: '8',
        counts: ['driftline_push_requests_total', {}],
      },
      {
        what: 'a gzip bomb of a thousand to one',
        send: ({ world, key }) =>
          callGrpc(world.grpcPort, framed(gzipSync(Buffer.alloc(200 * MIB)), { packed: true }), {
            key: key.key,
            encoding: 'gzip',
          }),
        answers: '8',
        counts: ['driftline_push_requests_total', {}],
      },
    ],
  },
]
