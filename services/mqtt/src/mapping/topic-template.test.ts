import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createTopicMatcher, type TopicMatch } from './topic-matcher.ts'
import { isTopicName, parseTemplate, type TopicTemplate } from './topic-template.ts'

const template = (text: string): TopicTemplate => {
  const parsed = parseTemplate(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value
}

test.each([
  ['plant/{site}/{machine}/{metric}', 'plant/+/+/+', ['site', 'machine', 'metric']],
  ['a/{rest...}', 'a/#', ['rest']],
  ['{all...}', '#', ['all']],
  ['a/+/{b}/#', 'a/+/+/#', ['b']],
  ['/leading//empty/', '/leading//empty/', []],
])('%s subscribes to %s', (text, filter, placeholders) => {
  expect(template(text)).toMatchObject({ filter, placeholders })
})

test.each([
  ['', 'at least one character'],
  ['a/b\0c', 'NUL'],
  ['a'.repeat(65_536), '65,535'],
  ['$SYS/broker/uptime', '"$SYS" is the broker\'s own'],
  ['$share/group/a', '"$share" is the broker\'s own'],
  ['a/{x}/{x}', '{x} stands twice'],
  ['a/#/b', '"#" must be the last level'],
  ['a/{rest...}/b', '"{rest...}" must be the last level'],
  ['a/b+', 'stand for a whole level'],
  ['a/b#', 'stand for a whole level'],
  ['a/press-{n}', 'stands for a whole level'],
  ['a/{1st}', 'a placeholder is a letter'],
  ['a/{}', 'a placeholder is a letter'],
  ['a/{__proto__}', 'a placeholder is a letter'],
  ['a/}', 'stands for a whole level'],
  ['a/'.repeat(64), 'at most 64 levels'],
])('%j is refused: %s', (text, problem) => {
  expect(parseTemplate(text)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) })
})

test.each([
  ['a/b', true],
  ['', false],
  ['a/+', false],
  ['a/#', false],
  ['a\0', false],
  ['é'.repeat(32_768), false],
])('%j as the name of a topic: %s', (topic, valid) => {
  expect(isTopicName(topic)).toBe(valid)
})

describe('matching', () => {
  const match = (templates: string[], topic: string): TopicMatch | null =>
    createTopicMatcher(templates.map(template))(topic)

  test.each<[string[], string, number | null, string[]]>([
    [['plant/{s}/{m}/{x}'], 'plant/a/b/c', 0, ['a', 'b', 'c']],
    [['plant/{s}/{m}/{x}'], 'plant/a/b', null, []],
    [['a/{rest...}'], 'a', 0, ['']],
    [['a/{rest...}'], 'a/b/c', 0, ['b/c']],
    [['a/{rest...}', 'a/{x}'], 'a/b', 1, ['b']],
    [['{x}/b', 'a/{x}'], 'a/b', 1, ['b']],
    [['a/{x}/c', 'a/b/{x}'], 'a/b/c', 1, ['c']],
    [['a/b/d', 'a/{x}/c'], 'a/b/c', 1, ['b']],
    [['{x}', '{y}'], 'a', 0, ['a']],
    [['{x}/b'], '/b', 0, ['']],
    [['{x}/b', '#'], '$SYS/b', null, []],
    [['a/{x...}', 'a'], 'a', 1, []],
    [['{constructor}'], 'x', 0, ['x']],
  ])('of %j, %s takes %s', (templates, topic, index, values) => {
    expect(match(templates, topic)).toEqual(index === null ? null : { index, values })
  })

  /** MQTT's rules, word for word, and the order that this project adds to them. */
  const naive = (templates: TopicTemplate[], topic: string): number => {
    const levels = topic.split('/')
    const matches = (filter: string[]): boolean => {
      if (topic.startsWith('$') && (filter[0] === '+' || filter[0] === '#')) return false
      for (const [i, part] of filter.entries()) {
        if (part === '#') return true
        if (i >= levels.length || (part !== '+' && part !== levels[i])) return false
      }
      return filter.length === levels.length
    }
    const rank = (filter: string[]): string =>
      [...filter.map((part) => (part === '#' ? 'c' : part === '+' ? 'b' : 'a')), '0'].join('')
    const found = templates
      .map(({ filter }, index) => ({ filter: filter.split('/'), index }))
      .filter(({ filter }) => matches(filter))
      .sort((a, b) => (rank(a.filter) < rank(b.filter) ? -1 : rank(a.filter) > rank(b.filter) ? 1 : a.index - b.index))
    return found[0]?.index ?? -1
  }

  test('agrees with a naive reading of the rules', () => {
    const level = fc.constantFrom('a', 'b', '', '+', '$x')
    const filter = fc
      .tuple(fc.array(level, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([levels, rest]) => [...levels, ...(rest ? ['#'] : [])].join('/'))
      .filter((text) => text !== '' && !text.startsWith('$'))
    const topic = fc
      .array(fc.constantFrom('a', 'b', '', 'c', '$x'), { minLength: 1, maxLength: 5 })
      .map((levels) => levels.join('/'))
    fc.assert(
      fc.property(fc.array(filter, { maxLength: 12 }), topic, (filters, name) => {
        const templates = filters.map(template)
        expect(createTopicMatcher(templates)(name)?.index ?? -1).toBe(naive(templates, name))
      }),
      { numRuns: 2000 },
    )
  })

  test('takes any topic', () => {
    const find = createTopicMatcher([template('a/{b}/{c...}'), template('{x}/{y}')])
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (topic) => void find(topic)))
    expect(find('/'.repeat(65_535))).toBeNull()
  })
})
