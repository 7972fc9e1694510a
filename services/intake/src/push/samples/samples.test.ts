import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCsvSplitter, readCsvRecord } from './csv.ts'
import { readCsvHeader, readCsvItem, readSampleItem, readTime } from './item.ts'
import { createArraySplitter, createLineSplitter, type ItemListener, type Splitter } from './json-items.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Items of a text that comes in chunks of a size, and what is wrong with it. */
function split(make: (bytesMax: number, listener: ItemListener) => Splitter, text: string, size = 7, bytesMax = 100) {
  const items: string[] = []
  const tooLong: number[] = []
  const splitter = make(bytesMax, {
    item: (bytes) => items.push(Buffer.from(bytes).toString()),
    tooLong: (start) => tooLong.push(start.length),
  })
  const bytes = encode(text)
  let problem: string | null = null
  for (let at = 0; at < bytes.length && problem === null; at += size)
    problem = splitter.push(bytes.subarray(at, at + size))
  problem ??= splitter.end()
  return { items, tooLong, problem }
}

describe('items of a JSON array', () => {
  test.each([
    ['[]', []],
    [' [ ] ', []],
    ['[1]', ['1']],
    ['[{"a":1},{"b":[1,{"c":2}]}]', ['{"a":1}', '{"b":[1,{"c":2}]}']],
    ['["a,b]","\\"],["]\n', ['"a,b]"', '"\\"],["']],
    ['[{"]":"}"}]', ['{"]":"}"}']],
  ])('%s', (text, items) => {
    for (const size of [1, 2, 1000])
      expect(split(createArraySplitter, text, size)).toEqual({ items, tooLong: [], problem: null })
  })

  test.each([
    ['', 'the body is empty'],
    ['{"a":1}', 'the body is not a JSON array'],
    ['"[1]"', 'the body is not a JSON array'],
    ['[1', 'the body ends within the array'],
    ['["abc', 'the body ends within the array'],
    ['[1,]', 'item 1 of the array is missing'],
    ['[,1]', 'item 0 of the array is missing'],
    ['[1] 2', 'there is more after the end of the array'],
    ['[1][2]', 'there is more after the end of the array'],
  ])('%s: %s', (text, problem) => {
    expect(split(createArraySplitter, text).problem).toBe(problem)
  })

  test('an item beyond the bound is told by its beginning, and the next one is whole', () => {
    const long = `[{"a":"${'x'.repeat(20_000)}"},{"b":1}]`
    expect(split(createArraySplitter, long, 1000)).toEqual({ items: ['{"b":1}'], tooLong: [4096], problem: null })
  })

  test('property: what JSON.stringify joins comes apart again, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.integer({ min: 1, max: 50 }), (values, size) => {
        const { items, problem } = split(createArraySplitter, JSON.stringify(values), size, 1e6)
        expect(problem).toBeNull()
        expect(items.map((item) => JSON.parse(item))).toEqual(JSON.parse(JSON.stringify(values)))
      }),
    )
  })
})

test('lines: empty ones and the last line end do not count', () => {
  expect(split(createLineSplitter, '{"a":1}\r\n\n  \n{"b":2}').items).toEqual(['{"a":1}\r', '{"b":2}'])
  expect(split(createLineSplitter, `${'x'.repeat(500)}\nok\n`)).toMatchObject({ items: ['ok'], tooLong: [500] })
})

describe('CSV', () => {
  const records = (text: string) => split(createCsvSplitter, text).items.map((item) => readCsvRecord(encode(item)))

  test.each([
    [
      'a,b\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a,b\r\n1,2\r\n\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['a,,\n', [['a', '', '']]],
    ['"a,b","c ""d""",e', [['a,b', 'c "d"', 'e']]],
    ['"a\nb",c', [['a\nb', 'c']]],
    ['"",""', [['', '']]],
    ['a"b,c', [null]],
    ['"a"b,c', [null]],
  ])('%j', (text, expected) => {
    expect(records(text)).toEqual(expected)
  })

  test('a body that ends within quotes is wrong as a whole', () => {
    expect(split(createCsvSplitter, 'a\n"b').problem).toBe('the body ends within quotes')
  })

  test('property: quoted fields come back, whatever is in them', () => {
    const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'é', ' ') })
    fc.assert(
      fc.property(fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { minLength: 1 }), (rows) => {
        const text = rows.map((row) => row.map((each) => `"${each.replaceAll('"', '""')}"`).join(',')).join('\r\n')
        expect(records(text)).toEqual(rows)
      }),
    )
  })

  test('bytes that are not UTF-8 are no record', () => {
    expect(readCsvRecord(Uint8Array.of(0x61, 0xff, 0x2c))).toBeNull()
  })

  test.each([
    [['process', 'metric', 'value', 'sensor'], 'there is no column sensor'],
    [['process', 'metric'], 'value is not among them'],
    [['process', 'metric', 'value', 'value'], 'the column value is there twice'],
    [['1', '2', '3'], 'there is no column 1'],
  ])('the header %j: %s', (fields, problem) => {
    expect(readCsvHeader(fields)).toContain(problem)
  })

  test('columns become an item', () => {
    const header = readCsvHeader(['\uFEFFprocess', ' metric', 'value', 'time', 'unit', 'attributes', 'attributes.line'])
    if (typeof header === 'string') throw new Error(header)
    const fields = ['device:a:b', 'level', '1e3', '2026-01-02T03:04:05Z', 'Cel', '{"site":"x","n":5}', '7']
    expect(readCsvItem(header, fields)).toMatchObject({
      series: { process: 'device:a:b', metric: 'level', unit: 'Cel', attributes: { site: 'x', n: '5', line: '7' } },
      timeMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      value: 1000,
    })
    expect(readCsvItem(header, fields.slice(1))).toMatchObject({ reason: 'item_malformed' })
    for (const [value, reason] of [
      ['', 'value_invalid'],
      ['1,5', 'value_invalid'],
      ['0x10', 'value_invalid'],
      ['one', 'value_invalid'],
    ]) {
      expect(readCsvItem(header, fields.with(2, value!))).toMatchObject({ reason })
    }
    expect(readCsvItem(header, fields.with(2, 'NaN'))).toMatchObject({ value: Number.NaN })
    expect(readCsvItem(header, fields.with(2, '-Inf'))).toMatchObject({ value: Number.NEGATIVE_INFINITY })
    expect(readCsvItem(header, fields.with(5, '[1]'))).toMatchObject({ reason: 'attributes_invalid' })
  })
})

describe('a sample', () => {
  const item = { process: 'device:a', metric: 'm', value: 1 }
  test.each([
    [{ ...item, process: 5 }, 'process_invalid'],
    [{ metric: 'm', value: 1 }, 'process_invalid'],
    [{ ...item, metric: null }, 'metric_invalid'],
    [{ ...item, value: '1' }, 'value_invalid'],
    [{ ...item, value: null }, 'value_invalid'],
    [{ ...item, value: true }, 'value_invalid'],
    [{ ...item, unit: 5 }, 'unit_invalid'],
    [{ ...item, kind: 'counter' }, 'kind_unknown'],
    [{ ...item, kind: '__proto__' }, 'kind_unknown'],
    [{ ...item, time: 'yesterday' }, 'time_invalid'],
    [{ ...item, time: {} }, 'time_invalid'],
    [{ ...item, attributes: [1] }, 'attributes_invalid'],
    [{ ...item, attributes: { a: {} } }, 'attributes_invalid'],
    [{ ...item, attributes: 'a=b' }, 'attributes_invalid'],
  ])('%j: %s', (wrong, reason) => {
    expect(readSampleItem(wrong)).toMatchObject({ reason })
  })

  test('attributes with special names are attributes', () => {
    const parsed = JSON.parse('{"process":"device:a","metric":"m","value":1,"attributes":{"__proto__":"p","x":null}}')
    const read = readSampleItem(parsed)
    if ('reason' in read) throw new Error(read.reason)
    expect(Object.entries(read.series.attributes)).toEqual([['__proto__', 'p']])
  })

  test.each([
    ['2026-01-02T03:04:05Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02 03:04:05', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02T03:04:05.123456789+05:30', Date.UTC(2026, 0, 1, 21, 34, 5, 123)],
    ['2026-01-02T03:04z', Date.UTC(2026, 0, 2, 3, 4)],
    [1_790_000_000_000, 1_790_000_000_000],
    [undefined, null],
    ['', null],
  ])('time %s', (time, ms) => {
    expect(readTime(time)).toBe(ms)
  })

  test.each(['host:web-1', 'os:web-1:nginx', 'nobody:x', 'device', 'device:', 'device:a\nb', '__proto__'])(
    'a sample of %s is refused: who pushes speaks for devices, services, logs and flows',
    (process) => {
      expect(readSampleItem({ process, metric: 'm', value: 1 })).toMatchObject({ reason: 'process_invalid' })
    },
  )

  test.each(['2026-13-01T00:00:00Z', '2026-01-02', 'T', '2026-01-02T25:00:00Z'])('%s is no time', (time) => {
    expect(readTime(time)).toMatchObject({ reason: 'time_invalid' })
  })
})
