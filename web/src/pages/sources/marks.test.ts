import { expect, it } from 'vitest'
import { cutPayload, markText } from './marks.ts'

const text = '{"rms":7.9,"ok":1}'
const show = (marks: { from: number; to: number }[], of = text) =>
  markText(of, marks)
    .map((piece) => (piece.marked ? `[${piece.text}]` : piece.text))
    .join('')

it.each([
  [[{ from: 7, to: 10 }], '{"rms":[7.9],"ok":1}'],
  [
    [
      { from: 16, to: 17 },
      { from: 7, to: 10 },
    ],
    '{"rms":[7.9],"ok":[1]}',
  ],
  [
    [
      { from: 7, to: 10 },
      { from: 8, to: 9 },
    ],
    '{"rms":[7.9],"ok":1}',
  ],
  [
    [
      { from: 7, to: 9 },
      { from: 8, to: 10 },
    ],
    '{"rms":[7.9],"ok":1}',
  ],
  [
    [
      { from: 9, to: 7 },
      { from: 30, to: 40 },
      { from: -5, to: 1 },
    ],
    '[{]"rms":7.9,"ok":1}',
  ],
  [[{ from: 0, to: 99 }], '[{"rms":7.9,"ok":1}]'],
  [[{ from: Number.NaN, to: 3 }], text],
  [[], text],
])('marks %j', (marks, shown) => expect(show(marks)).toBe(shown))

it('keeps every character of any text', () => {
  for (const of of ['', '\u0000', '😀😀', '<b>&amp;</b>'])
    expect(
      markText(of, [{ from: 1, to: 2 }])
        .map((piece) => piece.text)
        .join(''),
    ).toBe(of)
})

it('cuts long payloads, but no character in two', () => {
  expect(cutPayload('abc', 3)).toEqual({ shown: 'abc', more: 0 })
  expect(cutPayload('abcd', 3)).toEqual({ shown: 'abc', more: 1 })
  expect(cutPayload('a😀b', 2)).toEqual({ shown: 'a', more: 3 })
})
