import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compilePath, type JsonPath, select, selectEvery } from './json-path.ts'

const path = (text: string): JsonPath => {
  const compiled = compilePath(text)
  if (typeof compiled === 'string') throw new Error(compiled)
  return compiled
}

const document = JSON.parse(
  '{"a":{"b":[{"c":1},{"c":2}]},"list":[{"id":"m1","value":5},{"name":"m2","value":6},{"value":7},{}],"x y":3,"d.e":4,"__proto__":{"c":9},"s":"text","m":[[1,2],[3]]}',
)

test.each<[string, unknown]>([
  ['$', document],
  ['$.a.b[0].c', 1],
  ['$.a.b[-1].c', 2],
  ['$.a.b[7].c', undefined],
  ['$["x y"]', 3],
  ["$['d.e']", 4],
  ['$.d.e', undefined],
  ['$.__proto__.c', 9],
  ['$.a.__proto__', undefined],
  ['$.constructor', undefined],
  ['$.a.b.length', undefined],
  ['$.s.length', undefined],
  ['$.s[0]', undefined],
  ['$.toString', undefined],
])('%s', (text, value) => {
  expect(select(document, path(text))).toEqual(value)
})

test.each<[string, unknown[]]>([
  [
    '$.list[*].value',
    [
      [5, 'm1', 'id'],
      [6, 'm2', 'name'],
      [7, '2', 'index'],
    ],
  ],
  ['$.a.*', [[[{ c: 1 }, { c: 2 }], 'b', 'name']]],
  [
    '$.m[*][*]',
    [
      [1, '0/0', 'index'],
      [2, '0/1', 'index'],
      [3, '1/0', 'index'],
    ],
  ],
  ['$.s[*]', []],
])('%s selects each', (text, expected) => {
  const found = selectEvery(document, path(text), 10)
  expect(found.map(({ value, label, labelKey }) => [value, label, labelKey])).toEqual(expected)
})

test('what a path selects is bounded', () => {
  const wide = Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, () => 1))
  expect(selectEvery(wide, path('$[*][*]'), 64)).toHaveLength(64)
})

test.each([
  'a.b',
  '',
  '$.',
  '$..a',
  '$[a]',
  '$[1',
  '$.a b',
  "$['a]",
  '$[1.5]',
  '$$',
  `$${'.a'.repeat(33)}`,
  `$.${'a'.repeat(600)}`,
])('%j is no path', (text) => {
  expect(compilePath(text)).toEqual(expect.any(String))
})

test('any text compiles or says what is wrong, and any document is walked', () => {
  fc.assert(
    fc.property(
      fc.string().map((text) => `$${text}`),
      fc.jsonValue(),
      (text, value) => {
        const compiled = compilePath(text)
        if (typeof compiled !== 'string') selectEvery(value, compiled, 10)
      },
    ),
  )
})
