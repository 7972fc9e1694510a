import fc from 'fast-check'
import { expect, test } from 'vitest'
import { markJson } from './json-marks.ts'
import { compilePath, select } from './json-path.ts'

const marked = (text: string, ...paths: string[]): string[] =>
  markJson(text, paths).map(({ from, to }) => text.slice(from, to))

test.each<[string, string[], string[]]>([
  [
    '{"ts":1,"vib": { "rms" : 7.9 },"cycle_ms":6840,"ok":true}',
    ['$.cycle_ms', '$.vib.rms', '$.ok'],
    ['7.9', '6840', 'true'],
  ],
  ['{"rms":1,"vib":{"rms":2}}', ['$.vib.rms'], ['2']],
  ['{"list":[{"v":1},{"v":2}]}', ['$.list[*].v'], ['1', '2']],
  ['{"list":[{"v":1},{"v":2}]}', ['$.list[1].v'], ['2']],
  ['{"a\\"b":"x\\"y","c":"z"}', ['$["a\\"b"]', '$.c'], ['"x\\"y"', '"z"']],
  [' 21.5 ', ['$'], ['21.5']],
  ['{"a":1,"b":2', ['$.a', '$.b'], ['1', '2']],
  ['{"a":1,"b":"cut', ['$.a', '$.b'], ['1']],
  ['{"a":{},"b":[],"c":3}', ['$.c'], ['3']],
  ['not json', ['$.a'], []],
  ['{"a":1}', ['no path'], []],
])('%s at %j is %j', (text, paths, values) => {
  expect(marked(text, ...paths)).toEqual(values)
})

test('what is marked is what a path selects', () => {
  const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.string())
  const value = fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.oneof(leaf, fc.record({ x: leaf, y: leaf })), {
    noNullPrototype: true,
  })
  fc.assert(
    fc.property(value, fc.nat(4), (document, indent) => {
      const text = JSON.stringify(document, null, indent)
      for (const key of Object.keys(document)) {
        const path = compilePath(`$.${key}.x`)
        const selected = typeof path === 'string' ? undefined : select(document, path)
        expect(marked(text, `$.${key}.x`)).toEqual(selected === undefined ? [] : [JSON.stringify(selected)])
      }
    }),
  )
})

test('any text is walked', () => {
  fc.assert(fc.property(fc.string(), (text) => void markJson(text, ['$.a', '$[*]', '$'])))
  expect(markJson('['.repeat(10_000), ['$'])).toEqual([])
})
