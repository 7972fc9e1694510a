import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeSnappy } from '../testing/snappy-blocks.ts'
import { decodeSnappy } from './snappy.ts'

const MIB = 1024 * 1024
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

test.each([
  ['nothing', bytes(0), ''],
  ['a literal', bytes(3, 2 << 2, 97, 98, 99), 'abc'],
  ['a copy with one byte of offset', bytes(8, 3 << 2, 97, 98, 99, 100, 1, 4), 'abcdabcd'],
  ['a copy with two bytes of offset', bytes(6, 2 << 2, 97, 98, 99, 2 | (2 << 2), 3, 0), 'abcabc'],
  ['a copy with four bytes of offset', bytes(6, 2 << 2, 97, 98, 99, 3 | (2 << 2), 3, 0, 0, 0), 'abcabc'],
  ['a copy that overlaps itself: a run', bytes(9, 0, 97, 2 | (7 << 2), 1, 0), 'aaaaaaaaa'],
  ['a literal with a length of one byte', bytes(3, 60 << 2, 2, 97, 98, 99), 'abc'],
  ['a literal with a length of four bytes', bytes(3, 63 << 2, 2, 0, 0, 0, 97, 98, 99), 'abc'],
])('decodes %s', (_what, block, text) => {
  expect(Buffer.from(decodeSnappy(block, MIB) as Uint8Array).toString()).toBe(text)
})

test.each([
  ['nothing at all', bytes(), 'snappy_malformed'],
  ['a length without end', bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 'snappy_malformed'],
  ['a bomb that declares 4 GiB', bytes(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 97), 'body_too_large'],
  ['a length that so many bytes cannot stand for', bytes(0x80, 0x80, 0x20, 0, 97), 'snappy_malformed'],
  ['a literal beyond the end', bytes(3, 2 << 2, 97), 'snappy_malformed'],
  ['a literal of 4 GiB', bytes(3, 63 << 2, 0xff, 0xff, 0xff, 0xff, 97, 98, 99), 'snappy_malformed'],
  ['a literal longer than declared', bytes(2, 2 << 2, 97, 98, 99), 'snappy_malformed'],
  ['a copy of what is not there yet', bytes(8, 0, 97, 1, 4), 'snappy_malformed'],
  ['a copy with offset 0', bytes(5, 0, 97, 1, 0), 'snappy_malformed'],
  ['a copy beyond what is declared', bytes(3, 0, 97, 2 | (7 << 2), 1, 0), 'snappy_malformed'],
  ['a copy without its offset', bytes(5, 0, 97, 2), 'snappy_malformed'],
  ['less than declared', bytes(4, 2 << 2, 97, 98, 99), 'snappy_malformed'],
])('refuses %s', (_what, block, reason) => {
  expect(decodeSnappy(block, MIB)).toBe(reason)
})

test('property: what is encoded comes back, whatever repeats in it', () => {
  const repetitive = fc
    .array(fc.constantFrom('__name__', 'http_requests_total', 'instance', 'é', '0', '\0'), { maxLength: 400 })
    .map((words) => new TextEncoder().encode(words.join('')))
  fc.assert(
    fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 500 })), (plain) => {
      expect(Buffer.compare(decodeSnappy(encodeSnappy(plain), MIB) as Uint8Array, plain)).toBe(0)
    }),
  )
})

test('property: arbitrary bytes never throw, and never give more than the bound', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (block) => {
      const decoded = decodeSnappy(block, 1000)
      expect(typeof decoded === 'string' || decoded.length <= 1000).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
