import type { LogMetric } from '@driftline/ingest/definitions/logs'
import { MetricKind } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FormatSettings } from '../formats/log-format.ts'
import { parseLines } from '../formats/parse-lines.ts'
import { createRecordColumns } from '../formats/record-columns.ts'
import { linesOf, parserOf } from '../formats/testing/read-lines.ts'
import { GROUPS_MAX } from './group-keys.ts'
import type { LogSeries } from './log-metric-names.ts'
import { createLogMetrics, type LogMetrics } from './log-metrics.ts'

interface Point {
  readonly metric: string
  readonly unit: string
  readonly kind: MetricKind
  readonly attributes: Readonly<Record<string, string>>
  readonly second: number
  readonly value: number
}

const SECOND = Date.UTC(2024, 4, 1, 11, 59, 0)

function flush(metrics: LogMetrics): Point[] {
  const points: Point[] = []
  metrics.flush((series: LogSeries, timeMs, value) => {
    points.push({ ...series, second: (timeMs - SECOND) / 1_000, value })
  })
  return points
}

/** Puts lines through a parser and the metrics as batches, each of one or more chunks. */
function measure(
  settings: FormatSettings,
  batches: readonly (readonly string[])[],
  metrics: readonly LogMetric[] = [],
): Point[] {
  const made = createLogMetrics({ metrics })
  const parser = parserOf(settings)
  const columns = createRecordColumns({ rowsMax: 1_000 })
  return batches.flatMap((lines) => {
    parseLines(parser, linesOf(lines), columns)
    made.add(columns)
    return flush(made)
  })
}

const valuesOf = (
  points: readonly Point[],
  metric: string,
  attributes: Record<string, string> = {},
): [number, number][] =>
  points
    .filter((point) => point.metric === metric && JSON.stringify(point.attributes) === JSON.stringify(attributes))
    .map(({ second, value }) => [second, value])

const access = (second: number, status: number, duration: number): string =>
  `::1 - - [01/May/2024:11:59:${String(second).padStart(2, '0')} +0000] "GET / HTTP/1.1" ${status} 5 "-" "x" ${duration.toFixed(3)}`

const json = (second: number, fields: Record<string, unknown>): string =>
  JSON.stringify({ time: SECOND + second * 1_000, ...fields })

const metric = (settings: Partial<LogMetric> & Pick<LogMetric, 'aggregation'>): LogMetric => ({
  field: 'amount',
  metric: 'shop.amount',
  unit: 'INR',
  ...settings,
})

describe('lines of a second', () => {
  test('access logs: events, failures, classes of status, durations', () => {
    const lines = [
      access(1, 200, 0.1),
      access(1, 204, 0.3),
      access(1, 500, 0.2),
      access(2, 404, 1),
      access(1, 301, 0.4),
    ]
    const points = measure({ format: 'combined' }, [lines])
    expect(valuesOf(points, 'process.events')).toEqual([
      [1, 4],
      [2, 1],
    ])
    expect(valuesOf(points, 'process.events.failed')).toEqual([
      [1, 1],
      [2, 0],
    ])
    expect(valuesOf(points, 'log.lines', { 'http.response.status_class': '2xx' })).toEqual([[1, 2]])
    expect(valuesOf(points, 'log.lines', { 'http.response.status_class': '3xx' })).toEqual([[1, 1]])
    expect(valuesOf(points, 'log.lines', { 'http.response.status_class': '4xx' })).toEqual([[2, 1]])
    expect(valuesOf(points, 'log.lines', { 'http.response.status_class': '5xx' })).toEqual([[1, 1]])
    expect(valuesOf(points, 'process.execution.time')).toEqual([
      [1, 0.25],
      [2, 1],
    ])
    expect(valuesOf(points, 'log.duration', { quantile: '0.5' })).toEqual([
      [1, 0.25],
      [2, 1],
    ])
    expect(valuesOf(points, 'log.duration', { quantile: '0.99' })).toEqual([
      [1, 0.4],
      [2, 1],
    ])
    expect(valuesOf(points, 'log.duration.count')).toEqual([
      [1, 4],
      [2, 1],
    ])
  })

  test('levels, and failures by level', () => {
    const levels = ['trace', 'debug', 'info', 'info', 'warn', 'error', 'fatal', 'loud']
    const points = measure({ format: 'json' }, [levels.map((level) => json(3, { level }))])
    const counts = Object.fromEntries(
      points
        .filter(({ metric }) => metric === 'log.lines')
        .map(({ attributes, value }) => [attributes['log.level'], value]),
    )
    expect(counts).toEqual({ none: 1, trace: 1, debug: 1, info: 2, warn: 1, error: 1, fatal: 1 })
    expect(valuesOf(points, 'process.events.failed')).toEqual([[3, 2]])
  })

  test('lines that do not fit count at their arrival', () => {
    const points = measure({ format: 'json' }, [['what?', 'ERROR what?']])
    expect(valuesOf(points, 'process.events')).toEqual([[60, 2]])
    expect(valuesOf(points, 'process.events.failed')).toEqual([[60, 1]])
  })

  test('nothing is carried over: a batch read again says the same', () => {
    const lines = Array.from({ length: 200 }, (_, i) => access(i % 7, i % 11 ? 200 : 500, i / 1_000))
    const [once, again] = [measure({ format: 'combined' }, [lines]), measure({ format: 'combined' }, [lines, lines])]
    expect(again).toEqual([...once, ...once])
    expect(measure({ format: 'combined' }, [[]])).toEqual([])
  })

  test('chunks of one batch are one', () => {
    const made = createLogMetrics({ metrics: [] })
    const parser = parserOf({ format: 'combined' })
    const columns = createRecordColumns({ rowsMax: 10 })
    for (const duration of [0.5, 0.1, 0.3]) {
      parseLines(parser, linesOf([access(5, 200, duration)]), columns)
      made.add(columns)
    }
    const points = flush(made)
    expect(valuesOf(points, 'process.events')).toEqual([[5, 3]])
    expect(valuesOf(points, 'process.execution.time')).toEqual([[5, 0.3]])
  })

  test('any number of seconds in one batch', () => {
    const lines = Array.from({ length: 900 }, (_, i) => json(-i, { level: 'info', duration_ms: i }))
    const points = measure({ format: 'json' }, [lines])
    expect(valuesOf(points, 'process.events')).toHaveLength(900)
    expect(valuesOf(points, 'process.execution.time')).toContainEqual([-899, 0.899])
  })
})

describe('quantiles are exact', () => {
  test('by nearest rank over whatever values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(100_000)), { minLength: 1, maxLength: 300 }),
        (values) => {
          const points = measure({ format: 'json' }, [values.map(([second, ms]) => json(second, { duration_ms: ms }))])
          for (const share of [0.95, 0.99]) {
            for (const [second, value] of valuesOf(points, 'log.duration', { quantile: String(share) })) {
              const sorted = values
                .filter(([at]) => at === second)
                .map(([, ms]) => ms / 1_000)
                .sort((a, b) => a - b)
              expect(value).toBe(sorted[Math.ceil(share * sorted.length) - 1])
            }
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('what a person asks of fields', () => {
  const rows = [
    json(1, { amount: 10, country: 'IN' }),
    json(1, { amount: 30, country: 'IN' }),
    json(1, { amount: 5, country: 'DE' }),
    json(1, { amount: '7', country: 'DE' }),
    json(1, { amount: 'x', country: 'DE' }),
    json(1, { country: 'DE' }),
    json(1, { amount: 1e300 }),
    '{"time":1,"amount":1}',
    '{"amount":1e999}',
  ]
  test.each([
    ['sum', 52 + 1e300, MetricKind.DELTA],
    ['count', 6, MetricKind.DELTA],
    ['mean', (52 + 1e300) / 5, MetricKind.GAUGE],
    ['min', 5, MetricKind.GAUGE],
    ['max', 1e300, MetricKind.GAUGE],
    ['last', 1e300, MetricKind.GAUGE],
  ] as const)('%s', (aggregation, value, kind) => {
    const points = measure({ format: 'json' }, [rows], [metric({ aggregation })])
    expect(valuesOf(points, 'shop.amount').filter(([second]) => second === 1)).toEqual([[1, value]])
    expect(points.find((point) => point.metric === 'shop.amount')).toMatchObject({ kind, unit: 'INR' })
  })

  test('quantiles, by group', () => {
    const lines = Array.from({ length: 100 }, (_, i) => json(1, { amount: i + 1, country: i % 2 ? 'IN' : 'DE' }))
    const points = measure({ format: 'json' }, [lines], [metric({ aggregation: 'quantiles', by: ['country'] })])
    expect(valuesOf(points, 'shop.amount', { country: 'IN', quantile: '0.95' })).toEqual([[1, 96]])
    expect(valuesOf(points, 'shop.amount', { country: 'DE', quantile: '0.5' })).toEqual([[1, 50]])
  })

  test('groups of several fields, of which some are missing or need escapes', () => {
    const lines = [
      json(1, { amount: 1, a: 'x', b: 'y' }),
      json(1, { amount: 2, a: 'x' }),
      json(1, { amount: 4, a: 'q"\n', b: '\u00e9' }),
      json(1, { amount: 8, a: 'x', b: 'y' }),
    ]
    const points = measure({ format: 'json' }, [lines], [metric({ aggregation: 'sum', by: ['a', 'b'] })])
    expect(valuesOf(points, 'shop.amount', { a: 'x', b: 'y' })).toEqual([[1, 9]])
    expect(valuesOf(points, 'shop.amount', { a: 'x', b: '' })).toEqual([[1, 2]])
    expect(valuesOf(points, 'shop.amount', { a: 'q"\n', b: 'é' })).toEqual([[1, 4]])
  })

  test.each(['sum', 'count', 'max', 'quantiles'] as const)(
    'a million values of a group are bounded: %s',
    (aggregation) => {
      const made = createLogMetrics({ metrics: [metric({ aggregation, by: ['user'] })] })
      const parser = parserOf({ format: 'json' })
      const columns = createRecordColumns({ rowsMax: 1_000 })
      const series = new Set<string>()
      let total = 0
      for (let batch = 0; batch < 12; batch++) {
        const lines = Array.from({ length: 1_000 }, (_, i) =>
          json(1, { amount: 1, user: i % 4 ? `u${batch * 1_000 + i}` : 'often' }),
        )
        parseLines(parser, linesOf(lines), columns)
        made.add(columns)
        for (const { metric: name, attributes, value } of flush(made)) {
          if (name !== 'shop.amount') continue
          series.add(attributes['user']!)
          total += value
        }
      }
      expect(series.size).toBeLessThanOrEqual(GROUPS_MAX + 1)
      expect(series.has('often')).toBe(true)
      expect(series.has('other')).toBe(true)
      expect(made.folded).toBeGreaterThan(8_000)
      if (aggregation === 'sum' || aggregation === 'count') expect(total).toBe(12_000)
    },
  )

  test('the most frequent values of the first batch are kept', () => {
    const lines = Array.from({ length: 400 }, (_, i) =>
      json(1, { amount: 1, user: i < 200 ? `rare${i}` : `often${i % 10}` }),
    )
    const points = measure({ format: 'json' }, [lines], [metric({ aggregation: 'sum', by: ['user'] })])
    for (let i = 0; i < 10; i++) expect(valuesOf(points, 'shop.amount', { user: `often${i}` })).toEqual([[1, 20]])
    expect(valuesOf(points, 'shop.amount', { user: 'other' })).toEqual([[1, 200 - (GROUPS_MAX - 10)]])
  })

  test('what is kept goes on after a restart, and nonsense is passed over', () => {
    const by = ['user']
    const lines = Array.from({ length: 80 }, (_, i) => json(1, { amount: 1, user: `u${i}` }))
    const first = createLogMetrics({ metrics: [metric({ aggregation: 'sum', by })] })
    const columns = createRecordColumns({ rowsMax: 100 })
    parseLines(parserOf({ format: 'json' }), linesOf(lines), columns)
    first.add(columns)
    const before = flush(first)
    const second = createLogMetrics({ metrics: [metric({ aggregation: 'sum', by })] })
    second.restore([['{', '[1]', '["a","b"]', ...first.save()[0]!], ['x']])
    parseLines(parserOf({ format: 'json' }), linesOf(lines.toReversed()), columns)
    second.add(columns)
    expect(new Set(flush(second).map((point) => JSON.stringify(point)))).toEqual(
      new Set(before.map((point) => JSON.stringify(point))),
    )
  })
})
