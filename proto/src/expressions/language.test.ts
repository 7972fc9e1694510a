import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkExpression } from './check.ts'
import { parseExpression } from './parse.ts'
import { printExpression } from './print.ts'
import { renderExpressionError } from './report.ts'
import type { Expression, ExpressionError, ExpressionOutcome } from './syntax.ts'
import { windowFunctions } from './syntax.ts'
import { keywords } from './tokens.ts'

const UNITS: Readonly<Record<string, string>> = {
  latency: 'ms',
  duration: 's',
  size: 'By',
  temperature: 'Cel',
  amount: '',
  fill: '1',
  percent: '%',
  requests: '{request}',
  'request.rate': '{request}/s',
}
const unitOf = (name: string): string | undefined => (Object.hasOwn(UNITS, name) ? UNITS[name] : undefined)

function parsed(text: string): Expression {
  const outcome = parseExpression(text)
  if (!outcome.ok) throw new Error(renderExpressionError(text, outcome.error))
  return outcome.value
}

function errorOf(text: string): ExpressionError {
  const read = parseExpression(text)
  const outcome: ExpressionOutcome<unknown> = read.ok ? checkExpression(read.value, unitOf) : read
  if (outcome.ok) throw new Error(`"${text}" is right`)
  return outcome.error
}

describe('what is written', () => {
  test.each([
    ['a > 1 and b > 2 or c > 3', 'a > 1 and b > 2 or c > 3'],
    ['a > 1 and (b > 2 or c > 3)', 'a > 1 and (b > 2 or c > 3)'],
    ['((a)) > ((1))', 'a > 1'],
    ['a - (b - c) - d > 0', 'a - (b - c) - d > 0'],
    ['(a - b) - c > 0', 'a - b - c > 0'],
    ['a / (b * c) > -(-1)', 'a / (b * c) > --1'],
    ['NOT a > 1 AND ! b > 2 || c > 3', 'not a > 1 and not b > 2 or c > 3'],
    ['not (a > 1 or b > 2)', 'not (a > 1 or b > 2)'],
    ['amount>1,00,000', 'amount > 100000'],
    ['amount > 1,234,567.5', 'amount > 1234567.5'],
    ['a > 1e3 for 90 s', 'a > 1000 for 90s'],
    ['a > .5 for 2h', 'a > 0.5 for 2h'],
    ['avg( cpu,300s ) > 90%', 'avg(cpu, 5m) > 90 %'],
    ['rate(x, 1m) > 5/min', 'rate(x, 1m) > 5/min'],
    ['x > 5 MB/s', 'x > 5 MB/s'],
    ['x > 5/min(y, 1m)', 'x > 5 / min(y, 1m)'],
    ['x > 5/s_max', 'x > 5 / s_max'],
    ["attributes['odd key'] == 'it\\'s'", 'attributes["odd key"] == "it\'s"'],
    ['attributes["cpu.mode"] in ("a",\'b\')', 'attributes.cpu.mode in ("a", "b")'],
    ['`and` > 1 and `process` > `a b`', '`and` > 1 and `process` > `a b`'],
    ['process like "os:*"', 'process like "os:*"'],
    ['__proto__ > 1 and constructor.prototype > 2', '__proto__ > 1 and constructor.prototype > 2'],
    ['température > 30 °C', 'température > 30 °C'],
    ['rate > min and last(min, 1m) > rate(rate, 1m)', 'rate > min and last(min, 1m) > rate(rate, 1m)'],
    ['a\n  > 1\tfor 30s', 'a > 1 for 30s'],
  ])('%s is printed %s', (text, printed) => {
    expect(printExpression(parsed(text))).toBe(printed)
    expect(printExpression(parsed(printed))).toBe(printed)
  })
})

describe('errors stand where they are', () => {
  test.each([
    ['', 'unexpected_token', ''],
    ['amount >', 'unexpected_token', ''],
    ['amount = 5', 'unexpected_token', '='],
    ['a > 1 b', 'unknown_unit', 'b'],
    ['a > b c', 'unexpected_token', 'c'],
    ['a > 1 for', 'unexpected_token', ''],
    ['a > 1 for 30', 'unexpected_token', '30'],
    ['a > 1 for 10 MB', 'unexpected_token', '10 MB'],
    ['a > 1 for 25h', 'bad_duration', '25h'],
    ['rate(a, 100ms) > 1', 'bad_duration', '100ms'],
    ['rate(a) > 1', 'unexpected_token', ')'],
    ['rate(1, 1m) > 1', 'unexpected_token', '1'],
    ['rate(attributes.a, 1m) > 1', 'wrong_type', 'attributes.a'],
    ['(a > 1', 'unexpected_token', ''],
    ['a < b < c', 'unexpected_token', '<'],
    ['a > 1 and', 'unexpected_token', ''],
    ['and > 1', 'unexpected_token', 'and'],
    ['a > 10,00', 'bad_number', '10,00'],
    ['a > 1,0000', 'bad_number', '1,0000'],
    ['a > 1e999', 'bad_number', '1e999'],
    ['a > 5 parsecs', 'unknown_unit', 'parsecs'],
    ['a # 5', 'unexpected_character', '#'],
    ['a > 1 and 😀', 'unexpected_character', '😀'],
    ['attributes.a == "x', 'unfinished_text', '"x'],
    ['attributes.a == "\\x"', 'unfinished_text', '"\\x"'],
    ['foo(a, 1m) > 1', 'unknown_function', 'foo'],
    ['constructor(a, 1m) > 1', 'unknown_function', 'constructor'],
    ['__proto__(a, 1m) > 1', 'unknown_function', '__proto__'],
    ['cpu', 'not_a_condition', 'cpu'],
    ['"text"', 'not_a_condition', '"text"'],
    ['a > 1 and cpu', 'not_a_condition', 'cpu'],
    ['not 5', 'not_a_condition', '5'],
    ['(a > 1) > 2', 'wrong_type', '(a > 1)'],
    ['(a > 1) + 2 > 3', 'wrong_type', '(a > 1)'],
    ['attributes.a > 5', 'wrong_type', '5'],
    ['attributes.a < "x"', 'wrong_type', 'attributes.a < "x"'],
    ['a in ("x")', 'wrong_type', 'a'],
    ['a like "x"', 'wrong_type', 'a'],
    ['attributes.a in (5)', 'unexpected_token', '5'],
    ['abs("x") > 1', 'wrong_type', '"x"'],
    ['size > 5 s', 'units_differ', '5 s'],
    ['cpu > 90 % and memory > 5 s', 'units_differ', '5 s'],
    ['latency + size > 5', 'units_differ', 'size'],
    ['temperature > 90 %', 'units_differ', '90 %'],
    ['amount > 500 ms', 'units_differ', '500 ms'],
    ['amount > 90 %', 'units_differ', '90 %'],
    ['size / duration > 5 MB', 'units_differ', '5 MB'],
    ['rate(size, 1m) > 5 MB', 'units_differ', '5 MB'],
    ['size > 5/min', 'units_differ', '5/min'],
    ['cpu_share > 90', 'units_differ', '90'],
    ['network > 90', 'units_differ', '90'],
    ['execution_time > 1 GB', 'units_differ', '1 GB'],
  ])('%s: %s at "%s"', (text, code, place) => {
    const error = errorOf(text)
    expect([error.code, text.slice(error.offset, error.offset + error.length)]).toEqual([code, place])
    expect(error.message).toMatch(/^["`A-Z]/)
  })

  test('what is too much is refused where it goes too far', () => {
    expect(errorOf(`a > ${'1'.repeat(1000)}`)).toMatchObject({ code: 'too_long', offset: 1000, length: 4 })
    expect(errorOf(`${'('.repeat(51)}a > 1`)).toMatchObject({ code: 'too_deep', offset: 50, length: 1 })
    expect(errorOf(`${'not '.repeat(51)}a > 1`)).toMatchObject({ code: 'too_deep', offset: 200 })
    const windows = Array.from({ length: 21 }, () => 'avg(a, 1m)').join(' + ')
    expect(errorOf(`${windows} > 1`)).toMatchObject({ code: 'too_many_windows', offset: 20 * 13, length: 10 })
    expect(parseExpression(`${'('.repeat(50)}a > 1${')'.repeat(50)}`).ok).toBe(true)
    expect(parseExpression(`a > ${Array.from({ length: 498 }, () => '1').join('+')}`).ok).toBe(true)
  })

  test('a caret stands under the place', () => {
    const text = 'cpu > 90 % and memory > 5 s'
    expect(renderExpressionError(text, errorOf(text))).toBe(
      '`memory` is bytes, but `5 s` is a time: they cannot be compared\n' +
        'cpu > 90 % and memory > 5 s\n' +
        '                        ^^^',
    )
    const long = `${'a > 1 and '.repeat(20)}#${' and a > 1'.repeat(20)}`
    const [, line, caret] = renderExpressionError(long, errorOf(long)).split('\n')
    expect([...line!][caret!.indexOf('^')]).toBe('#')
    expect(line!.length).toBeLessThan(110)
    expect(renderExpressionError('a >\n', errorOf('a >\n'))).toMatch(/^[^\n]+\na > ?\n {3,4}\^$/)
  })
})

describe('units', () => {
  test.each([
    'latency > 1 s',
    'latency > 1',
    'duration > 500 ms + 1 min',
    'size > 1 GiB',
    'size / duration > 5 MB/s',
    'rate(size, 1m) > 5 MB/s',
    'rate(requests, 1m) > 100/s',
    'request.rate > 100/min',
    'request.rate > 100',
    'size * 2 > 1 GB',
    'percent > 90 % and fill > 90 % and percent > fill',
    'cpu > 90 % or cpu > 2 cores or cpu > 2',
    'memory > 1 GB and memory > 90 % and max(memory, 1h) > 95 %',
    'memory / 1 GB > 2',
    'amount / count(amount, 1h) > 5',
    'amount * 110 % > avg(amount, 1h)',
    'unheard_of > 5 s and unheard_of > 5 MB',
    'success_rate < 99 % and error_rate > 0.05',
    'throughput > 100/min',
  ])('%s is right', (text) => {
    const outcome = checkExpression(parsed(text), unitOf)
    if (!outcome.ok) throw new Error(renderExpressionError(text, outcome.error))
  })
})

describe('the README', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  const blocks = [...readme.matchAll(/^```(\w*)\n(.*?)^```/gms)]
  const block = (language: string): string => blocks.find((each) => each[1] === language)![2]!
  const examples = block('').trim().split('\n')

  test('has examples', () => expect(examples.length).toBeGreaterThan(15))

  test.each(examples)('%s is an expression', (text) => {
    const outcome = checkExpression(parsed(text))
    if (!outcome.ok) throw new Error(renderExpressionError(text, outcome.error))
    expect(parsed(printExpression(parsed(text))).forMs).toBe(parsed(text).forMs)
  })

  test('shows an error as it is', () => {
    const shown = block('text').trimEnd()
    const text = shown.split('\n')[1]!
    expect(renderExpressionError(text, errorOf(text))).toBe(shown)
  })

  test('names in its grammar the functions, keywords and operators that are read', () => {
    const rule = (name: string): string[] => {
      const body = new RegExp(`^${name} +=(.*?);$`, 'ms').exec(block('ebnf'))![1]!
      return [...body.matchAll(/"([^"]+)"/g)].map((match) => match[1]!)
    }
    expect(rule('function').sort()).toEqual([...windowFunctions].sort())
    for (const keyword of keywords) expect(block('ebnf')).toContain(`"${keyword}"`)
    for (const operator of rule('operator')) expect(parseExpression(`a ${operator} 1`).ok).toBe(true)
    for (const unit of [...rule('base'), ...rule('time')]) expect(parsed(`a > 1 ${unit}`).condition).toBeDefined()
    for (const unit of rule('time')) {
      expect(parsed(`a > 1/${unit} and a > 1 MB/${unit}`).condition).toBeDefined()
    }
  })
})
