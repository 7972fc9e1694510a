import { expect, it } from 'vitest'
import { type CsvValue, writeCsv } from './csv.ts'

const lineOf = (value: CsvValue): string =>
  writeCsv(['x'], [[value]])
    .toString()
    .split('\r\n')
    .slice(1, -1)
    .join('\r\n')

it.each<[CsvValue, string]>([
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['say "yes"', '"say ""yes"""'],
  ['two\nlines', '"two\nlines"'],
  ['=1+1', `"'=1+1"`],
  ['+49 30', `"'+49 30"`],
  ['-5 apples', `"'-5 apples"`],
  ['@SUM(A1)', `"'@SUM(A1)"`],
  ['  =1', `"'  =1"`],
  ['\t=1', `"'\t=1"`],
  ['\rx', `"'\rx"`],
  ['＝1+1', `"'＝1+1"`],
  ['a=1', 'a=1'],
  [-5, '-5'],
  [0.1, '0.1'],
  [1e21, '1e+21'],
  [Number.NaN, ''],
  [null, ''],
  ['', ''],
])('%j is written as %j', (value, written) => {
  expect(lineOf(value)).toBe(written)
})

it('begins with a byte order mark and ends every line with CRLF', () => {
  const bytes = writeCsv(['a', 'b'], [[1, 'ü']])
  expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf])
  expect(bytes.toString().slice(1)).toBe('a,b\r\n1,ü\r\n')
})
