import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor, pageByKey } from './cursors.ts'
import { ProblemError } from './problems.ts'

describe('cursors', () => {
  it('come back as they were made', () => {
    expect(decodeCursor(encodeCursor([1700, 'os:h:ü']), ['number', 'string'])).toEqual([1700, 'os:h:ü'])
    expect(decodeCursor(undefined, ['number'])).toBeNull()
  })

  it.each(['', '!!', 'e30', encodeCursor(['text']), encodeCursor([1, 2]), 'WzFlOTk5XQ'])(
    'refuse %j with the name of the parameter',
    (cursor) => {
      expect(() => decodeCursor(cursor, ['number'])).toThrowError(ProblemError)
      expect(() => decodeCursor(cursor, ['number'])).toThrowError(/^cursor is not/)
    },
  )

  it('walk a whole list, also when items go between the pages', () => {
    const all = ['a', 'b', 'c', 'd', 'e']
    const first = pageByKey(all, String, { limit: 2 })
    expect(first.items).toEqual(['a', 'b'])
    const second = pageByKey(['a', 'c', 'd', 'e'], String, { limit: 2, cursor: first.nextCursor ?? '' })
    expect(second.items).toEqual(['c', 'd'])
    const last = pageByKey(all, String, { limit: 2, cursor: second.nextCursor ?? '' })
    expect(last).toEqual({ items: ['e'], nextCursor: null })
  })
})
