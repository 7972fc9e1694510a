import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseLines } from './parse-lines.ts'
import { createRecordColumns } from './record-columns.ts'
import { linesOf, parserOf, readColumns, readLine, rowOf } from './testing/read-lines.ts'

const json = { format: 'json' } as const

describe('what loggers write', () => {
  const lines: [string, string, object][] = [
    [
      'pino',
      '{"level":30,"time":1714564799000,"pid":12,"hostname":"web-1","msg":"hello"}',
      { severity: 9, time: '2024-05-01T11:59:59.000Z', message: 'hello' },
    ],
    [
      'pino, an error',
      '{"level":50,"time":1714564799123,"msg":"no","err":{"type":"Error"}}',
      { severity: 17, time: '2024-05-01T11:59:59.123Z' },
    ],
    [
      'bunyan',
      '{"name":"api","level":40,"time":"2024-05-01T11:59:59.123Z","msg":"slow","v":0}',
      { severity: 13, time: '2024-05-01T11:59:59.123Z' },
    ],
    [
      'zap',
      '{"level":"error","ts":1714564799.5,"caller":"m.go:1","msg":"x","latency":"12.5ms"}',
      { severity: 17, time: '2024-05-01T11:59:59.500Z', durationS: 0.0125 },
    ],
    [
      'logrus',
      '{"level":"warning","msg":"x","time":"2024-05-01T17:29:59+05:30"}',
      { severity: 13, time: '2024-05-01T11:59:59.000Z' },
    ],
    [
      'slog',
      '{"time":"2024-05-01T11:59:59.123456789Z","level":"INFO","msg":"hi"}',
      { severity: 9, time: '2024-05-01T11:59:59.123Z' },
    ],
    [
      'Serilog',
      '{"Timestamp":"2024-05-01T11:59:59.1230000+00:00","Level":"Information","MessageTemplate":"x"}',
      { severity: 9, time: '2024-05-01T11:59:59.123Z' },
    ],
    [
      'Logback',
      '{"@timestamp":"2024-05-01T11:59:59.123+00:00","level":"WARN","message":"m"}',
      { severity: 13, message: 'm' },
    ],
    [
      'ECS',
      '{"@timestamp":"2024-05-01T11:59:59Z","log":{"level":"fatal"},"event":{"duration":2500000}}',
      { severity: 21, durationS: 0.0025 },
    ],
    [
      'structlog',
      '{"event":"x","level":"critical","timestamp":"2024-05-01 11:59:59"}',
      { severity: 18, time: '2024-05-01T11:59:59.000Z' },
    ],
    [
      'Docker',
      '{"log":"hello\\n","stream":"stdout","time":"2024-05-01T11:59:59.000000001Z"}',
      { message: 'hello\\n', severity: 0 },
    ],
    [
      'MongoDB',
      '{"t":{"$date":"2024-05-01T13:59:59.123+02:00"},"s":"I","msg":"m"}',
      { time: '2024-05-01T11:59:59.123Z', message: 'm' },
    ],
    [
      'GELF',
      '{"short_message":"m","level":3,"timestamp":1714564799.25}',
      { severity: 17, time: '2024-05-01T11:59:59.250Z', message: 'm' },
    ],
    [
      'OpenTelemetry',
      '{"timestamp":1714564799000000000,"severityNumber":14,"body":"b"}',
      { severity: 14, time: '2024-05-01T11:59:59.000Z' },
    ],
    ['microseconds', '{"ts":1714564799000000,"level":"debug"}', { severity: 5, time: '2024-05-01T11:59:59.000Z' }],
    ['http', '{"level":30,"res":{"statusCode":503},"responseTime":17}', { status: 503, durationS: 0.017 }],
    ['status as text', '{"status":"404","duration_ms":1500}', { status: 404, durationS: 1.5 }],
    ['a status that is a word', '{"status":"active"}', { status: 0 }],
    ['duration in words', '{"elapsed":"300µs"}', { durationS: 0.0003 }],
    ['duration without a unit', '{"elapsed":12}', { durationS: null }],
    ['negative duration', '{"duration_s":-1}', { durationS: null }],
    ['white space', ' \t{ "a" : 1 , "level" : "info" } \r', { severity: 9, fields: { a: 1, level: 'info' } }],
    ['empty', '{}', { fields: {} }],
    ['zero level', '{"level":0,"msg":"x"}', { severity: 21 }],
  ]
  test.each(lines)('%s', (_, line, expected) => {
    expect(readLine(json, line)).toMatchObject({ reason: 'ok', attributes: null, ...expected })
  })

  test('fields of the settings go before usual names', () => {
    const line =
      '{"time":"2020-01-01T00:00:00Z","when":1714564799,"level":"info","sev":"error","took":3,"duration_ms":9}'
    const settings = {
      ...json,
      timeField: 'when',
      timeFormat: 's',
      levelField: 'sev',
      durationField: 'took',
      durationUnit: 'ms',
    } as const
    expect(readLine(settings, line)).toMatchObject({ time: '2024-05-01T11:59:59.000Z', severity: 17, durationS: 0.003 })
  })

  test('local times are read in the zone of the settings, across the change of summer time', () => {
    const times = [
      '2024-03-31 01:59:59',
      '2024-03-31 03:00:00',
      '2023-10-29 01:30:00',
      '2023-10-29 03:30:00',
      '2024-05-01 13:59:59',
    ]
    const columns = readColumns(
      { ...json, timeZone: 'Europe/Berlin' },
      times.map((time) => `{"time":"${time}"}`),
    )
    expect(times.map((_, row) => rowOf(columns, row).time)).toEqual([
      '2024-03-31T00:59:59.000Z',
      '2024-03-31T01:00:00.000Z',
      '2023-10-28T23:30:00.000Z',
      '2023-10-29T02:30:00.000Z',
      '2024-05-01T11:59:59.000Z',
    ])
  })

  test.each([
    ['1970', '{"time":0}', 'time_out_of_range'],
    ['2262', '{"time":"2262-04-11T23:47:16Z"}', 'time_out_of_range'],
    ['a word', '{"time":"yesterday"}', 'time_invalid'],
    ['NaN', '{"time":"NaN"}', 'time_invalid'],
    ['infinite', '{"time":1e999}', 'time_invalid'],
    ['no such day', '{"time":"2024-02-30T00:00:00Z"}', 'time_invalid'],
    ['text behind', '{"time":"2024-05-01T11:59:59Zzz"}', 'time_invalid'],
    ['empty', '{"time":""}', 'time_invalid'],
    ['negative', '{"time":-5}', 'time_out_of_range'],
  ])('a time that is none is a verdict: %s', (_, line, reason) => {
    expect(readLine(json, line)).toMatchObject({ reason, time: 'arrival' })
  })

  test('a time that is null or an object is no time', () => {
    expect(readLine(json, '{"time":null,"a":1}')).toMatchObject({ reason: 'ok', time: 'arrival' })
    expect(readLine(json, '{"time":{"sec":1}}')).toMatchObject({ reason: 'ok', fields: { 'time.sec': 1 } })
  })
})

describe('flattening', () => {
  const shapes: [string, string, Record<string, unknown>][] = [
    ['objects with dots', '{"a":{"b":{"c":1}},"d":2}', { 'a.b.c': 1, d: 2 }],
    ['arrays as their text', '{"a":[1,{"b":[]}],"c":3}', { a: '[1,{"b":[]}]', c: 3 }],
    ['empty objects', '{"a":{},"b":{"c":{}},"d":1}', { d: 1 }],
    ['the last of two', '{"a":1,"b":2,"a":"x"}', { a: 'x', b: 2 }],
    ['a key that looks like a path', '{"a.b":1,"a":{"b":2}}', { 'a.b': 2 }],
    ['literals', '{"a":true,"b":false,"c":null}', { a: true, b: false, c: undefined }],
    ['escapes', '{"a":"x\\n\\u00e9\\"\\/\\\\"}', { a: 'x\né"/\\' }],
    ['escaped keys', '{"\\u0061b":1,"q\\"":2}', { ab: 1, 'q"': 2 }],
    ['lone surrogates', '{"a":"\\ud800x","b":"\\udc00"}', { a: '\ufffdx', b: '\ufffd' }],
    ['a pair of surrogates', '{"a":"\\ud83d\\ude00"}', { a: '😀' }],
    [
      'numbers',
      '{"a":-0.5,"b":1e3,"c":1E-2,"d":0,"e":123456789012345678}',
      { a: -0.5, b: 1000, c: 0.01, d: 0, e: 123456789012345680 },
    ],
    ['numbers that no double holds', '{"a":1e999,"b":-1e999}', { a: '1e999', b: '-1e999' }],
    ['empty keys', '{"":1,"a":{"":2}}', { '': 1, 'a.': 2 }],
  ]
  test.each(shapes)('%s', (_, line, fields) => {
    expect(readLine(json, line)).toMatchObject({ reason: 'ok', fields })
  })

  test('hostile keys are keys like others', () => {
    const row = readLine(json, '{"__proto__":{"polluted":1},"constructor":{"prototype":{"x":2}},"toString":3}')
    expect(Object.keys(row.fields).sort()).toEqual(['__proto__.polluted', 'constructor.prototype.x', 'toString'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('objects deeper than eight are one value', () => {
    const deep = `${'{"a":'.repeat(12)}1${'}'.repeat(12)}`
    const { fields, reason } = readLine(json, deep)
    expect(reason).toBe('ok')
    expect(fields).toEqual({ 'a.a.a.a.a.a.a.a.a': '{"a":{"a":{"a":1}}}' })
  })

  test.each([
    ['objects', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
    ['arrays', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['unclosed arrays', `{"a":${'['.repeat(100_000)}`],
  ])('depth without end is refused: %s', (_, line) => {
    expect(readLine(json, line).reason).toBe('json_too_deep')
  })

  test('fields are bounded per line, names per source, and what is left out is counted', () => {
    const wide = `{${Array.from({ length: 1_000 }, (_, i) => `"k${i}":${i}`).join(',')},"level":"error"}`
    const columns = readColumns(json, [wide])
    expect(columns.cells).toBe(256)
    expect(columns.leftOutFields).toBe(1_001 - 256)
    expect(columns.severity[0]).toBe(17)

    const parser = parserOf(json)
    const many = createRecordColumns({ rowsMax: 1_000 })
    for (let batch = 0; batch < 20; batch++) {
      const lines = Array.from({ length: 1_000 }, (_, i) => `{"id${batch * 1_000 + i}":1,"msg":"m"}`)
      parseLines(parser, linesOf(lines), many)
    }
    expect(parser.names.size).toBeLessThanOrEqual(2_048)
    expect(many.leftOutFields).toBe(1_000)
    expect(rowOf(many, 999).message).toBe('m')
  })
})

describe('what is no JSON object', () => {
  test.each([
    ['nothing', ''],
    ['text', 'panic: runtime error'],
    ['an array', '[1,2]'],
    ['a number', '42'],
    ['cut', '{"a":"b'],
    ['cut behind a key', '{"a"'],
    ['cut behind a colon', '{"a":'],
    ['cut behind a value', '{"a":1'],
    ['two objects', '{"a":1}{"b":2}'],
    ['a comma too many', '{"a":1,}'],
    ['no comma', '{"a":1 "b":2}'],
    ['single quotes', "{'a':1}"],
    ['a bare key', '{a:1}'],
    ['NaN', '{"a":NaN}'],
    ['leading zeros', '{"a":01}'],
    ['a point at the end', '{"a":1.}'],
    ['a plus', '{"a":+1}'],
    ['an exponent without digits', '{"a":1e}'],
    ['a half literal', '{"a":tru}'],
    ['a wrong escape', '{"a":"\\x41"}'],
    ['a short escape', '{"a":"\\u00e"}'],
    ['a tab in a string', '{"a":"\t"}'],
    ['NUL in a string', '{"a":"\u0000"}'],
    ['NUL around', '\u0000{"a":1}'],
    ['a wrong bracket', '{"a":[1}'],
    ['an array with a comma too many', '{"a":[1,]}'],
    ['text behind', '{"a":1} tail'],
    ['a comma first', '{,"a":1}'],
    ['an object in an array without a colon', '{"a":[{"b"}]}'],
  ])('%s', (_, line) => {
    expect(readLine(json, line)).toMatchObject({ reason: 'not_json', message: line, fields: {}, time: 'arrival' })
  })

  test('a stack trace between objects tells its level by its words', () => {
    expect(readLine(json, 'ERROR failed to connect')).toMatchObject({ reason: 'not_json', severity: 17 })
  })
})

/** What `JSON.parse` answers, flattened as the format does it. */
function flatten(
  value: object,
  prefix: string | null,
  depth: number,
  into: Map<string, unknown>,
): Map<string, unknown> {
  for (const [key, member] of Object.entries(value)) {
    const name = prefix === null ? key : `${prefix}.${key}`
    if (member !== null && typeof member === 'object' && !Array.isArray(member) && depth < 8)
      flatten(member, name, depth + 1, into)
    else into.set(name, member)
  }
  return into
}

describe('properties', () => {
  test('reads whatever JSON.stringify writes as JSON.parse does', () => {
    const keys = fc.oneof(
      fc.string({ maxLength: 8, unit: 'grapheme' }),
      fc.constantFrom('__proto__', 'constructor', 'a', 'b', 'é'),
    )
    const values = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
      ),
    })).value
    fc.assert(
      fc.property(fc.dictionary(keys, values, { maxKeys: 6 }), fc.boolean(), (object, spaced) => {
        const text = JSON.stringify(object, null, spaced ? 1 : 0)
        const row = readLine({ ...json, timeField: 'never', levelField: 'never' }, text)
        expect(row.reason).toBe('ok')
        const expected = flatten(JSON.parse(text) as object, null, 0, new Map())
        for (const [name, value] of expected) {
          if (Array.isArray(value) || (value !== null && typeof value === 'object')) {
            expect(JSON.parse(String(row.fields[name]))).toEqual(value)
          } else
            expect(Object.is(row.fields[name], -0) ? 0 : row.fields[name]).toEqual(
              value === null
                ? undefined
                : Object.is(value, -0)
                  ? 0
                  : typeof value === 'string'
                    ? value.toWellFormed()
                    : value,
            )
        }
      }),
      { numRuns: 500 },
    )
  })

  test('takes and refuses what JSON.parse takes and refuses', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '1',
      '-',
      '.5',
      'e1',
      'true',
      'null',
      '\\',
      ' ',
      'x',
      '{"a":',
      '"b":2',
      '\\u00',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (parts) => {
        const text = `{"k":1,${parts.join('')}`
        let valid = true
        try {
          JSON.parse(text)
        } catch {
          valid = false
        }
        expect(readLine({ ...json, timeField: 'never' }, text).reason === 'ok').toBe(valid)
      }),
      { numRuns: 3_000 },
    )
  })
})
