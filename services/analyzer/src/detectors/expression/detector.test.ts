import { create } from '@bufbuild/protobuf'
import { type ExpressionRule, ExpressionRuleSchema, Severity } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { type DetectorRig, detectorRig } from '../testing/detector-rig.ts'
import { createExpression } from './detector.ts'

const rule = (expression: string, fields: { name?: string; severity?: Severity } = {}): ExpressionRule =>
  create(ExpressionRuleSchema, { expression, ...fields })

function rigWith(...expressions: string[]): DetectorRig {
  const rig = detectorRig(createExpression)
  rig.set({ expressions: expressions.map((text) => rule(text)) })
  return rig
}

/** In which seconds something is reported. */
function reportedIn(rig: DetectorRig, seconds: readonly Readonly<Record<string, number>>[]): number[] {
  return seconds.flatMap((values, second) => (rig.bucket(second, values).length > 0 ? [second] : []))
}

describe('what is true is reported', () => {
  test('a value above a limit, with the expression and the value that made it true', () => {
    const rig = detectorRig(createExpression)
    rig.set({ expressions: [rule('amount > 1,00,000', { name: 'fraud', severity: Severity.CRITICAL })] })
    expect(rig.bucket(0, { 'log:payments amount': 99_000 })).toEqual([])
    expect(rig.bucket(1, { 'log:payments amount': 120_000 })).toEqual([
      {
        of: 'log:payments',
        process: 0,
        metric: 'amount',
        attributes: '{}',
        track: 0,
        severity: Severity.CRITICAL,
        value: 120_000,
        expectedLow: Number.NaN,
        expectedHigh: 100_000,
        centre: Number.NaN,
        score: 0,
        rule: 'fraud',
        words: 'amount > 1,00,000 (amount 120,000)',
      },
    ])
    expect(rig.bucket(2, { 'log:payments amount': 5 })).toEqual([])
  })

  test('KPIs in units, and what is not an expression is passed over', () => {
    const rig = rigWith('cpu > 90 % and memory > 1 GB', 'cpu >', 'cpu > 5 s')
    expect(rig.bucket(0, { 'os:h:ld cpu': 7.6, 'os:h:ld cpu_share': 0.95, 'os:h:ld memory': 2.1e9 })).toMatchObject([
      {
        metric: 'cpu_share',
        severity: Severity.WARNING,
        words: 'cpu > 90 % and memory > 1 GB (cpu_share 95 %, memory 1.96 GiB)',
      },
    ])
  })

  test('a rate over a window', () => {
    const rig = rigWith('rate(temperature, 10s) > 0.5')
    const seconds = [20, 20, 20, 21, 22, 23, 23, 23].map((value) => ({ 'device:p:press temperature': value }))
    expect(reportedIn(rig, seconds)).toEqual([5])
    rig.track('device:p:oven', 'temperature', '{}', 'Cel')
    rig.bucket(0, { 'device:p:oven temperature': 20 })
    expect(rig.bucket(1, { 'device:p:oven temperature': 22 })[0]?.words).toBe(
      'rate(temperature, 10s) > 0.5 (rate(temperature, 10s) 2 °C per second)',
    )
  })

  test('only after it was true for as long as it asks', () => {
    const rig = rigWith('x > 5 for 3s')
    const seconds = [6, 6, 5, 6, 6, 6, 6].map((x) => ({ 'device:p:d x': x }))
    expect(reportedIn(rig, seconds)).toEqual([5, 6])
  })

  test('what is unknown for longer than a number is known was not true all the time', () => {
    const rig = rigWith('x > 5 for 3s')
    rig.bucket(0, { 'device:p:d x': 6 })
    expect(rig.bucket(290, { 'device:p:d x': 6 })).toHaveLength(1)
    rig.restart()
    expect(rig.bucket(600, { 'device:p:d x': 6 })).toEqual([])
    expect(rig.bucket(603, { 'device:p:d x': 6 })).toHaveLength(1)
  })

  test('for processes of a pattern', () => {
    const rig = rigWith('process like "os:*:nginx" and cpu > 1')
    const found = rig.bucket(0, { 'os:h:nginx cpu': 2, 'os:h:node cpu': 2 })
    expect(found.map(({ of }) => of)).toEqual(['os:h:nginx'])
  })
})

describe('attributes', () => {
  test('are judged set by set, and a metric without any serves all', () => {
    const rig = rigWith('level > limit and attributes.tank in ("a", "b")')
    const found = rig.bucket(0, {
      'device:p:t level {"tank":"a"}': 6,
      'device:p:t level {"tank":"b"}': 4,
      'device:p:t level {"tank":"c"}': 9,
      'device:p:t limit': 5,
    })
    expect(found.map(({ attributes }) => attributes)).toEqual(['{"tank":"a"}'])
    const later = rig.bucket(1, { 'device:p:t level {"tank":"b"}': 7 })
    expect(later.map(({ attributes, words }) => [attributes, words])).toEqual([
      ['{"tank":"b"}', 'level > limit and attributes.tank in ("a", "b") (level 7, limit 5)'],
    ])
  })

  test('a set that comes later starts anew, and leaves the others as they are', () => {
    const rig = rigWith('x > 5 for 2s')
    rig.bucket(0, { 'device:p:d x {"s":"a"}': 6 })
    const found = rig.bucket(1, { 'device:p:d x {"s":"a"}': 6, 'device:p:d x {"s":"b"}': 6 })
    expect(found.map(({ attributes }) => attributes)).toEqual(['{"s":"a"}'])
  })
})

describe('room', () => {
  const windows = Array.from({ length: 19 }, (_, at) => `rate(x, ${at + 120}s) > 0`).join(' and ')
  const sets = (id: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`${id} x {"s":"${at + 100}"}`, 1]))
  const kept = (rig: DetectorRig): number => structuredBytes(rig.detector.state())

  test('of one process is bound: what does not fit is not judged, and is counted once', () => {
    const rig = rigWith(`${windows} or x > 5`)
    rig.bucket(0, sets('device:p:d', 200))
    const found = rig.bucket(1, { 'device:p:d x {"s":"100"}': 6, 'device:p:d x {"s":"299"}': 6 })
    expect(found.map(({ attributes }) => attributes)).toEqual(['{"s":"100"}'])
    expect(kept(rig)).toBeLessThan(8.1 * 2 ** 20)
    const unbound = rig.detector.takeDropped?.() ?? 0
    expect(unbound).toBeGreaterThan(100)
    rig.bucket(2, sets('device:p:d', 201))
    expect(rig.detector.takeDropped?.()).toBe(1)
    rig.bucket(3, sets('device:p:d', 201))
    expect(rig.detector.takeDropped?.()).toBe(0)
  })

  test('of a partition is bound, over a restart, until a process or its rules are gone', () => {
    const rig = detectorRig(createExpression, { expressionBytesMax: 1_000_000 })
    rig.set({ expressions: [rule(`${windows} or x > 5`)] })
    rig.bucket(0, sets('device:p:d', 200))
    rig.bucket(0, sets('device:p:e', 3))
    expect(kept(rig)).toBeLessThan(1_000_000)
    const six = { 'device:p:e x {"s":"100"}': 6 }
    expect(rig.bucket(1, six)).toEqual([])
    rig.restart()
    expect(rig.bucket(2, six)).toEqual([])
    rig.detector.forgetProcess?.(rig.process('device:p:d'))
    rig.restart()
    expect(rig.bucket(3, six)).toHaveLength(1)
    rig.set({})
    rig.bucket(4, six)
    expect(kept(rig)).toBeLessThan(1000)
  })
})

/** Of all typed arrays in it. */
function structuredBytes(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (value instanceof Map) return structuredBytes([...value.values()])
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((bytes: number, each) => bytes + structuredBytes(each), 0)
}

describe('silence', () => {
  test('is judged as time passes, once there was something', () => {
    const rig = rigWith('count(x, 3s) == 0')
    expect(rig.pass(0, 'device:p:d')).toEqual([])
    rig.bucket(1, { 'device:p:d x': 1 })
    expect([1, 2, 3, 4, 5].filter((second) => rig.pass(second, 'device:p:d').length > 0)).toEqual([4, 5])
    rig.bucket(6, { 'device:p:d x': 1 })
    expect(rig.pass(6, 'device:p:d')).toEqual([])
  })

  test('goes on after a restart without any value', () => {
    const rig = rigWith('count(x, 3s) == 0')
    rig.bucket(1, { 'device:p:d x': 1 })
    rig.pass(1, 'device:p:d')
    rig.restart()
    expect(rig.pass(3, 'device:p:d')).toEqual([])
    expect(rig.pass(4, 'device:p:d')).toHaveLength(1)
  })

  test('a value older than five minutes is unknown', () => {
    const rig = rigWith('x > 5 and y > 5')
    rig.bucket(0, { 'device:p:d x': 6 })
    expect(rig.bucket(300, { 'device:p:d y': 6 })).toHaveLength(1)
    expect(rig.bucket(301, { 'device:p:d y': 6 })).toEqual([])
  })
})

describe('bad input', () => {
  test('what is no number is as if it had not come', () => {
    const rig = rigWith('x > 5 for 2s')
    const seconds = [6, Number.NaN, Number.POSITIVE_INFINITY].map((x) => ({ 'device:p:d x': x }))
    expect(reportedIn(rig, seconds)).toEqual([1, 2])
  })

  test('late and repeated seconds do not make it more often', () => {
    const rig = rigWith('count(x, 60s) > 2')
    for (const second of [5, 5, 4]) rig.bucket(second, { 'device:p:d x': 1 })
    expect(rig.pass(5, 'device:p:d')).toHaveLength(1)
    expect(rig.pass(70, 'device:p:d')).toEqual([])
  })
})

describe('state', () => {
  test('is kept over a restart, also when other rules are changed', () => {
    const rig = rigWith('x > 5 for 3s')
    rig.bucket(0, { 'device:p:d x': 6 })
    rig.restart()
    rig.set({ expressions: [rule('x > 5 for 3s'), rule('x > 100')] })
    rig.bucket(1, { 'device:p:d x': 6 })
    expect(rig.bucket(2, { 'device:p:d x': 6 })).toHaveLength(1)
    rig.set({ expressions: [] })
    expect(rig.bucket(3, { 'device:p:d x': 6 })).toEqual([])
  })

  test('a process or track that is given to another starts anew', () => {
    const rig = rigWith('x > 5 for 2s')
    rig.bucket(0, { 'device:p:d x': 6 })
    rig.detector.forgetTrack?.(0)
    rig.detector.forgetProcess?.(0)
    expect(rig.bucket(1, { 'device:p:d x': 6 })).toEqual([])
    expect(rig.bucket(2, { 'device:p:d x': 6 })).toHaveLength(1)
  })

  test('of another version is refused', () => {
    expect(() => rigWith().detector.restore({ version: 2 })).toThrow('another version')
  })
})
