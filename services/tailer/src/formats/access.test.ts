import { describe, expect, test } from 'vitest'
import { readLine } from './testing/read-lines.ts'

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0'
const HEAD = '203.0.113.7 - - [01/May/2024:11:59:58 +0000]'

describe('combined', () => {
  test('reads every part of a line', () => {
    const line = `203.0.113.7 - alice [01/May/2024:17:29:58 +0530] "POST /pay/42?x=1&y=2 HTTP/2.0" 201 512 "https://shop.example.com/" "${AGENT}"`
    expect(readLine({ format: 'combined' }, line)).toEqual({
      reason: 'ok',
      time: '2024-05-01T11:59:58.000Z',
      severity: 9,
      status: 201,
      durationS: null,
      message: line,
      attributes: {
        'client.address': '203.0.113.7',
        'user.name': 'alice',
        'http.request.method': 'POST',
        'url.path': '/pay/42',
        'url.query': 'x=1&y=2',
        'network.protocol.version': '2.0',
        'http.response.status_code': 201,
        'http.response.body.size': 512,
        'http.request.header.referer': 'https://shop.example.com/',
        'user_agent.original': AGENT,
      },
      fields: expect.objectContaining({ 'http.response.body.size': 512, 'url.path': '/pay/42' }),
    })
  })

  const tails: [string, string, number | null, Record<string, unknown>][] = [
    ['nginx request time', ' 0.005', 0.005, { 'http.server.request.duration': 0.005 }],
    ['request and upstream time', ' 1.250 1.248', 1.25, { 'nginx.upstream.response_time': 1.248 }],
    ['no upstream', ' 0.000 -', 0, { 'http.server.request.duration': 0 }],
    ['microseconds of Apache', ' 1843', 0.001843, { 'http.server.request.duration_us': 1843 }],
    [
      'forwarded for',
      ' "198.51.100.9, 10.0.0.1"',
      null,
      { 'http.request.header.x-forwarded-for': '198.51.100.9, 10.0.0.1' },
    ],
    ['forwarded for and time', ' "-" 0.120', 0.12, { 'http.server.request.duration': 0.12 }],
    ['keys', ' rt=0.033 uct="0.000" urt="0.032"', 0.033, { 'http.server.request.duration': 0.033 }],
    ['several upstreams', ' 0.300 0.100, 0.200', 0.3, { 'http.server.request.duration': 0.3 }],
    ['words', ' gzip -', null, {}],
    ['an unfinished quote', ' "half', null, {}],
  ]
  test.each(tails)('reads what stands behind: %s', (_, tail, duration, attributes) => {
    const row = readLine({ format: 'combined' }, `${HEAD} "GET / HTTP/1.1" 200 5 "-" "curl/8.5.0"${tail}`)
    expect(row).toMatchObject({ reason: 'ok', durationS: duration, status: 200 })
    expect(row.attributes).toMatchObject(attributes)
  })

  test('takes whole numbers at the end in the unit of the settings', () => {
    const line = `${HEAD} "GET / HTTP/1.1" 200 5 "-" "x" 37`
    expect(readLine({ format: 'combined', durationUnit: 'ms' }, line).durationS).toBe(0.037)
  })

  const requests: [string, string, Record<string, unknown>][] = [
    ['no protocol', 'GET /old', { 'http.request.method': 'GET', 'url.path': '/old' }],
    ['nothing', '-', {}],
    ['empty', '', {}],
    ['TLS on a plain port', '\\x16\\x03\\x01\\x02', { 'url.path': '\\x16\\x03\\x01\\x02' }],
    ['escaped quotes', 'GET /\\"q\\" HTTP/1.1', { 'url.path': '/\\"q\\"', 'network.protocol.version': '1.1' }],
    ['spaces in the target', 'GET /a b c HTTP/1.0', { 'url.path': '/a b c', 'network.protocol.version': '1.0' }],
    ['a query alone', 'GET ? HTTP/1.1', { 'url.path': '', 'url.query': '' }],
    ['connect', 'CONNECT example.com:443 HTTP/1.1', { 'url.path': 'example.com:443' }],
    ['HTTP/3', 'GET / HTTP/3.0', { 'network.protocol.version': '3.0' }],
    ['preface of HTTP/2', 'PRI * HTTP/2.0', { 'http.request.method': 'PRI', 'url.path': '*' }],
    ['a quote in UTF-8', 'GET /café?naïve=1 HTTP/1.1', { 'url.path': '/café', 'url.query': 'naïve=1' }],
  ]
  test.each(requests)('reads requests: %s', (_, request, attributes) => {
    const row = readLine({ format: 'combined' }, `${HEAD} "${request}" 400 0 "-" "-"`)
    expect(row).toMatchObject({ reason: 'ok', status: 400, severity: 13 })
    expect(row.attributes).toMatchObject({
      'client.address': '203.0.113.7',
      'http.response.status_code': 400,
      'http.response.body.size': 0,
      ...attributes,
    })
  })

  const statuses: [string, number, number][] = [
    ['100', 100, 9],
    ['204', 204, 9],
    ['304', 304, 9],
    ['404', 404, 13],
    ['499', 499, 13],
    ['500', 500, 17],
    ['503', 503, 17],
    ['000', 0, 0],
  ]
  test.each(statuses)('takes the severity from the status %s', (status, number, severity) => {
    const row = readLine({ format: 'combined' }, `${HEAD} "GET / HTTP/1.1" ${status} 5 "-" "x"`)
    expect(row).toMatchObject({ status: number, severity })
  })

  const heads: [string, string, Record<string, unknown>][] = [
    ['IPv6', '2001:db8::1 - - ', { 'client.address': '2001:db8::1' }],
    ['a name', 'crawler.example.net - - ', { 'client.address': 'crawler.example.net' }],
    ['a user with spaces', '::1 - John Smith ', { 'client.address': '::1', 'user.name': 'John Smith' }],
    ['a user with a bracket', '::1 - a[b ', { 'user.name': 'a[b' }],
    [
      'a virtual host',
      'www.example.com:443 203.0.113.9 - bob ',
      { 'server.address': 'www.example.com:443', 'client.address': '203.0.113.9', 'user.name': 'bob' },
    ],
    ['a virtual host, nobody', 'a.example:80 ::1 - - ', { 'server.address': 'a.example:80', 'client.address': '::1' }],
    ['an identity', '10.0.0.1 ident frank ', { 'client.address': '10.0.0.1', 'user.name': 'frank' }],
  ]
  test.each(heads)('reads who asked: %s', (_, head, attributes) => {
    const row = readLine({ format: 'combined' }, `${head}[01/May/2024:11:59:58 +0000] "GET / HTTP/1.1" 200 1 "-" "x"`)
    expect(row).toMatchObject({ reason: 'ok', time: '2024-05-01T11:59:58.000Z' })
    expect(row.attributes).toMatchObject(attributes)
  })

  const wrong: [string, string][] = [
    ['nothing', ''],
    ['text', 'hello world'],
    ['common', `${HEAD} "GET / HTTP/1.1" 200 5`],
    ['no user agent', `${HEAD} "GET / HTTP/1.1" 200 5 "-"`],
    ['cut in the agent', `${HEAD} "GET / HTTP/1.1" 200 5 "-" "Moz`],
    ['cut in the request', `${HEAD} "GET /`],
    ['cut in the time', '203.0.113.7 - - [01/May/2024:11'],
    ['a status of two digits', `${HEAD} "GET / HTTP/1.1" 20 5 "-" "x"`],
    ['a status of letters', `${HEAD} "GET / HTTP/1.1" abc 5 "-" "x"`],
    ['no size', `${HEAD} "GET / HTTP/1.1" 200  "-" "x"`],
    ['no brackets', '203.0.113.7 - - 01/May/2024:11:59:58 +0000 "GET / HTTP/1.1" 200 5 "-" "x"'],
    ['ends with a backslash', `${HEAD} "GET / HTTP/1.1" 200 5 "-" "x\\`],
    ['spaces', '      '],
    ['brackets', '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[['],
  ]
  test.each(wrong)('refuses %s', (_, line) => {
    const row = readLine({ format: 'combined' }, line)
    expect(row).toMatchObject({ reason: 'not_combined', time: 'arrival', attributes: null, message: line, fields: {} })
  })

  const times: [string, string, string][] = [
    ['ahead of UTC', '01/May/2024:17:29:59 +0530', '2024-05-01T11:59:59.000Z'],
    ['behind UTC', '01/May/2024:06:00:01 -0600', 'range'],
    ['another day', '30/Apr/2024:23:59:60 -0000', '2024-05-01T00:00:00.000Z'],
    ['leap day', '29/Feb/2024:00:00:00 +0000', '2024-02-29T00:00:00.000Z'],
    ['no leap day', '29/Feb/2023:00:00:00 +0000', 'time_invalid'],
    ['month thirteen', '01/Foo/2024:00:00:00 +0000', 'time_invalid'],
    ['hour 25', '01/May/2024:25:00:00 +0000', 'time_invalid'],
    ['1970', '01/Jan/1970:00:00:00 +0000', 'time_out_of_range'],
    ['2262', '01/Jan/2262:00:00:00 +0000', 'time_out_of_range'],
    ['an hour ahead', '01/May/2024:13:00:00 +0000', 'time_out_of_range'],
    ['no offset', '01/May/2024:11:59:58 xxxxx', 'time_invalid'],
  ]
  test.each(times)('judges times: %s', (_, time, expected) => {
    const row = readLine({ format: 'combined' }, `::1 - - [${time}] "GET / HTTP/1.1" 200 1 "-" "x"`)
    if (expected === 'range') expect(row).toMatchObject({ reason: 'ok', time: '2024-05-01T12:00:01.000Z' })
    else if (expected.includes('T')) expect(row).toMatchObject({ reason: 'ok', time: expected })
    else expect(row).toMatchObject({ reason: expected, time: 'arrival', status: 0 })
  })

  test('writes what is not UTF-8 as U+FFFD', () => {
    const line = Buffer.concat([
      Buffer.from(`${HEAD} "GET /`),
      Buffer.from([0xff, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xe2, 0x82]),
      Buffer.from('x HTTP/1.1" 200 1 "-" "tab\there \u0000 nul"'),
    ])
    const row = readLine({ format: 'combined' }, line)
    expect(row.reason).toBe('ok')
    expect(row.attributes).toMatchObject({
      'url.path': `/${'\ufffd'.repeat(12)}x`,
      'user_agent.original': 'tab\there \u0000 nul',
    })
  })

  test('keeps texts of any length, special bytes anywhere in them', () => {
    for (let length = 1; length < 40; length++) {
      for (let place = 0; place < length; place++) {
        for (const special of ['\\\\', '\u0001', 'é', '\u{1f600}']) {
          const agent = `${'a'.repeat(place)}${special}${'b'.repeat(length - place - 1)}`
          const row = readLine({ format: 'combined' }, `${HEAD} "GET / HTTP/1.1" 200 1 "-" "${agent}"`)
          expect(row.attributes).toMatchObject({ 'user_agent.original': agent })
        }
      }
    }
  })
})

/** Written by nginx 1.22 for requests of curl and a TLS hello on its plain port. */
describe('lines of a real nginx', () => {
  const AT = '127.0.0.1 - - [01/May/2024:11:59:51 +0000]'
  test.each([
    [
      `${AT} "GET /ok?a=1&b=%20 HTTP/1.1" 200 2 "http://r/\\x22x\\x22" "agent \\x22quoted\\x22 \\xC3\\xA9"`,
      '/ok',
      200,
      null,
    ],
    [`${AT} "GET /up/x HTTP/1.1" 502 157 "http://r/\\x22x\\x22" "agent \\x22quoted\\x22" 0.000 0.000`, '/up/x', 502, 0],
    [`${AT} "GET /%c3%a9\\x22q HTTP/1.1" 404 153 "-" "agent" 0.000 -`, '/%c3%a9\\x22q', 404, 0],
    [`${AT} "\\x16\\x03\\x01garbage" 400 157 "-" "-" 0.000 -`, '\\x16\\x03\\x01garbage', 400, 0],
  ])('%s', (line, path, status, duration) => {
    expect(readLine({ format: 'combined' }, line)).toMatchObject({
      reason: 'ok',
      status,
      durationS: duration,
      fields: { 'url.path': path },
    })
  })
})

describe('common', () => {
  test.each([
    ['frank', '127.0.0.1 - frank [10/Oct/2023:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326', null],
    ['no size', '127.0.0.1 - - [10/Oct/2023:13:55:36 -0700] "GET / HTTP/1.0" 304 -', null],
    ['with microseconds', '127.0.0.1 - - [10/Oct/2023:13:55:36 -0700] "GET / HTTP/1.0" 200 12 5321', 0.005321],
    ['with seconds', '127.0.0.1 - - [10/Oct/2023:13:55:36 -0700] "GET / HTTP/1.0" 200 12 0.250', 0.25],
  ])('reads %s', (_, line, duration) => {
    const row = readLine({ format: 'common' }, line)
    expect(row).toMatchObject({ reason: 'ok', time: '2023-10-10T20:55:36.000Z', durationS: duration })
  })

  test.each([
    ['combined', `${HEAD} "GET / HTTP/1.1" 200 5 "-" "x"`],
    ['words behind', `${HEAD} "GET / HTTP/1.1" 200 5 hello`],
    ['text', 'Server started'],
  ])('refuses %s', (_, line) => {
    expect(readLine({ format: 'common' }, line).reason).toBe('not_common')
  })
})
