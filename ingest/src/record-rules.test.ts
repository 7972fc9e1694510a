import { Severity } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RecordRule } from './definitions/record-rule.ts'
import { createFlagLimit, createRecordRules, type FieldOf, type FlaggedInput, flaggedRecord } from './record-rules.ts'

const ruleOf = (expression: string, more: Partial<RecordRule> = {}): RecordRule => ({
  name: 'rule',
  expression,
  severity: 'warning',
  ...more,
})
const fieldsOf =
  (record: Readonly<Record<string, number | string>>): FieldOf =>
  (name) =>
    Object.hasOwn(record, name) ? record[name] : undefined

const isFlagged = (
  expression: string,
  record: Record<string, number | string>,
  more: Partial<RecordRule> = {},
): boolean => {
  const rules = createRecordRules([ruleOf(expression, more)])
  expect(rules.problems).toEqual([])
  return rules.judge(fieldsOf(record), 'log:payments').length === 1
}

describe('a rule on records', () => {
  it.each<[string, Record<string, number | string>, boolean]>([
    ['amount > 1,00,000', { amount: 100_000.01 }, true],
    ['amount > 1,00,000', { amount: 100_000 }, false],
    ['amount > 100,000', { amount: 100_001 }, true],
    ['amount > 1,00,000', {}, false],
    ['not (amount > 1,00,000)', {}, false],
    ['amount > 1,00,000', { amount: Number.NaN }, false],
    ['amount > 1,00,000', { amount: Number.POSITIVE_INFINITY }, false],
    ['amount > 1,00,000', { amount: '250000.50' }, true],
    ['amount > 1,00,000', { amount: ' 2.5e5 ' }, true],
    ['amount >= 0', { amount: '' }, false],
    ['amount >= 0', { amount: '0x10' }, false],
    ['amount >= 0', { amount: 'Infinity' }, false],
    ['amount >= 0', { amount: '1,00,000' }, false],
    ['amount > 1,00,000 and attributes.country == "IN"', { amount: 200_000, country: 'IN' }, true],
    ['amount > 1,00,000 and attributes.country == "IN"', { amount: 200_000, country: 'US' }, false],
    ['attributes.country in ("IN", "US")', { country: 'US' }, true],
    ['attributes["card.kind"] like "gold*"', { 'card.kind': 'gold plus' }, true],
    ['attributes.status == "500"', { status: 500 }, true],
    ['attributes.status == "500"', {}, false],
    ['payment.amount / items > 50', { 'payment.amount': 120, items: 2 }, true],
    ['payment.amount / items > 50', { 'payment.amount': 120, items: 0 }, false],
    ['abs(balance) > 5', { balance: -6 }, true],
    ['`odd field` == 1', { 'odd field': 1 }, true],
    ['cpu > 90', { cpu: 91 }, true],
    ['memory > 5', { memory: 6 }, true],
    ['throughput < 1', { throughput: 0.5 }, true],
    ['process like "log:*" and amount > 1', { amount: 2 }, true],
    ['process == "log:other"', {}, false],
    ['amount > 1 or fee > 1', { fee: 2 }, true],
    ['__proto__ > 1 or constructor > 1', {}, false],
  ])('%s of %j is %s', (expression, record, expected) => {
    expect(isFlagged(expression, record)).toBe(expected)
  })

  it('converts to the unit that it names', () => {
    expect(isFlagged('duration > 500 ms', { duration: 0.6 }, { unit: 's' })).toBe(true)
    expect(isFlagged('duration > 500 ms', { duration: 0.4 }, { unit: 's' })).toBe(false)
    expect(isFlagged('amount > 1,00,000', { amount: 100_001 }, { unit: 'INR' })).toBe(true)
  })

  it.each<[string, RegExp, string]>([
    ['rate(amount, 1m) > 5', /`rate` looks back over a window/, 'rate'],
    ['amount > 2 * avg(amount, 1h)', /`avg` looks back over a window/, 'avg'],
    ['amount > 5 for 1 min', /`for` asks how long/, 'amount > 5 for 1 min'],
    ['amount >', /./, ''],
    ['amount', /neither true nor false/, 'amount'],
    ['amount > "x"', /cannot be compared/, '"x"'],
    ['duration > 500 ms', /cannot be compared/, '500 ms'],
  ])('says what is wrong with %s', (expression, message, where) => {
    const rules = createRecordRules([ruleOf(expression), ruleOf('amount > 1', { name: 'good' })])
    expect(rules.problems).toMatchObject([{ index: 0, rule: 'rule', message }])
    const { offset, length } = rules.problems[0]!
    expect(expression.slice(offset, offset + length)).toBe(where)
    expect(rules.judge(fieldsOf({ amount: 2 }), 'log:x')).toEqual([1])
  })

  it('asks for the fields that it names only, and remembers nothing of the record before', () => {
    const asked = new Set<string>()
    const rules = createRecordRules([
      ruleOf('amount > 5 and attributes.country == "IN"'),
      ruleOf('fee > 1', { name: 'fees' }),
    ])
    const judge = (record: Record<string, number | string>): readonly number[] =>
      rules.judge((name) => {
        asked.add(name)
        return fieldsOf(record)(name)
      }, 'log:x')
    expect(judge({ amount: 9, country: 'IN', fee: 2, other: 1 })).toEqual([0, 1])
    expect(rules.reading(0)).toEqual({ field: 'amount', value: 9 })
    expect(rules.reading(1)).toEqual({ field: 'fee', value: 2 })
    expect(judge({ country: 'IN' })).toEqual([])
    expect(judge({ amount: 9 })).toEqual([])
    expect([...asked].sort()).toEqual(['amount', 'country', 'fee'])
  })

  it('property: is true exactly when the numbers say so', () => {
    const rules = createRecordRules([ruleOf('a > 1,00,000 and b <= 5 or c == 7')])
    const number = fc.option(
      fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 0, max: 200_000 }),
        fc.constant(7),
      ),
      { nil: undefined },
    )
    fc.assert(
      fc.property(number, number, number, (a, b, c) => {
        const expected = (a !== undefined && a > 100_000 && b !== undefined && b <= 5) || c === 7
        const values: Record<string, number | undefined> = { a, b, c }
        expect(rules.judge((name) => values[name], 'log:x').length === 1).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })
})

const input = (changes: Partial<FlaggedInput> = {}): FlaggedInput => ({
  tenant: 'default',
  source: 'src_1',
  process: 'log:payments',
  position: '/var/log/p 1234',
  timeMs: 1_700_000_000_123.4,
  record: '{"amount":250000}',
  reading: { field: 'amount', value: 250_000 },
  ...changes,
})

describe('a flagged record', () => {
  const rule = ruleOf('amount > 1,00,000', { name: 'large', severity: 'critical', unit: 'INR' })

  it('says what was found and where, and is the same for a repeat', () => {
    const record = flaggedRecord(rule, input())
    expect(record).toMatchObject({
      timeMs: 1_700_000_000_123n,
      severity: Severity.CRITICAL,
      field: 'amount',
      value: 250_000,
      unit: 'INR',
      expression: 'amount > 1,00,000',
    })
    expect(record.id).toMatch(/^fr_[0-9a-f]{32}$/)
    expect(flaggedRecord(rule, input({ record: '{}', timeMs: 5 })).id).toBe(record.id)
    const others = [
      flaggedRecord(rule, input({ tenant: 'other' })),
      flaggedRecord(rule, input({ source: 'src_2' })),
      flaggedRecord(rule, input({ position: '/var/log/p 1235' })),
      flaggedRecord({ ...rule, name: 'larger' }, input()),
    ]
    expect(new Set([record, ...others].map(({ id }) => id)).size).toBe(5)
  })

  it('has no number where the rule looks at texts', () => {
    expect(flaggedRecord(rule, input({ reading: null }))).toMatchObject({ field: '', value: Number.NaN, unit: '' })
  })

  it.each(['x', 'नमस्ते', '🙂', '"\\\u0001'])(
    'stays a JSON object of at most 16,384 bytes when it is long: %j',
    (text) => {
      const { record } = flaggedRecord(rule, input({ record: JSON.stringify({ text: text.repeat(20_000) }) }))
      expect(Buffer.byteLength(record)).toBeLessThanOrEqual(16_384)
      expect(Buffer.byteLength(record)).toBeGreaterThan(8000)
      expect(JSON.parse(record)).toMatchObject({ truncated: true, beginning: expect.stringMatching(/^\{"text":"/) })
    },
  )
})

describe('the limit on flagged records', () => {
  const minute = 60_000
  const rule = ruleOf('amount > 1', { name: 'everything' })

  it('lets 60 through per rule and minute, and tells how many more there were, once', () => {
    let nowMs = 1_700_000_040_000
    const limit = createFlagLimit({ nowMs: () => nowMs })
    const admitted = (count: number, by = rule, process = 'log:payments'): number =>
      Array.from({ length: count }, () => limit.admit(by, input({ process }))).filter(Boolean).length
    expect(admitted(1000)).toBe(60)
    expect(admitted(500, rule, 'log:refunds')).toBe(0)
    expect(admitted(30, { ...rule, name: 'another' })).toBe(30)
    expect(limit.summaries()).toEqual([])
    nowMs += minute
    expect(admitted(70)).toBe(60)
    const told = limit.summaries()
    expect(told).toHaveLength(1)
    expect(told[0]).toMatchObject({ rule: 'everything', process: 'log:payments', field: '' })
    expect(JSON.parse(told[0]!.record)).toMatchObject({
      flagged: 1440,
      shown: 60,
      processes: { 'log:payments': 940, 'log:refunds': 500 },
    })
    expect(limit.summaries()).toEqual([])
    expect(limit.summaries(true).map(({ record }) => JSON.parse(record).flagged)).toEqual([10])
    expect(limit.summaries(true)).toEqual([])
  })

  it('says nothing of minutes without more', () => {
    let nowMs = 0
    const limit = createFlagLimit({ nowMs: () => nowMs })
    for (let each = 0; each < 60; each++) limit.admit(rule, input())
    nowMs = minute
    expect(limit.summaries()).toEqual([])
  })
})
