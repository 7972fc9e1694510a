import { describe, expect, it } from 'vitest'
import { definitionErrors, patternError } from './source-checks.ts'

describe('patterns', () => {
  it.each([
    ['(abc', 0, 4],
    ['ok a**', 4, 2],
    ['x [z-a]', 3, 3],
    ['(?<a>x)(?=y)', 7, 3],
    ['tail\\', 0, 5],
    ['no group', 0, 8],
    ['(?<a>u{900}v{900}w{900}x{900}y{900})', 0, 36],
  ])('%s is wrong from %i on', (pattern, offset, length) => {
    expect(patternError('p', pattern, true)).toMatchObject({ parameter: 'p', offset, length })
  })

  it.each(['(?<status>[0-9]+)', '(?P<status>[0-9]+) .*'])('%s is right', (pattern) => {
    expect(patternError('p', pattern, true)).toBeNull()
  })

  it('that begin a record need no groups', () => {
    expect(patternError('p', '^[0-9]{4}-', false)).toBeNull()
  })
})

describe('definitions', () => {
  const file = (more: object) => ({ paths: ['/var/log/a'], ...more })
  it.each<[string, object, string[]]>([
    ['all is well', file({}), []],
    ['a pattern is missing', file({ reading: { format: 'pattern' } }), ['definition.reading.pattern']],
    ['a start is wrong', file({ multiline: { start: '(' } }), ['definition.multiline.start']],
    ['a path is relative', file({ paths: ['a'] }), ['definition.paths.0']],
    [
      'two expressions are wrong',
      file({
        reading: { rules: ['a >', 'b > 1', 'rate(a, 1m) > 1'].map((expression) => ({ name: 'r', expression })) },
      }),
      ['definition.reading.rules.0.expression', 'definition.reading.rules.2.expression'],
    ],
  ])('%s', (_, definition, parameters) => {
    expect(definitionErrors('file', definition).map(({ parameter }) => parameter)).toEqual(parameters)
  })
})
