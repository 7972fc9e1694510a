import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beginsUnindented, createRecordSpans, type Flush, type Framing, frameRecords } from './frame.ts'

const lines: Framing = { recordBytesMax: 16, begins: null, recordLinesMax: 4 }
const groups: Framing = { recordBytesMax: 64, begins: beginsUnindented, recordLinesMax: 4 }

function frame(
  text: string | Buffer,
  framing: Framing,
  options = { skipping: false, flush: 'none' as Flush },
  recordsMax = 100,
) {
  const buffer = Buffer.from(text as string)
  const spans = createRecordSpans(recordsMax)
  const framed = frameRecords(buffer, spans, framing, options)
  const records = Array.from({ length: spans.count }, (_, i) =>
    buffer.toString('latin1', spans.starts[i]!, spans.ends[i]!),
  )
  return { records, ...framed, cut: [...spans.cut] }
}

const long = 'x'.repeat(20)

describe('lines', () => {
  test.each([
    ['nothing', '', [], 0, false],
    ['one and a half', 'a\nbc', ['a'], 2, false],
    ['carriage returns', 'a\r\nb\r\n', ['a', 'b'], 6, false],
    ['empty lines', '\n\r\n\na\n', ['a'], 6, false],
    ['NUL bytes before a line', '\0\0\0a\nb\0c\n', ['a', 'b\0c'], 9, false],
    ['NUL bytes alone', '\0\0\0', [], 0, false],
    ['more NUL bytes than a line has', '\0'.repeat(20), [], 20, false],
    ['a line too long', `${long}\nb\n`, ['x'.repeat(16), 'b'], 23, false],
    ['a line too long without its end', `a\n${long}`, ['a', 'x'.repeat(16)], 22, true],
    ['a line of the longest length', `${'x'.repeat(16)}\n`, ['x'.repeat(16)], 17, false],
  ])('%s', (_, text, records, consumed, skipping) => {
    expect(frame(text, lines)).toMatchObject({ records, consumed, skipping })
  })

  test('a flush takes what has no newline', () => {
    expect(frame('a\nbc', lines, { skipping: false, flush: 'all' as Flush })).toMatchObject({
      records: ['a', 'bc'],
      consumed: 4,
    })
  })

  test('the rest of a line that was too long is left out', () => {
    const skipping = { skipping: true, flush: 'none' as Flush }
    expect(frame(long, lines, skipping)).toMatchObject({ records: [], consumed: 20, skipping: true })
    expect(frame(`${long}\nb\n`, lines, skipping)).toMatchObject({ records: ['b'], consumed: 23, skipping: false })
  })

  test('no more records than there is room for', () => {
    expect(frame('a\nb\nc\n', lines, undefined, 2)).toMatchObject({ records: ['a', 'b'], consumed: 4 })
  })
})

describe('records of many lines', () => {
  test.each([
    ['a trace', 'boom\n at a\n at b\nnext\n', 'none', ['boom\n at a\n at b'], 17],
    ['flushed', 'boom\n at a\n', 'all', ['boom\n at a'], 11],
    ['an empty line within', 'boom\n\n at b\nnext\n', 'none', ['boom\n\n at b'], 12],
    ['without a beginning', ' at a\nnext\n', 'none', [' at a'], 6],
    ['carriage returns', 'boom\r\n at a\r\nnext\r\n', 'none', ['boom\r\n at a'], 13],
    ['too many lines', 'a\n b\n c\n d\n e\nf\n', 'none', ['a\n b\n c\n d', ' e'], 14],
    ['whole lines only', 'boom\n at a\nne', 'lines', ['boom\n at a'], 11],
    ['a line that is not complete', 'boom\n at', 'none', [], 0],
  ])('%s', (_, text, flush, records, consumed) => {
    expect(frame(text, groups, { skipping: false, flush: flush as Flush })).toMatchObject({ records, consumed })
  })

  test('a record that grows too long ends before the line that is too much', () => {
    const text = `boom\n ${'a'.repeat(40)}\n ${'b'.repeat(40)}\nnext\n`
    expect(frame(text, groups).records).toEqual([`boom\n ${'a'.repeat(40)}`, ` ${'b'.repeat(40)}`])
  })

  test('a line too long within is a record of its own, cut', () => {
    expect(frame(`boom\n ${'a'.repeat(100)}\nnext\nx\n`, groups)).toMatchObject({
      records: ['boom', ` ${'a'.repeat(63)}`, 'next'],
      cut: [5],
    })
  })
})

test('property: in whatever pieces the bytes come, the records are the same', () => {
  const piece = fc.constantFrom('a', 'bb', ' c', '\n', '\r\n', '\0', 'x'.repeat(9), ' '.repeat(30))
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 40 }),
      fc.array(fc.nat(30), { maxLength: 20 }),
      fc.constantFrom(lines, groups),
      fc.integer({ min: 1, max: 5 }),
      (pieces, steps, framing, recordsMax) => {
        // Every read offers more than one record may take, as the reader does.
        const bytes = Buffer.from(`${pieces.join('')}\n`)
        const whole = frame(bytes, framing, { skipping: false, flush: 'all' as Flush }, 1000)
        const records: string[] = []
        let at = 0
        let skipping = false
        for (let turn = 0; at < bytes.length; turn++) {
          const isLast = turn >= steps.length
          const to = isLast ? bytes.length : Math.min(bytes.length, at + framing.recordBytesMax + 2 + steps[turn]!)
          const got = frame(
            bytes.subarray(at, to),
            framing,
            { skipping, flush: to === bytes.length ? 'all' : 'none' },
            recordsMax,
          )
          records.push(...got.records)
          at += got.consumed
          skipping = got.skipping
          expect(turn).toBeLessThan(500)
        }
        expect(records).toEqual(whole.records)
      },
    ),
  )
})
