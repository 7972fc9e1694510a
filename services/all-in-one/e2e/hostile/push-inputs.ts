import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { headOf, post, RECORDS, rawHttp, SAMPLES, statusesIn } from './http-peer.ts'
import type { Door, HostileInput, Trial } from './trial.ts'

const MIB = 1024 * 1024
const CSV = { type: 'text/csv' }
const HEADER = 'process,metric,value,time\n'

const refused = (reason: string): HostileInput['counts'] => [
  'driftline_push_refused_total',
  { door: 'samples', reason },
]
const answered = (answer: string): HostileInput['counts'] => [
  'driftline_push_requests_total',
  { door: 'samples', answer },
]
const letter = (reason: string): HostileInput['counts'] => [
  'driftline_dead_letters_total',
  { service: 'intake', reason },
]

const item = (trial: Trial, more: object = {}): object => ({
  process: `device:push:${trial.name}`,
  metric: 'level',
  value: 1,
  ...more,
})
const samples = (trial: Trial, ...items: object[]): Promise<string> =>
  post(trial, SAMPLES, JSON.stringify(items.map((each) => item(trial, each))))
/** An item as text, for what JSON.stringify would not write. */
const written = (trial: Trial, members: string): Promise<string> =>
  post(trial, SAMPLES, `[{"process":"device:push:${trial.name}","metric":"level",${members}}]`)

const values: HostileInput[] = [
  {
    what: 'a number beyond what a double holds (1e999)',
    send: (trial) => written(trial, '"value":1e999'),
    answers: '200 0 accepted, 1 refused: value_not_finite',
    letters: ['value_not_finite'],
    counts: refused('value_not_finite'),
  },
  {
    what: 'a number of 400 digits',
    send: (trial) => written(trial, `"value":${'9'.repeat(400)}`),
    answers: '200 0 accepted, 1 refused: value_not_finite',
    letters: ['value_not_finite'],
    counts: refused('value_not_finite'),
  },
  {
    what: 'NaN, which JSON has not',
    send: (trial) => written(trial, '"value":NaN'),
    answers: '200 0 accepted, 1 refused: item_malformed',
    letters: ['item_malformed'],
    counts: refused('item_malformed'),
  },
  {
    what: 'NaN and infinities in CSV',
    send: (trial) =>
      post(trial, SAMPLES, `${HEADER}${['NaN', 'inf', '-Infinity'].map((v) => `device:x,m,${v},`).join('\n')}`, CSV),
    answers: '200 0 accepted, 3 refused: value_not_finite',
    letters: ['value_not_finite'],
    counts: refused('value_not_finite'),
  },
  {
    what: 'a value that is text, null, a list, an object, true',
    send: (trial) => samples(trial, { value: '1' }, { value: null }, { value: [1] }, { value: {} }, { value: true }),
    answers: '200 0 accepted, 5 refused: value_invalid',
    letters: ['value_invalid'],
    counts: refused('value_invalid'),
  },
  {
    what: 'times in 1970 and 2262',
    send: (trial) =>
      samples(trial, { time: 0 }, { time: '1970-01-01T00:00:00Z' }, { time: '2262-04-11T23:47:16Z' }, { time: 9.2e18 }),
    answers: '200 0 accepted, 4 refused: time_in_future, time_too_old',
    letters: ['time_in_future', 'time_too_old'],
    counts: refused('time_too_old'),
  },
  {
    what: 'times that are none',
    send: (trial) => samples(trial, { time: 'yesterday' }, { time: '2026-13-45T99:99:99Z' }, { time: { now: 1 } }),
    answers: '200 0 accepted, 3 refused: time_invalid',
    letters: ['time_invalid'],
    counts: refused('time_invalid'),
  },
  {
    what: 'a kind, a unit, a metric and attributes that are none',
    send: (trial) =>
      samples(
        trial,
        { kind: 'constructor' },
        { unit: 7 },
        { metric: '' },
        { attributes: [1] },
        { attributes: { a: {} } },
      ),
    answers: '200 0 accepted, 5 refused: attributes_invalid, kind_unknown, metric_invalid, unit_invalid',
    letters: ['attributes_invalid', 'kind_unknown', 'metric_invalid', 'unit_invalid'],
    counts: refused('kind_unknown'),
  },
  {
    what: 'keys that are special in JavaScript: __proto__ and constructor as members, attributes, metric',
    async send(trial) {
      const told = await written(
        trial,
        '"value":1,"__proto__":{"value":2,"time":5},"constructor":{"prototype":{"polluted":1}},"attributes":{"__proto__":"a","constructor":"b","toString":"c"}',
      )
      const refusal = await samples(trial, { metric: '__proto__', process: '__proto__' })
      const { body } = await trial.world.api('GET', '/api/v1/sources?limit=1')
      return `${told}; ${refusal}; ${'polluted' in body}`
    },
    answers: '200 1 accepted, 0 refused; 200 0 accepted, 1 refused: process_invalid; false',
    letters: ['process_invalid'],
    counts: refused('process_invalid'),
  },
  {
    what: 'the same key twice: the last one counts, as JSON says, and it is of the wrong type',
    send: (trial) => written(trial, '"value":1,"value":"two"'),
    answers: '200 0 accepted, 1 refused: value_invalid',
    letters: ['value_invalid'],
    counts: refused('value_invalid'),
  },
  {
    what: 'a host and its process, which only agents may speak for',
    send: (trial) => samples(trial, { process: 'host:web-1' }, { process: 'os:web-1:nginx' }),
    answers: '200 0 accepted, 2 refused: process_invalid',
    letters: ['process_invalid'],
    counts: refused('process_invalid'),
  },
  {
    what: 'NUL bytes, line ends and lone surrogates in names',
    send: (trial) =>
      written(
        trial,
        '"value":1,"attributes":{"a\\u0000b":"x"}},{"process":"device:a\\nb","metric":"m","value":1},{"process":"device:a","metric":"m","value":1,"attributes":{"k":"\\ud800"}',
      ),
    answers: '200 0 accepted, 3 refused: attributes_invalid, process_invalid',
    letters: ['attributes_invalid', 'process_invalid'],
    counts: refused('attributes_invalid'),
  },
  {
    what: 'names and attributes of 60 kB',
    send: (trial) =>
      samples(
        trial,
        { metric: 'm'.repeat(60_000) },
        { process: `device:${'p'.repeat(60_000)}` },
        { attributes: { a: 'v'.repeat(60_000) } },
      ),
    answers: '200 0 accepted, 3 refused: attributes_invalid, metric_invalid, process_invalid',
    letters: ['attributes_invalid', 'metric_invalid', 'process_invalid'],
    counts: refused('metric_invalid'),
  },
]

const bodies: HostileInput[] = [
  {
    what: 'an empty body',
    send: (trial) => post(trial, SAMPLES, ''),
    answers: '400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'a body that is cut off within its array',
    send: (trial) => post(trial, SAMPLES, `[${JSON.stringify(item(trial))},{"process":"dev`),
    answers: '400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'bytes that are not UTF-8',
    send: (trial) =>
      post(
        trial,
        SAMPLES,
        Buffer.concat([Buffer.from('[{"process":"device:'), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from('"}]')]),
      ),
    answers: '200 0 accepted, 1 refused: text_invalid',
    letters: ['text_invalid'],
    counts: refused('text_invalid'),
  },
  {
    what: 'an item that is nested 30,000 times',
    send: (trial) => written(trial, `"value":${'['.repeat(30_000)}${']'.repeat(30_000)}`),
    answers: '200 0 accepted, 1 refused: value_invalid',
    letters: ['value_invalid'],
    counts: refused('value_invalid'),
  },
  {
    what: 'an item of 2 MB',
    send: (trial) => written(trial, `"value":1,"note":"${'x'.repeat(2 * MIB)}"`),
    answers: '200 0 accepted, 1 refused: item_too_large',
    letters: ['item_too_large'],
    counts: refused('item_too_large'),
  },
  {
    what: '300,000 items that are no objects',
    send: (trial) => post(trial, SAMPLES, `[${'1,'.repeat(299_999)}1]`),
    answers: '200 0 accepted, 300000 refused: item_malformed',
    letters: ['item_malformed'],
    counts: refused('item_malformed'),
  },
  {
    what: 'a gzip bomb of a thousand to one',
    send: (trial) =>
      post(trial, SAMPLES, gzipSync(Buffer.alloc(200 * MIB, 0x20)), { headers: { 'content-encoding': 'gzip' } }),
    answers: '413 body_too_large',
    letters: ['body_too_large'],
    counts: answered('body_too_large'),
  },
  {
    what: 'a gzip bomb within a gzip bomb: twice packed is not unpacked twice',
    send: (trial) =>
      post(trial, SAMPLES, gzipSync(gzipSync(Buffer.alloc(50 * MIB))), {
        headers: { 'content-encoding': 'gzip, gzip' },
      }),
    answers: '415 encoding_unsupported',
    counts: answered('encoding_unsupported'),
  },
  {
    what: 'gzip that is cut off',
    send: (trial) =>
      post(trial, SAMPLES, gzipSync(JSON.stringify([item(trial)])).subarray(0, -12), {
        headers: { 'content-encoding': 'gzip' },
      }),
    answers: '400 gzip_malformed',
    letters: ['gzip_malformed'],
    counts: letter('gzip_malformed'),
  },
  {
    what: 'another type than it says, and none',
    async send(trial) {
      const xml = await post(trial, SAMPLES, '<sample/>', { type: 'text/xml' })
      return `${xml}; ${await post(trial, SAMPLES, '[]', { type: 'application/json/x' })}`
    },
    answers: '415 type_unsupported; 415 type_unsupported',
    counts: answered('type_unsupported'),
  },
  {
    what: 'brotli, which nobody offered',
    send: (trial) => post(trial, SAMPLES, '[]', { headers: { 'content-encoding': 'br' } }),
    answers: '415 encoding_unsupported',
    counts: answered('encoding_unsupported'),
  },
  {
    what: 'a declared length of 10 GB',
    async send(trial) {
      const head = headOf(trial, SAMPLES, [
        'content-type: application/json',
        'content-length: 10000000000',
        'connection: close',
      ])
      return statusesIn(await rawHttp(trial.world.httpPort, [head, '[']))
    },
    answers: '413',
    letters: ['body_too_large'],
    counts: answered('body_too_large'),
  },
  {
    what: '64 MB in chunks, without a length',
    async send(trial) {
      function* chunks() {
        yield headOf(trial, SAMPLES, [
          'content-type: application/json',
          'transfer-encoding: chunked',
          'connection: close',
        ])
        const chunk = `100000\r\n${' '.repeat(MIB)}\r\n`
        for (let i = 0; i < 64; i++) yield chunk
        yield '0\r\n\r\n'
      }
      return statusesIn(await rawHttp(trial.world.httpPort, chunks()))
    },
    answers: '413',
    letters: ['body_too_large'],
    counts: answered('body_too_large'),
  },
  {
    what: 'a body that the sender breaks off',
    async send(trial) {
      const socket = connect(trial.world.httpPort, '127.0.0.1')
      const head = headOf(trial, SAMPLES, [
        'content-type: application/json',
        'content-length: 1000',
        'expect: 100-continue',
      ])
      socket.write(head)
      await new Promise((resolve) => socket.once('data', resolve))
      socket.write('[')
      socket.destroy()
      return ''
    },
    answers: '',
    letters: ['body_aborted'],
    counts: letter('body_aborted'),
  },
  {
    what: 'two requests in one: a second is smuggled behind a length and chunks',
    async send(trial) {
      const head = headOf(trial, SAMPLES, [
        'content-type: application/json',
        'content-length: 5',
        'transfer-encoding: chunked',
      ])
      return statusesIn(await rawHttp(trial.world.httpPort, [`${head}0\r\n\r\nGET /api/v1/api-keys HTTP/1.1\r\n\r\n`]))
    },
    answers: '400',
    counts: ['driftline_http_malformed_total', { reason: 'malformed' }],
  },
]

const senders: HostileInput[] = [
  {
    what: 'no key, a wrong key, a key that may only read, a key as a cookie',
    async send(trial) {
      const reader = await trial.world.makeKey(`reader ${trial.name}`, 'viewer')
      const tries = [
        { authorization: '' },
        { authorization: 'Bearer nobody' },
        { authorization: `Bearer ${reader.key}` },
        { authorization: '', cookie: `driftline_session=${trial.key.key}` },
      ]
      const told: string[] = []
      for (const headers of tries) told.push(await post(trial, SAMPLES, '[]', { headers }))
      return told.join('; ')
    },
    answers: '401 unauthenticated; 401 unauthenticated; 403 forbidden; 401 unauthenticated',
    counts: answered('unauthenticated'),
  },
  {
    what: 'the key of another tenant: what it sends is never seen here',
    async send(trial) {
      const headers = { authorization: `Bearer ${trial.world.strangerIngestKey}` }
      const body = JSON.stringify([item(trial), item(trial, { value: 'wrong' })])
      const told = await post(trial, SAMPLES, body, { headers })
      const ours = await trial.world.api('GET', `/api/v1/processes/${encodeURIComponent(`device:push:${trial.name}`)}`)
      const letters = await trial.world.api('GET', `/api/v1/dead-letters?q=${trial.name}`)
      return `${told}; ${ours.status}; ${letters.body.items.length} letters`
    },
    answers: '200 1 accepted, 1 refused: value_invalid; 404; 0 letters',
    counts: refused('value_invalid'),
  },
  {
    what: 'another method',
    async send(trial) {
      const response = await fetch(`http://127.0.0.1:${trial.world.httpPort}${SAMPLES}`, {
        headers: { authorization: `Bearer ${trial.key.key}` },
      })
      return `${response.status} ${response.headers.get('allow')}`
    },
    answers: '405 POST',
    counts: answered('method_not_allowed'),
  },
  {
    what: 'a hundred refusals in a row down one connection, read only at the end',
    async send(trial) {
      const body = '[{}]'
      const head = headOf(trial, SAMPLES, ['content-type: application/json', `content-length: ${body.length}`])
      const last = headOf(trial, SAMPLES, [
        'content-type: application/json',
        `content-length: ${body.length}`,
        'connection: close',
      ])
      const told = await rawHttp(trial.world.httpPort, [`${head}${body}`.repeat(99), `${last}${body}`])
      const all = statusesIn(told).split(' ')
      return `${all.length} times ${[...new Set(all)].join(' ')}`
    },
    answers: '100 times 200',
    letters: ['process_invalid'],
    counts: refused('process_invalid'),
  },
]

const csv: HostileInput[] = [
  {
    what: 'CSV with more and fewer fields than columns',
    send: (trial) => post(trial, SAMPLES, `${HEADER}device:x,m\ndevice:x,m,1,,,,,\ndevice:x,m,1,\n`, CSV),
    answers: '200 1 accepted, 2 refused: item_malformed',
    letters: ['item_malformed'],
    counts: refused('item_malformed'),
  },
  {
    what: 'CSV with a quote that is never closed',
    send: (trial) => post(trial, SAMPLES, `${HEADER}device:x,"m,1,\ndevice:x,m,1,\n`, CSV),
    answers: '400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'CSV of 8 MB within one pair of quotes',
    send: (trial) => post(trial, SAMPLES, `${HEADER}device:x,"${'m\n'.repeat(4 * MIB)}",1,\n`, CSV),
    answers: '200 0 accepted, 1 refused: item_too_large',
    letters: ['item_too_large'],
    counts: refused('item_too_large'),
  },
  {
    what: 'CSV with a column twice, an unknown one, none, and a header of 100 kB',
    async send(trial) {
      const told: string[] = []
      for (const head of ['process,metric,value,value', 'process,metric,value,valeu', ',,', 'p'.repeat(100_000)]) {
        told.push(await post(trial, SAMPLES, `${head}\n1,2,3,4\n`, CSV))
      }
      return told.join('; ')
    },
    answers: '400 body_malformed; 400 body_malformed; 400 body_malformed; 400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
  {
    what: 'CSV in UTF-16 with NUL bytes',
    send: (trial) => post(trial, SAMPLES, Buffer.from(`${HEADER}device:x,m,1,\n`, 'utf16le'), CSV),
    answers: '400 body_malformed',
    letters: ['body_malformed'],
    counts: letter('body_malformed'),
  },
]

export const pushDoors: readonly Door[] = [
  {
    name: 'pushed samples',
    inputs: [...values, ...bodies, ...senders, ...csv],
    lettersOf: ({ key }) => ({ source: `push:samples:${key.id}` }),
  },
  {
    name: 'pushed records',
    lettersOf: ({ key }) => ({ source: `push:records:${key.id}` }),
    inputs: [
      {
        what: 'attributes that are nested 15,000 times',
        send: (trial) =>
          post(trial, RECORDS, `[{"process":"log:x","attributes":{"a":${'['.repeat(15_000)}${']'.repeat(15_000)}}}]`),
        answers: '200 0 accepted, 1 refused: attributes_invalid',
        letters: ['attributes_invalid'],
        counts: ['driftline_push_refused_total', { door: 'records', reason: 'attributes_invalid' }],
      },
      {
        what: 'lines that are no objects, a severity of 999, a body that is a list, 300 attributes',
        send: (trial) => {
          const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`a${i}`, i]))
          const items = [{ severity: 999 }, { body: [] }, { attributes: many }, { process: 'host:x' }]
          const lines = items.map((each) => JSON.stringify({ process: 'log:x', ...each }))
          return post(trial, RECORDS, ['nonsense', 'null', ...lines].join('\n'), { type: 'application/x-ndjson' })
        },
        answers:
          '200 0 accepted, 6 refused: attributes_invalid, body_invalid, item_malformed, process_invalid, severity_invalid',
        letters: ['attributes_invalid', 'body_invalid', 'item_malformed', 'process_invalid', 'severity_invalid'],
        counts: ['driftline_push_refused_total', { door: 'records', reason: 'severity_invalid' }],
      },
      {
        what: 'a line of 15 MB without an end',
        send: (trial) => post(trial, RECORDS, 'x'.repeat(15 * MIB), { type: 'application/x-ndjson' }),
        answers: '200 0 accepted, 1 refused: item_too_large',
        letters: ['item_too_large'],
        counts: ['driftline_push_refused_total', { door: 'records', reason: 'item_too_large' }],
      },
    ],
  },
]
