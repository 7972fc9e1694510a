import { expect, it } from 'vitest'
import { leavesOf, leavesOfAll, metricOfPath } from './json-leaves.ts'

const shown = (payload: string) => leavesOf(payload).map((leaf) => `${leaf.path} ${leaf.kind} ${leaf.example}`)

it('finds what stands at the ends of a payload', () => {
  expect(shown('{"ts":1,"vib":{"rms":7.9},"ok":true,"fw":"3.4","none":null}')).toEqual([
    '$.ts number 1',
    '$.vib.rms number 7.9',
    '$.ok boolean true',
    '$.fw text 3.4',
  ])
  expect(shown('[{"v":1},{"v":2,"w":3}]')).toEqual(['$[*].v number 1', '$[*].w number 3'])
  expect(shown('{"a b":{"x":1}}')).toEqual(['$["a b"].x number 1'])
})

it.each(['', 'not json', '41.7', '"text"', 'null', '{}'])('finds nothing in %j', (payload) =>
  expect(leavesOf(payload)).toEqual([]),
)

it('is bounded in depth and number', () => {
  expect(leavesOf(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`)).toEqual([])
  expect(
    leavesOf(JSON.stringify(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i])))),
  ).toHaveLength(200)
  expect(leavesOf('{"__proto__":{"x":1}}')).toHaveLength(1)
})

it('takes a number for what it is, whatever one message said', () => {
  expect(leavesOfAll(['{"a":"n/a"}', '{"a":1}'])).toEqual([{ path: '$.a', kind: 'number', example: '1' }])
})

it.each([
  ['$.vib.rms', 'vib.rms'],
  ['$.list[*].value', 'list.value'],
  ['$["a b"].x', 'a b.x'],
])('%s is called %s', (path, metric) => expect(metricOfPath(path)).toBe(metric))
