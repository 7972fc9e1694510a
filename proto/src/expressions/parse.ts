import {
  type Arithmetic,
  type Comparison,
  type Expression,
  ExpressionFault,
  type ExpressionOutcome,
  expressionLimits,
  type Node,
  outcomeOf,
  type Span,
  type WindowFunction,
  windowFunctions,
} from './syntax.ts'
import { keywords, type Token, tokenize } from './tokens.ts'
import { isTimeUnit, writtenUnit } from './units.ts'

const COMPARISONS: ReadonlySet<string> = new Set(['<', '<=', '>', '>=', '==', '!='])
const WINDOW_FUNCTIONS: ReadonlySet<string> = new Set(windowFunctions)
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['&&', 'and'],
  ['||', 'or'],
  ['!', 'not'],
])
const ATTRIBUTE = 'attributes.'

interface Reader {
  readonly tokens: readonly Token[]
  at: number
  depth: number
  windows: number
}

/** Reads an expression; the grammar stands in the README of this folder. Types and units are for `checkExpression`. */
export function parseExpression(text: string): ExpressionOutcome<Expression> {
  return outcomeOf(() => {
    const reader: Reader = { tokens: tokenize(text), at: 0, depth: 0, windows: 0 }
    const condition = readOr(reader)
    const forMs = takeWord(reader, 'for') === null ? 0 : readDuration(reader, 'for')
    const rest = peek(reader)
    if (rest.kind !== 'end') throw unexpected(rest, '`and`, `or`, `for` or the end')
    return { text, condition, forMs }
  })
}

const peek = (reader: Reader): Token => reader.tokens[reader.at]!

function take(reader: Reader): Token {
  const token = peek(reader)
  if (token.kind !== 'end') reader.at += 1
  return token
}

/** The keyword that a token is, also by its synonym; null for any other. */
function wordOf(token: Token): string | null {
  if (token.kind === 'sign') return SYNONYMS.get(token.sign) ?? null
  if (token.kind !== 'name' || token.quoted) return null
  const word = token.name.toLowerCase()
  return keywords.has(word) ? word : null
}

function takeWord(reader: Reader, word: string): Token | null {
  return wordOf(peek(reader)) === word ? take(reader) : null
}

function takeSign(reader: Reader, ...signs: readonly string[]): string | null {
  const token = peek(reader)
  if (token.kind !== 'sign' || !signs.includes(token.sign)) return null
  reader.at += 1
  return token.sign
}

function expectSign(reader: Reader, sign: string): Token {
  const token = peek(reader)
  if (takeSign(reader, sign) === null) throw unexpected(token, `\`${sign}\``)
  return token
}

/** What a token is called in errors. */
function nameOf(token: Token): string {
  if (token.kind === 'end') return 'the end'
  if (token.kind === 'name') return `"${token.name}"`
  if (token.kind === 'sign') return `"${token.sign}"`
  return token.kind === 'number' ? 'a number' : 'a text'
}

function unexpected(token: Token, expected: string): ExpressionFault {
  const advice = token.kind === 'sign' && token.sign === '=' ? '; to compare, write ==' : ''
  return new ExpressionFault('unexpected_token', `Expected ${expected}, found ${nameOf(token)}${advice}`, token.at)
}

const between = (from: Span, to: Span): Span => ({ offset: from.offset, length: to.offset + to.length - from.offset })

/** Reads something that stands inside something else. */
function inside<T>(reader: Reader, at: Span, read: () => T): T {
  reader.depth += 1
  if (reader.depth > expressionLimits.depth) {
    const message = `More than ${expressionLimits.depth} brackets, signs and \`not\` stand inside each other here`
    throw new ExpressionFault('too_deep', message, at)
  }
  const result = read()
  reader.depth -= 1
  return result
}

function readOr(reader: Reader): Node {
  let left = readAnd(reader)
  while (takeWord(reader, 'or') !== null) {
    const right = readAnd(reader)
    left = { kind: 'or', left, right, at: between(left.at, right.at) }
  }
  return left
}

function readAnd(reader: Reader): Node {
  let left = readNot(reader)
  while (takeWord(reader, 'and') !== null) {
    const right = readNot(reader)
    left = { kind: 'and', left, right, at: between(left.at, right.at) }
  }
  return left
}

function readNot(reader: Reader): Node {
  const token = takeWord(reader, 'not')
  if (token === null) return readComparison(reader)
  const of = inside(reader, token.at, () => readNot(reader))
  return { kind: 'not', of, at: between(token.at, of.at) }
}

function readComparison(reader: Reader): Node {
  const left = readSum(reader)
  if (takeWord(reader, 'in') !== null) return readIn(reader, left)
  if (takeWord(reader, 'like') !== null) {
    const { value, at } = readText(reader)
    return { kind: 'like', of: left, pattern: value, at: between(left.at, at) }
  }
  const operator = takeSign(reader, ...COMPARISONS) as Comparison | null
  if (operator === null) return left
  const right = readSum(reader)
  const next = peek(reader)
  if (next.kind === 'sign' && COMPARISONS.has(next.sign)) {
    const message = 'Comparisons are not chained: write `a < b and b < c`'
    throw new ExpressionFault('unexpected_token', message, next.at)
  }
  return { kind: 'comparison', operator, left, right, at: between(left.at, right.at) }
}

function readIn(reader: Reader, of: Node): Node {
  expectSign(reader, '(')
  const values = [readText(reader).value]
  while (takeSign(reader, ',') !== null) values.push(readText(reader).value)
  return { kind: 'in', of, values, at: between(of.at, expectSign(reader, ')').at) }
}

function readText(reader: Reader): { value: string; at: Span } {
  const token = take(reader)
  if (token.kind !== 'text') throw unexpected(token, 'a text such as "IN"')
  return token
}

function readSum(reader: Reader): Node {
  let left = readProduct(reader)
  for (let sign = takeSign(reader, '+', '-'); sign !== null; sign = takeSign(reader, '+', '-')) {
    const right = readProduct(reader)
    left = { kind: 'arithmetic', operator: sign as Arithmetic, left, right, at: between(left.at, right.at) }
  }
  return left
}

function readProduct(reader: Reader): Node {
  let left = readFactor(reader)
  for (let sign = takeSign(reader, '*', '/'); sign !== null; sign = takeSign(reader, '*', '/')) {
    const right = readFactor(reader)
    left = { kind: 'arithmetic', operator: sign as Arithmetic, left, right, at: between(left.at, right.at) }
  }
  return left
}

function readFactor(reader: Reader): Node {
  const token = peek(reader)
  if (takeSign(reader, '-') !== null) {
    const of = inside(reader, token.at, () => readFactor(reader))
    return { kind: 'negate', of, at: between(token.at, of.at) }
  }
  if (takeSign(reader, '(') !== null) {
    const of = inside(reader, token.at, () => readOr(reader))
    return { ...of, at: between(token.at, expectSign(reader, ')').at) }
  }
  take(reader)
  if (token.kind === 'number' || token.kind === 'text') return token
  if (token.kind !== 'name' || wordOf(token) !== null) {
    throw unexpected(token, 'a metric, a number, a function or `(`')
  }
  if (takeSign(reader, '(') !== null) return readCall(reader, token)
  return nameNode(reader, token)
}

function nameNode(reader: Reader, token: Extract<Token, { kind: 'name' }>): Node {
  const { name, quoted, at } = token
  if (quoted) return { kind: 'name', name, at }
  if (name === 'process') return { kind: 'process', at }
  if (name.startsWith(ATTRIBUTE)) return { kind: 'attribute', key: name.slice(ATTRIBUTE.length), at }
  if (name !== 'attributes' || takeSign(reader, '[') === null) return { kind: 'name', name, at }
  const key = readText(reader).value
  return { kind: 'attribute', key, at: between(at, expectSign(reader, ']').at) }
}

function readCall(reader: Reader, token: Extract<Token, { kind: 'name' }>): Node {
  const fn = token.name
  if (fn === 'abs' && !token.quoted) {
    const of = inside(reader, token.at, () => readSum(reader))
    return { kind: 'abs', of, at: between(token.at, expectSign(reader, ')').at) }
  }
  if (token.quoted || !WINDOW_FUNCTIONS.has(fn)) {
    const message = `There is no function "${fn}": there are ${windowFunctions.join(', ')} and abs`
    throw new ExpressionFault('unknown_function', message, token.at)
  }
  const argument = take(reader)
  if (argument.kind !== 'name' || wordOf(argument) !== null) {
    throw unexpected(argument, `the name of a metric, as in ${fn}(temperature, 1m)`)
  }
  const of = nameNode(reader, argument)
  if (of.kind !== 'name') throw new ExpressionFault('wrong_type', `\`${fn}\` needs a metric: this is a text`, of.at)
  const comma = peek(reader)
  if (takeSign(reader, ',') === null) throw unexpected(comma, `a window, as in ${fn}(${of.name}, 1m)`)
  const windowMs = readDuration(reader, fn)
  const at = between(token.at, expectSign(reader, ')').at)
  reader.windows += 1
  if (reader.windows > expressionLimits.windows) {
    const message = `An expression has at most ${expressionLimits.windows} functions over a window`
    throw new ExpressionFault('too_many_windows', message, at)
  }
  return { kind: 'window', fn: fn as WindowFunction, name: of.name, windowMs, at }
}

/** A duration from one second to a day, in whole milliseconds. */
function readDuration(reader: Reader, after: string): number {
  const token = take(reader)
  if (token.kind !== 'number' || token.unit === null || !isTimeUnit(token.unit)) {
    throw unexpected(token, `a duration such as 30s or 5m after \`${after}\``)
  }
  const ms = Math.round(token.value * writtenUnit(token.unit)!.scale * 1000)
  if (ms < expressionLimits.windowMinMs || ms > expressionLimits.windowMaxMs) {
    throw new ExpressionFault('bad_duration', 'A duration here is from 1 s to 24 h', token.at)
  }
  return ms
}
