import { describe, expect, it } from 'vitest'
import {
  createBinder,
  fieldConditions,
  levelOf,
  readSeverities,
  readTerms,
  termConditions,
  tokensOf,
} from './log-search.ts'

describe('words of a search', () => {
  const term = (text: string, more = {}) => ({ text, not: false, open: false, ...more })
  it.each([
    ['', []],
    ['  a  b ', [term('a'), term('b')]],
    ['"a b" c', [term('a b'), term('c')]],
    ['-a -"b c"', [term('a', { not: true }), term('b c', { not: true })]],
    ['pay*', [term('pay', { open: true })]],
    ['"pay*"', [term('pay*')]],
    ['*', [term('*')]],
    ['-', [term('-')]],
    ['"unclosed phrase', [term('unclosed phrase')]],
    ['""', []],
    ['a-b', [term('a-b')]],
  ])('%s', (text, expected) => {
    expect(readTerms(text)).toEqual(expected)
  })

  it('are bounded', () => {
    expect(() => readTerms('a '.repeat(21))).toThrow('at most 20')
  })

  it.each([
    ['Checkout', ['checkout']],
    ['GET /a/B?c=1', ['get', 'a', 'b', 'c', '1']],
    ['déjà-vu', ['déjà', 'vu']],
    ['***', []],
    ['a a A', ['a']],
  ])('%s is split as the index splits it', (text, tokens) => {
    expect(tokensOf(text)).toEqual(tokens)
  })

  it('never become part of a statement', () => {
    const bind = createBinder('p')
    const hostile = `'); DROP TABLE logs; -- {p0: String} \\`
    const conditions = termConditions(readTerms(`"${hostile}" ${hostile} x*`), bind)
    const fields = fieldConditions({ [hostile]: [hostile, `~${hostile}`, `!${hostile}`] }, bind)
    for (const sql of [...conditions.cheap, ...conditions.exact, ...fields.exact, ...fields.cheap])
      expect(sql).not.toContain('DROP')
    expect(Object.values(bind.parameters)).toContain(hostile)
  })
})

describe('levels', () => {
  it.each([
    ['error', [17, 18, 19, 20]],
    ['warning', [13, 14, 15, 16]],
    ['none', [0]],
    ['error+', [17, 18, 19, 20, 21, 22, 23, 24]],
    ['5,none,5', [0, 5]],
    ['23+', [23, 24]],
  ])('%s', (text, numbers) => {
    expect(readSeverities(text)).toEqual(numbers)
  })

  it.each([
    [0, 'none'],
    [1, 'trace'],
    [8, 'debug'],
    [9, 'info'],
    [13, 'warn'],
    [17, 'error'],
    [24, 'fatal'],
    [99, 'fatal'],
  ])('%i is %s', (severity, level) => {
    expect(levelOf(severity)).toBe(level)
  })
})

describe('conditions on fields', () => {
  it.each([
    ['500', 1],
    ['checkout', 1],
    ['a<b', 0],
    ['0.5', 0],
    ['*', 0],
    ['>5', 0],
    ['!500', 0],
    ['~500', 0],
  ])('%s can be told by %i fast looks', (condition, hints) => {
    expect(fieldConditions({ a: [condition] }, createBinder('p')).cheap).toHaveLength(hints)
  })

  it('compare with numbers only', () => {
    expect(() => fieldConditions({ a: ['>b'] }, createBinder('p'))).toThrow('must compare with a number')
    expect(() => fieldConditions({ a: Array<string>(21).fill('1') }, createBinder('p'))).toThrow('at most 20')
  })
})
