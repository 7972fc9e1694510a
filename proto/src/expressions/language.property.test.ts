import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkExpression } from './check.ts'
import { createGlob } from './glob.ts'
import { parseExpression } from './parse.ts'
import { printExpression } from './print.ts'
import { renderExpressionError } from './report.ts'
import type { Expression, Node } from './syntax.ts'
import { anyCondition, at } from './testing/generated.ts'

/** Pieces of which most texts are nearly expressions. */
const piece = fc.constantFrom(
  ...['a', 'cpu', 'rate(', 'avg(x, 1m)', '(', ')', ' and ', ' or ', 'not ', '>', '<=', '==', '=', '+', '-', '*', '/'],
  ...[
    '90 %',
    '1,00,000',
    '1e5',
    '5/min',
    '5 s',
    ' for 30s',
    '"IN"',
    "'",
    '`',
    '`a b`',
    'attributes.',
    'attributes["k"]',
  ],
  ...[
    ' in ',
    ' like ',
    '__proto__',
    'process',
    ',',
    '[',
    ']',
    '.',
    '\n',
    '\u0000',
    '😀',
    '\ud800',
    'é',
    'min',
    '1',
    '0',
  ],
)
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.array(piece, { maxLength: 24 }).map((parts) => parts.join('')),
)

test('any text is an expression, or has an error with a place inside it', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const read = parseExpression(text)
      const outcome = read.ok ? checkExpression(read.value) : read
      if (outcome.ok) return
      const { offset, length, message } = outcome.error
      expect(offset).toBeGreaterThanOrEqual(0)
      expect(length).toBeGreaterThanOrEqual(0)
      expect(offset + length).toBeLessThanOrEqual(text.length)
      expect(message.length).toBeGreaterThan(10)
      const lines = renderExpressionError(text, outcome.error).split('\n')
      expect(lines).toHaveLength(message.split('\n').length + 2)
      expect(lines.at(-1)).toMatch(/^ *\^+$/)
    }),
    { numRuns: 5000 },
  )
})

test('what was printed and parsed again is the same', () => {
  const expression = fc.record({ condition: anyCondition, forMs: fc.constantFrom(0, 1000, 1500, 90_000, 86_400_000) })
  fc.assert(
    fc.property(expression, (before) => {
      const text = printExpression(before)
      fc.pre(text.length <= 1000)
      const after = parseExpression(text)
      if (!after.ok) throw new Error(renderExpressionError(text, after.error))
      expect(withoutPlaces(after.value)).toEqual(withoutPlaces(before))
    }),
    { numRuns: 2000 },
  )
})

test('what parses is printed to the same', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const read = parseExpression(text)
      if (!read.ok) return
      const again = parseExpression(printExpression(read.value))
      expect(again.ok && withoutPlaces(again.value)).toEqual(withoutPlaces(read.value))
    }),
    { numRuns: 3000 },
  )
})

test('patterns are read as regular expressions would read them', () => {
  const short = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '.'), maxLength: 12 })
  fc.assert(
    fc.property(short, short, (pattern, text) => {
      const regular = pattern.replace(/[.]/g, '\\.').replaceAll('*', '.*').replaceAll('?', '.')
      expect(createGlob(pattern)(text)).toBe(new RegExp(`^${regular}$`, 's').test(text))
    }),
    { numRuns: 2000 },
  )
})

function withoutPlaces({ condition, forMs }: Pick<Expression, 'condition' | 'forMs'>): {
  condition: Node
  forMs: number
} {
  return { condition: JSON.parse(JSON.stringify(condition, (key, value) => (key === 'at' ? at : value))), forMs }
}
