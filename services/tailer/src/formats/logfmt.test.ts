import { describe, expect, test } from 'vitest'
import { readLine } from './testing/read-lines.ts'

const logfmt = { format: 'logfmt' } as const

describe('logfmt', () => {
  const lines: [string, string, object][] = [
    [
      'Go kit',
      'ts=2024-05-01T11:59:58.123Z caller=main.go:42 level=info msg="listening on" addr=:9090',
      {
        severity: 9,
        time: '2024-05-01T11:59:58.123Z',
        message: 'listening on',
        attributes: { caller: 'main.go:42', addr: ':9090' },
      },
    ],
    [
      'logrus',
      'time="2024-05-01T11:59:58Z" level=error msg="it \\"failed\\"" code=5',
      { severity: 17, message: 'it \\"failed\\"', attributes: { code: 5 } },
    ],
    [
      'Heroku',
      'at=info method=GET path="/a b" host=x.example status=503 bytes=1024 service=12ms',
      {
        status: 503,
        attributes: {
          at: 'info',
          method: 'GET',
          path: '/a b',
          host: 'x.example',
          status: 503,
          bytes: 1024,
          service: '12ms',
        },
      },
    ],
    ['durations', 'duration=1.5s a=b', { durationS: 1.5 }],
    ['minutes', 'duration=2m', { durationS: 120 }],
    ['milliseconds by name', 'elapsed_ms=250', { durationS: 0.25 }],
    ['keys alone', 'debug verbose a=1', { attributes: { debug: true, verbose: true, a: 1 } }],
    ['an empty value', 'a= b=""', { attributes: { a: '', b: '' } }],
    [
      'numbers with zeros in front stay text',
      'order=00123 x=-5 y=1e3',
      { attributes: { order: '00123', x: -5, y: 1000 } },
    ],
    ['the last of two', 'a=1 a=2', { attributes: { a: 2 } }],
    ['an equals sign in a value', 'q=a=b c=d', { attributes: { q: 'a=b', c: 'd' } }],
    ['a quote not closed', 'msg="no end', { message: 'no end' }],
    ['a quote that ends in an escape', 'x="a\\', { fields: { x: 'a\\' } }],
    ['glog letters', 'level=E x=1', { severity: 17 }],
    [
      'escapes are resolved',
      'x="a\\nb\\tc" y=1',
      { fields: { x: 'a\nb\tc', y: 1 }, attributes: { x: 'a\nb\tc', y: 1 } },
    ],
    ['tabs between', 'a=1\tb=2', { attributes: { a: 1, b: 2 } }],
    ['hostile keys', '__proto__=1 constructor=2 a=3', { fields: { ['__proto__']: 1, constructor: 2, a: 3 } }],
  ]
  test.each(lines)('%s', (name, line, expected) => {
    const row = readLine(logfmt, line)
    if (name === 'hostile keys') expect(Object.keys(row.fields)).toEqual(['__proto__', 'constructor', 'a'])
    else expect(row).toMatchObject({ reason: 'ok', ...expected })
  })

  test.each([
    ['nothing', ''],
    ['prose', 'the server has started'],
    ['quotes', '"""" """'],
    ['only an equals sign', '= = ='],
    ['NULs', '\u0000\u0000\u0000'],
  ])('refuses %s', (_, line) => {
    expect(readLine(logfmt, line).reason).toBe('not_logfmt')
  })

  test('a time that is none is a verdict', () => {
    expect(readLine(logfmt, 'ts=soon a=1').reason).toBe('time_invalid')
  })
})

describe('plain', () => {
  const lines: [string, number][] = [
    ['ERROR something broke', 17],
    ['2024-05-01 11:59:58,123 WARN  [main] c.e.Service - slow', 13],
    ['[error] it failed', 17],
    ['error: no such file', 17],
    ['Warning: deprecated', 13],
    ['level=fatal msg=x', 21],
    ['<debug> x', 5],
    ['0 errors found', 0],
    ['no error here', 0],
    ['INFORMATION overload is fine', 9],
    ['the TERROR of it', 0],
    ['ERROR_CODE=5', 0],
    ['E1234', 0],
    ['PANIC: out of memory', 21],
    ['CRITICAL - disk', 18],
    ['', 0],
    [`${'x '.repeat(200)}ERROR`, 0],
    ['first line\nERROR second', 0],
    ['NOTICE:  table exists', 10],
    ['TRACE entering', 1],
  ]
  test.each(lines)('finds the level of %j', (line, severity) => {
    expect(readLine({ format: 'plain' }, line)).toMatchObject({
      reason: 'ok',
      severity,
      message: line,
      attributes: null,
    })
  })

  test.each([
    ['2024-05-01 11:59:58,123 INFO x', '2024-05-01T11:59:58.123Z'],
    ['[2024-05-01T11:59:58.5Z] x', '2024-05-01T11:59:58.500Z'],
    ['2024/05/01 11:59:58 x', '2024-05-01T11:59:58.000Z'],
    ['2024-05-01T17:29:58+05:30 x', '2024-05-01T11:59:58.000Z'],
    ['x 2024-05-01 11:59:58', 'arrival'],
    ['2024-05-01 is a day', 'arrival'],
  ])('finds the time at the beginning of %j', (line, time) => {
    expect(readLine({ format: 'plain' }, line).time).toBe(time)
  })
})
