import { expect, it } from 'vitest'
import { createJsonPaths } from './json-path.ts'
import { createTimeLimit } from './time-limit.ts'

const paths = createJsonPaths({ limit: createTimeLimit(500) })
const document = { a: { b: [1, { c: 2 }], d: null }, list: [{ n: 1 }, { n: 2 }], 'x y': 3 }

it.each([
  ['$', document],
  ['$.a.d', null],
  ['a.b', [1, { c: 2 }]],
  ['$.a.b[1].c', 2],
  ['$.list[*].n', [1, 2]],
  ['$.list[?@.n > 1].n', 2],
  ['$["x y"]', 3],
  ['$.missing', undefined],
  ['$.a.d.e', undefined],
  ['$.list.length', undefined],
  ['$.toString', undefined],
  ['$.__proto__', undefined],
])('finds %s', (path, value) => {
  expect(paths.find(path, document)).toEqual(value)
})

it.each(['$.a[', '$..[', '$.a b'])('refuses %s', (path) => {
  expect(() => paths.find(path, document)).toThrow('is not a JSONPath')
})
