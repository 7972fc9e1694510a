import { post, WRITE } from './http-peer.ts'
import { snappy, type WrittenSeries, writeRequest, writeRequestBytes } from './remote-write-bodies.ts'
import type { Door, HostileInput, Trial } from './trial.ts'

const HEADERS = { type: 'application/x-protobuf', headers: { 'content-encoding': 'snappy' } }

const refused = (reason: string): HostileInput['counts'] => [
  'driftline_push_refused_total',
  { door: 'remote-write', reason },
]
const answered = (answer: string): HostileInput['counts'] => [
  'driftline_push_requests_total',
  { door: 'remote-write', answer },
]

type Labels = WrittenSeries['labels']
const series = (labels: Labels, value = 1, timeMs = Date.now()): WrittenSeries => ({
  labels,
  samples: [{ value, timeMs }],
})
const write = (trial: Trial, ...all: WrittenSeries[]): Promise<string> => post(trial, WRITE, writeRequest(all), HEADERS)
const named = (...labels: (readonly [string, string])[]): Labels => [['__name__', 'up'], ...labels]

/** A NaN with the payload that says that a series has ended. */
const STALE = Buffer.from([2, 0, 0, 0, 0, 0, 0xf0, 0x7f])

export const remoteWriteDoor: Door = {
  name: 'Prometheus remote write',
  lettersOf: ({ key }) => ({ source: `push:remote-write:${key.id}` }),
  inputs: [
    {
      what: 'a block that says it unpacks to 4 GB',
      send: (trial) => post(trial, WRITE, snappy(new Uint8Array(10), 0xffff_ffff), HEADERS),
      answers: '413 body_too_large',
      letters: ['body_too_large'],
      counts: answered('body_too_large'),
    },
    {
      what: 'a block of copies, 60 MB out of 3 MB',
      send(trial) {
        const copies = (60 * 1024 * 1024) / 64
        const block = Buffer.alloc(4 + 2 + copies * 3)
        block.set(snappy(Uint8Array.of(0), 60 * 1024 * 1024).subarray(0, 4))
        block.set([0, 0x41], 4)
        for (let i = 0; i < copies; i++) block.set([(63 << 2) | 2, 1, 0], 6 + i * 3)
        return post(trial, WRITE, block, HEADERS)
      },
      answers: /^(400|413|429)/,
      counts: ['driftline_push_requests_total', { door: 'remote-write' }],
    },
    {
      what: 'a block with a length that is not what it holds, and copies from before its beginning',
      async send(trial) {
        const lie = await post(trial, WRITE, snappy(writeRequestBytes([series(named())]), 5), HEADERS)
        return `${lie}; ${await post(trial, WRITE, Uint8Array.of(10, 0, 97, 0xfe, 0xff, 0xff), HEADERS)}`
      },
      answers: '400 snappy_malformed; 400 snappy_malformed',
      letters: ['snappy_malformed'],
      counts: answered('snappy_malformed'),
    },
    {
      what: 'no Snappy at all, gzip, and another type',
      async send(trial) {
        const plain = await post(trial, WRITE, writeRequestBytes([series(named())]), { type: HEADERS.type })
        const type = await post(trial, WRITE, 'x', { ...HEADERS, type: 'text/plain' })
        const type2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request'
        return [plain, type, await post(trial, WRITE, '', { ...HEADERS, type: type2 })].join('; ')
      },
      answers: '415 encoding_unsupported; 415 type_unsupported; 415 type_unsupported',
      counts: answered('type_unsupported'),
    },
    {
      what: 'protobuf that is cut off',
      send: (trial) => post(trial, WRITE, snappy(writeRequestBytes([series(named())]).subarray(0, -4)), HEADERS),
      answers: '400 body_malformed',
      letters: ['body_malformed'],
      counts: answered('body_malformed'),
    },
    {
      what: 'a label twice',
      send: (trial) => write(trial, series(named(['a', '1'], ['a', '2']))),
      answers: '400 0 accepted, 1 refused: attributes_invalid',
      letters: ['attributes_invalid'],
      counts: refused('attributes_invalid'),
    },
    {
      what: 'no __name__, and an empty one',
      send: (trial) => write(trial, series([['job', 'x']]), series([['__name__', '']])),
      answers: '400 0 accepted, 2 refused: metric_invalid',
      letters: ['metric_invalid'],
      counts: refused('metric_invalid'),
    },
    {
      what: 'a label without a name, one with 100 kB, and 200 labels',
      send: (trial) =>
        write(
          trial,
          series(named(['', 'v'])),
          series(named(['a', 'v'.repeat(100_000)])),
          series(named(...Array.from({ length: 200 }, (_, i) => [`l${i}`, 'v'] as const))),
        ),
      answers: '400 0 accepted, 3 refused: attributes_invalid',
      letters: ['attributes_invalid'],
      counts: refused('attributes_invalid'),
    },
    {
      what: 'labels out of order, empty values and __proto__: the same series as in order, without harm',
      async send(trial) {
        const job = ['job', trial.name] as const
        const unsorted: Labels = [['zone', 'a'], job, ['empty', ''], ['__name__', 'up'], ['__proto__', 'x']]
        const sorted: Labels = [['__name__', 'up'], ['__proto__', 'x'], job, ['zone', 'a']]
        const told = await write(trial, series(unsorted, 1), series(sorted, 2, Date.now() - 1000))
        return `${told}; ${await write(trial, series(named(), Number.NaN))}`
      },
      answers: '204; 400 0 accepted, 1 refused: value_not_finite',
      letters: ['value_not_finite'],
      counts: refused('value_not_finite'),
    },
    {
      what: 'infinities, and times in 1970, 2262 and beyond',
      send: (trial) =>
        write(
          trial,
          series(named(), Number.POSITIVE_INFINITY),
          series(named(), 1, 0),
          series(named(), 1, 9_223_372_036_854),
          series(named(), 1, -1),
        ),
      answers: '400 0 accepted, 4 refused: time_in_future, time_too_old, value_not_finite',
      letters: ['time_in_future', 'time_too_old', 'value_not_finite'],
      counts: refused('time_too_old'),
    },
    {
      what: 'the marker of an end, which is a NaN: left out and counted, not refused',
      async send(trial) {
        const bytes = Buffer.from(writeRequestBytes([series(named(['job', trial.name]), 1.5)]))
        const one = Buffer.alloc(8)
        one.writeDoubleLE(1.5)
        bytes.set(STALE, bytes.indexOf(one))
        return post(trial, WRITE, snappy(bytes), HEADERS)
      },
      answers: '204',
      counts: ['driftline_push_skipped_total', { door: 'remote-write', reason: 'stale_marker' }],
    },
    {
      what: 'a job that says it is a host',
      send: (trial) => write(trial, series(named(['driftline_process', 'host:web-1']))),
      answers: '400 0 accepted, 1 refused: process_invalid',
      letters: ['process_invalid'],
      counts: refused('process_invalid'),
    },
    {
      what: 'labels that are not UTF-8',
      send(trial) {
        const bytes = Buffer.from(writeRequestBytes([series(named(['zone', 'QQQQ']))]))
        bytes.set([0xff, 0xfe, 0xc0, 0x80], bytes.indexOf('QQQQ'))
        return post(trial, WRITE, snappy(bytes), HEADERS)
      },
      answers: '400 0 accepted, 1 refused: text_invalid',
      letters: ['text_invalid'],
      counts: refused('text_invalid'),
    },
  ],
}
