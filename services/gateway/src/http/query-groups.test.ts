import { expect, it } from 'vitest'
import { groupQuery } from './query-groups.ts'

it.each([
  [{ q: 'x' }, { q: 'x' }],
  [{ 'field.a': '1' }, { field: { a: ['1'] } }],
  [{ 'field[a.b]': '1', 'field.a.b': ['2', '3'] }, { field: { 'a.b': ['1', '2', '3'] } }],
  [
    { fields: '1', field: 'x' },
    { fields: '1', field: 'x' },
  ],
  [{ 'field.': '1' }, { field: { '': ['1'] } }],
])('gathers %j', (query, expected) => {
  expect(JSON.parse(JSON.stringify(groupQuery(query, 'field')))).toEqual(expected)
})

it('refuses a name that would be lost', () => {
  expect(() => groupQuery({ 'field.__proto__': '1' }, 'field')).toThrow('no name')
})

it('leaves a query without groups alone', () => {
  const query = { 'field.a': '1' }
  expect(groupQuery(query, undefined)).toBe(query)
})
