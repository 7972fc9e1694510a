import { expect, it } from 'vitest'
import type { LogLine } from '../../api/log-types.ts'
import { lineText, marksOf, mergeNewer, templatePieces } from './line-view.ts'

it.each([
  ['Card REFUSED by card office', ['card', 'refused'], ['Card', 'card', 'REFUSED']],
  ['aaa', ['aa'], ['aa']],
  ['a.b', ['.'], ['.']],
  ['none', ['x'], []],
  ['anything', [''], []],
  ['İstanbul', ['stanbul'], []],
])('in %j the terms %j mark %j', (text, terms, found) =>
  expect(marksOf(text, terms).map(({ from, to }) => text.slice(from, to))).toEqual(found),
)

it('says the message of a record before its fields', () => {
  const fields = { msg: 'paid', amount: 184500, level: 'info', user: 'op-1', ok: true }
  expect(lineText({ body: '{"msg":"paid"}', fields })).toEqual({
    message: 'paid',
    fields: 'amount=184500 user=op-1 ok=true',
  })
  expect(lineText({ body: 'GET /x 200\n', fields: { status: 200 } })).toEqual({ message: 'GET /x 200', fields: '' })
  expect(lineText({ body: '{"a":1}', fields: { a: 1 } })).toEqual({ message: '{"a":1}', fields: '' })
})

it('cuts a template at what differs', () => {
  expect(templatePieces('paid <*> to <*>').map((piece) => piece.differs)).toEqual([false, true, false, true])
  expect(templatePieces('')).toEqual([])
})

it('puts new lines first, each once, within its bound', () => {
  const line = (id: string, second: number) =>
    ({ id, time: new Date(1e12 + second * 1000).toISOString(), body: id }) as LogLine
  const shown = [line('b', 2), line('a', 1)]
  expect(mergeNewer(shown, [line('c', 3), line('b', 2)], 10).map((one) => one.id)).toEqual(['c', 'b', 'a'])
  expect(mergeNewer(shown, [line('b', 2)], 10)).toBe(shown)
  expect(mergeNewer(shown, [line('c', 3)], 2).map((one) => one.id)).toEqual(['c', 'b'])
})
