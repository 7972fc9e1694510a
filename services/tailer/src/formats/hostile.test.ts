import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAttributeWriter } from './attributes.ts'
import { cellValue } from './field-of.ts'
import { type FormatName, lineReasons } from './log-format.ts'
import { LINE_BYTES_MAX, parseLines } from './parse-lines.ts'
import { createRecordColumns, type RecordColumns } from './record-columns.ts'
import { formats } from './registry.ts'
import { linesOf, parserOf, readLine } from './testing/read-lines.ts'

const NAMES = formats.map(({ name }) => name)
const settingsOf = (format: FormatName) => ({
  format,
  pattern: '^(?P<time>\\S+) (?P<level>\\w+)(?P<rest>.*)$',
})

/** One good line of each format: mutations of these reach further than noise. */
const SEEDS: Record<FormatName, string> = {
  json: '{"time":"2024-05-01T11:59:58Z","level":"info","a":{"b":[1,{"c":2}]},"msg":"x\\u00e9","d":1.5e3}',
  logfmt: 'ts=2024-05-01T11:59:58Z level=info msg="a \\"b\\"" x=1 duration=12ms',
  common: '127.0.0.1 - frank [10/Oct/2023:13:55:36 -0700] "GET /a?b HTTP/1.0" 200 2326',
  combined: '::1 - - [01/May/2024:11:59:58 +0000] "GET /a?b=1 HTTP/1.1" 200 5 "http://x/" "curl/8" 0.005 0.004',
  'nginx-error': '2024/05/01 11:59:58 [error] 1#2: *3 no, client: ::1, request: "GET / HTTP/1.1", host: "x"',
  'apache-error': '[Wed May 01 11:59:58.123456 2024] [core:error] [pid 1:tid 2] [client 10.0.0.1:99] AH1: x',
  rfc3164: '<34>May  1 11:59:58 host su[12]: failed',
  rfc5424: '<165>1 2024-05-01T11:59:58.003Z h app 12 ID47 [a@1 x="3" y="\\]"] message',
  pattern: '2024-05-01T11:59:58Z INFO hello',
  plain: '2024-05-01 11:59:58,123 ERROR [main] hello',
}

/** What must hold for whatever bytes were read. */
function expectSound(columns: RecordColumns): void {
  const writer = createAttributeWriter()
  for (let row = 0; row < columns.rows; row++) {
    const start = columns.start[row]!
    const end = columns.end[row]!
    expect(lineReasons[columns.reason[row]!]).toBeDefined()
    expect(Number.isFinite(columns.timeMs[row]!)).toBe(true)
    expect(columns.severity[row]).toBeLessThanOrEqual(24)
    expect(columns.status[row]).toBeLessThanOrEqual(999)
    expect(columns.durationS[row]! >= 0 || Number.isNaN(columns.durationS[row]!)).toBe(true)
    expect(columns.messageStart[row]!).toBeGreaterThanOrEqual(start)
    expect(columns.messageEnd[row]!).toBeLessThanOrEqual(end)
    expect(columns.messageStart[row]!).toBeLessThanOrEqual(columns.messageEnd[row]!)
    for (let cell = columns.cellStart[row]!; cell < columns.cellStart[row + 1]!; cell++) {
      expect(columns.cellFrom[cell]!).toBeGreaterThanOrEqual(start)
      expect(columns.cellTo[cell]!).toBeLessThanOrEqual(end)
      expect(columns.cellFrom[cell]!).toBeLessThanOrEqual(columns.cellTo[cell]!)
      const value = cellValue(columns, cell)
      if (typeof value === 'string') expect(value.isWellFormed()).toBe(true)
      if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true)
    }
    const written = writer.write(columns, row)
    if (written > 0) {
      const text = writer.bytes.subarray(0, written)
      // Neither invalid UTF-8 nor invalid JSON may leave: both would stop a consumer.
      expect(() => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))).not.toThrow()
    }
  }
}

const bytes = fc.uint8Array({ maxLength: 200 })
const mutation = fc.record({ at: fc.nat(400), drop: fc.nat(30), insert: fc.uint8Array({ maxLength: 6 }) })

function mutate(seed: string, mutations: readonly { at: number; drop: number; insert: Uint8Array }[]): Buffer {
  let line = Buffer.from(seed)
  for (const { at, drop, insert } of mutations) {
    const from = at % (line.length + 1)
    line = Buffer.concat([line.subarray(0, from), insert, line.subarray(from + drop)])
  }
  return line
}

describe.each(NAMES)('%s', (format) => {
  test('the seed fits', () => {
    expect(readLine(settingsOf(format), SEEDS[format]).reason).toBe('ok')
  })

  test('arbitrary bytes never throw and never leave their line', () => {
    const parser = parserOf(settingsOf(format))
    const columns = createRecordColumns({ rowsMax: 8 })
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 8 }), (lines) => {
        parseLines(parser, linesOf(lines), columns)
        expectSound(columns)
      }),
      { numRuns: 200 },
    )
  })

  test('lines that are nearly right neither', () => {
    const parser = parserOf(settingsOf(format))
    const columns = createRecordColumns({ rowsMax: 8 })
    fc.assert(
      fc.property(
        fc.array(fc.array(mutation, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 }),
        (all) => {
          parseLines(parser, linesOf(all.map((mutations) => mutate(SEEDS[format], mutations))), columns)
          expectSound(columns)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('every beginning of a line is read or refused', () => {
    const seed = Buffer.from(SEEDS[format])
    const parser = parserOf(settingsOf(format))
    const columns = createRecordColumns({ rowsMax: seed.length + 1 })
    parseLines(
      parser,
      linesOf(Array.from({ length: seed.length + 1 }, (_, length) => seed.subarray(0, length))),
      columns,
    )
    expectSound(columns)
  })

  const hostile: [string, Uint8Array][] = [
    ['1 MiB of one letter', Buffer.alloc(LINE_BYTES_MAX, 'a')],
    ['1 MiB of NUL', Buffer.alloc(LINE_BYTES_MAX)],
    ['1 MiB of quotes', Buffer.alloc(LINE_BYTES_MAX, '"')],
    ['1 MiB of equals signs', Buffer.alloc(LINE_BYTES_MAX, 'a=')],
    ['1 MiB of brackets', Buffer.alloc(LINE_BYTES_MAX, '[')],
    ['1 MiB of backslashes', Buffer.alloc(LINE_BYTES_MAX, '\\')],
    ['1 MiB of 0xff', Buffer.alloc(LINE_BYTES_MAX, 0xff)],
    ['1 MiB of braces and keys', Buffer.alloc(LINE_BYTES_MAX, '{"a":')],
    [
      'a good line with 1 MiB behind',
      Buffer.concat([Buffer.from(SEEDS[format]), Buffer.alloc(LINE_BYTES_MAX - 400, 'x')]),
    ],
  ]
  test.each(hostile)('%s', (_, line) => {
    const columns = createRecordColumns({ rowsMax: 1 })
    parseLines(parserOf(settingsOf(format)), linesOf([line]), columns)
    expectSound(columns)
  })

  test('one byte more than 1 MiB is refused', () => {
    expect(readLine(settingsOf(format), Buffer.alloc(LINE_BYTES_MAX + 1, 'a')).reason).toBe('line_too_long')
  })
})

test('the same columns serve sources of different formats, one after the other', () => {
  const columns = createRecordColumns({ rowsMax: 4 })
  for (const format of [...NAMES, ...NAMES.toReversed()]) {
    parseLines(parserOf(settingsOf(format)), linesOf([SEEDS[format], 'no', SEEDS[format]]), columns)
    expectSound(columns)
    expect(columns.reason[0]).toBe(0)
    expect(columns.reason[2]).toBe(0)
  }
})
