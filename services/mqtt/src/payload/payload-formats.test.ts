import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PAYLOAD_BYTES_MAX, type PayloadOptions, Refused } from './payload-format.ts'
import { createPayloadReader, guessFormat, payloadFormats } from './payload-formats.ts'
import { parseNumber } from './plain-number.ts'

const read = (format: string, bytes: Buffer | string, options: PayloadOptions = {}): unknown => {
  const rows = createPayloadReader(format, options)!.read(Buffer.from(bytes))
  return rows instanceof Refused ? rows.reason : JSON.parse(JSON.stringify(rows))
}

describe('plain numbers', () => {
  test.each<[string, number | null]>([
    ['21.5', 21.5],
    [' -3 \r\n', -3],
    ['+0.5e-3', 0.0005],
    ['.5', 0.5],
    ['5.', 5],
    ['1E3', 1000],
    ['-0', -0],
    ['true', 1],
    ['ON', 1],
    ['off', 0],
    ['False', 0],
    ['1e999', Number.POSITIVE_INFINITY],
    ['NaN', Number.NaN],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['7,5', null],
    ['1,000', null],
    ['0x10', null],
    ['0b1', null],
    ['1_000', null],
    ['12 mm', null],
    ['1e', null],
    ['1e+', null],
    ['.', null],
    ['-', null],
    ['', null],
    [' ', null],
    ['--1', null],
    ['1.2.3', null],
    ['١٢', null],
    [`${'1'.repeat(65)}`, null],
  ])('%j is %s', (text, value) => {
    expect(parseNumber(text)).toBe(value)
  })

  test('whatever JavaScript writes is read back', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => parseNumber(String(x)) === x))
  })

  test('what is read is what Number reads', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[-+0-9.eE ]{0,12}$/), (text) => {
        const value = parseNumber(text)
        if (value !== null) expect(value).toBe(Number(text))
        else expect(text.trim() === '' || Number.isNaN(Number(text))).toBe(true)
      }),
    )
  })
})

test.each<[string, Buffer | string, unknown]>([
  ['number', '21.5', [21.5]],
  ['number', '7,5', 'payload_not_a_number'],
  ['number', 'nan', 'value_not_finite'],
  ['number', '1e999', 'value_not_finite'],
  ['number', Buffer.from([0xff, 0x31]), 'payload_not_a_number'],
  ['number', '1'.repeat(100), 'payload_not_a_number'],
  ['number', '', 'payload_empty'],
  ['json', '{"a":1}', [{ a: 1 }]],
  ['json', '21.5', [21.5]],
  ['json', '{"a":', 'payload_not_json'],
  ['json', '{"a":NaN}', 'payload_not_json'],
  ['json', Buffer.from([0x22, 0xff, 0x22]), 'payload_not_utf8'],
  ['json', '['.repeat(PAYLOAD_BYTES_MAX), 'payload_not_json'],
  ['json', `${'['.repeat(64)}1${']'.repeat(64)}`, JSON.parse(`${'['.repeat(65)}1${']'.repeat(65)}`)],
  ['json', `${'['.repeat(65)}1${']'.repeat(65)}`, 'nested_too_deep'],
  ['json', `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`, 'nested_too_deep'],
  ['json', ' '.repeat(PAYLOAD_BYTES_MAX + 1), 'payload_too_large'],
  ['json', '\0', 'payload_not_json'],
  ['text', 'online', ['online']],
  ['text', Buffer.from([0xc3, 0x28]), 'payload_not_utf8'],
  ['auto', ' {"a":1}', [{ a: 1 }]],
  ['auto', '[1,2]', [[1, 2]]],
  ['auto', '"on"', ['on']],
  ['auto', ' 7 ', [7]],
  ['auto', 'online', ['online']],
  ['auto', '{broken', 'payload_not_json'],
])('%s reads %j', (format, bytes, expected) => {
  expect(read(format, bytes)).toEqual(expected)
})

describe('CSV', () => {
  const columns = ['t', 'a', 'b']
  test.each<[string, PayloadOptions['csv'], unknown]>([
    ['1,2,3', { header: false, columns }, [{ t: '1', a: '2', b: '3' }]],
    [' 1 , 2 ,3\r\n', { header: false, columns }, [{ t: '1', a: '2', b: '3' }]],
    [
      't;a\n1;2\n\n3;4\n',
      { header: true, delimiter: ';' },
      [
        { t: '1', a: '2' },
        { t: '3', a: '4' },
      ],
    ],
    ['"a,b","say ""hi""",x', { header: false, columns }, [{ t: 'a,b', a: 'say "hi"', b: 'x' }]],
    ['"two\nlines",2', { header: false }, [{ 0: 'two\nlines', 1: '2' }]],
    ['1,2', { header: false, columns }, 'payload_not_csv'],
    ['1,2,3,4', { header: false, columns }, 'payload_not_csv'],
    ['1,,', { header: false, columns }, [{ t: '1', a: '', b: '' }]],
    ['"open', { header: false }, 'payload_not_csv'],
    ['"a"b,c', { header: false }, 'payload_not_csv'],
    ['t,a', { header: true }, 'payload_not_csv'],
    ['t,t\n1,2', { header: true }, 'payload_not_csv'],
    ['\n\n', { header: false }, 'payload_not_csv'],
    ['\uFEFFt,a\n1,2', { header: true }, [{ t: '1', a: '2' }]],
    [','.repeat(300), { header: false }, 'payload_not_csv'],
    ['1\n'.repeat(1001), { header: false }, 'payload_not_csv'],
  ])('%j by %j', (text, csv, expected) => {
    expect(read('csv', text, { csv })).toEqual(expected)
  })

  test('a column named __proto__ is a column', () => {
    const rows = createPayloadReader('csv', { csv: { header: true } })!.read(Buffer.from('__proto__,a\n7,8'))
    expect(Object.entries((rows as object[])[0]!)).toEqual([
      ['__proto__', '7'],
      ['a', '8'],
    ])
    expect(({} as Record<string, unknown>)['a']).toBeUndefined()
  })

  test('what is quoted is read back', () => {
    const cell = fc.string().filter((text) => !text.includes('\uFEFF'))
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 5 }), (rows) => {
        const text = rows.map((row) => row.map((each) => `"${each.replaceAll('"', '""')}"`).join(',')).join('\n')
        expect(read('csv', text, { csv: { header: false } })).toEqual(rows.map((row) => ({ ...row })))
      }),
    )
  })
})

test('any bytes are read or refused by every format, and never throw', () => {
  const options: PayloadOptions = { csv: { header: false, delimiter: ',' } }
  const readers = ['auto', ...payloadFormats.map((format) => format.name)].map(
    (name) => createPayloadReader(name, options)!,
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.json().map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bytes, (each) => {
      for (const reader of readers) {
        const rows = reader.read(Buffer.from(each))
        expect(rows instanceof Refused || Array.isArray(rows)).toBe(true)
      }
    }),
  )
})

test('a format is guessed by its first bytes', () => {
  expect(guessFormat(Buffer.from('{"a":1}'), {}).name).toBe('json')
  expect(guessFormat(Buffer.from('1,2'), { csv: { header: false } }).name).toBe('csv')
  expect(guessFormat(Buffer.from('1,2'), {}).name).toBe('text')
})
