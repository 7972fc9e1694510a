import { fromBinary } from '@bufbuild/protobuf'
import { createCollector } from '@driftline/ingest/collector'
import { type PollDefinition, pollDefinition } from '@driftline/ingest/definitions/poll'
import { createSeriesBook, type SeriesBook } from '@driftline/ingest/series-book'
import type { Json } from '@driftline/platform/metadata/tables'
import { FlaggedRecordSchema, MetricKind, topics } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import { createPollMapper } from './poll-mapper.ts'
import type { Row } from './rows.ts'
import { createScrapeMapper } from './scrape-mapper.ts'

const NOW = 1_750_000_000_000
const clock = { nowMs: () => NOW }
const place = { tenant: 'default', source: 'poll-1', process: 'service:orders' }

function bench() {
  const book = createSeriesBook({ perTenantMax: 100, perSourceMax: 10 }, { clock })
  const bounds = { ageMsMax: 86_400_000, aheadMsMax: 600_000 }
  const collector = createCollector({ tenant: 'default', source: 'poll-1', ...bounds }, { book, clock })
  return { book, collector }
}

/** Series that were published, by what they are. */
function seriesOf(book: SeriesBook, handles: ReadonlySet<number>) {
  return [...handles].map((handle) => {
    const { process, metric, attributes, unit, kind } = book.get(handle)
    return { process, metric, attributes, unit, kind }
  })
}

const rowOf = (values: Readonly<Record<string, Json>>): Row => ({ at: (name) => values[name] })

const definitionOf = (part: object): PollDefinition =>
  pollDefinition.parse({ everySeconds: 10, type: 'sql', checkConfiguration: {}, ...part })

describe('rows', () => {
  it('become samples with attributes and processes of their own', () => {
    const { book, collector } = bench()
    const definition = definitionOf({
      process: 'device:{site}:{press}',
      metrics: [{ metric: 'press.pressure', value: 'bar', unit: 'bar', scale: 2, attributes: { line: 'line' } }],
    })
    const mapper = createPollMapper(place, definition, { book, collector })
    const rows = [
      rowOf({ site: 'plant a', press: 3, bar: '1.5', line: 'x' }),
      rowOf({ site: 'b', press: 4, bar: 7, line: null }),
    ]
    expect(mapper.take(rows, NOW)).toMatchObject({ samples: 2, refused: [], newestMs: NOW })
    const batch = collector.take()!
    expect(seriesOf(book, batch.handles)).toEqual([
      {
        process: 'device:plant~20a:3',
        metric: 'press.pressure',
        attributes: '{"line":"x"}',
        unit: 'bar',
        kind: MetricKind.GAUGE,
      },
      { process: 'device:b:4', metric: 'press.pressure', attributes: '{}', unit: 'bar', kind: MetricKind.GAUGE },
    ])
  })

  it.each([
    ['a text', { total: 'many' }, 'value_invalid', 'total is no number: "many"'],
    ['nothing', {}, 'value_invalid', 'total is missing'],
    ['null', { total: null }, 'value_invalid', 'total is no number: null'],
    ['a list', { total: [1] }, 'value_invalid', 'total is no number: [1]'],
    ['an old time', { total: 1, at: '2001-01-01T00:00:00Z' }, 'time_too_old', 'total of 2001-01-01T00:00:00.000Z'],
    ['a time ahead', { total: 1, at: 4_000_000_000 }, 'time_in_future', 'total of 2096-10-02T07:06:40.000Z'],
    ['no time', { total: 1, at: 'soon' }, 'time_invalid', 'at of row 1 is no time'],
  ])('with %s is refused by itself', (_title, values, reason, detail) => {
    const { book, collector } = bench()
    const time = 'at' in values ? { time: 'at' } : {}
    const definition = definitionOf({ metrics: [{ metric: 'total', value: 'total' }], ...time })
    const mapped = createPollMapper(place, definition, { book, collector }).take([rowOf(values)], NOW)
    expect(mapped).toMatchObject({ samples: 0, refusedTotal: 1, refused: [{ reason, detail }] })
  })

  it('refuse a process that cannot be named', () => {
    const { book, collector } = bench()
    const definition = definitionOf({ process: 'device:{site}', metrics: [{ metric: 'total', value: 'total' }] })
    const mapped = createPollMapper(place, definition, { book, collector }).take([rowOf({ total: 1 })], NOW)
    expect(mapped.refused).toMatchObject([{ reason: 'process_invalid' }])
  })

  it('are flagged by rules, with the values that were asked for', () => {
    const { book, collector } = bench()
    const rule = { name: 'large', expression: 'amount > 100000', severity: 'critical' }
    const metrics = [{ metric: 'amount', value: 'amount' }]
    const mapper = createPollMapper(place, definitionOf({ metrics, rules: [rule] }), { book, collector })
    mapper.take([rowOf({ amount: 5 }), rowOf({ amount: 120_000 })], NOW)
    const flagged = collector.take()!.records.filter(({ topic }) => topic === topics.flaggedRecords.name)
    expect(flagged).toHaveLength(1)
    expect(fromBinary(FlaggedRecordSchema, flagged[0]!.value)).toMatchObject({
      process: 'service:orders',
      rule: 'large',
      record: '{"amount":120000}',
      value: 120_000,
    })
  })
})

describe('scrapes', () => {
  const scrape = { keep: [], drop: [], honourTimes: true }

  it('become series with their kinds and units', () => {
    const { book, collector } = bench()
    const text = `# TYPE jobs_done counter
jobs_done_total{queue="a"} 5
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{le="1"} 3
wait_seconds_sum 2.5
# TYPE depth gauge
depth 4
plain_total 1
nothing NaN
broken{ 1
`
    const mapped = createScrapeMapper(place, scrape, { book, collector }).take(text, true, NOW)
    expect(mapped).toMatchObject({ samples: 5, refusedTotal: 1, refused: [{ reason: 'line_invalid' }], newestMs: NOW })
    const series = seriesOf(book, collector.take()!.handles)
    expect(series.map(({ metric, kind, unit }) => [metric, kind, unit])).toEqual([
      ['jobs_done_total', MetricKind.CUMULATIVE, ''],
      ['wait_seconds_bucket', MetricKind.CUMULATIVE, 's'],
      ['wait_seconds_sum', MetricKind.CUMULATIVE, 's'],
      ['depth', MetricKind.GAUGE, ''],
      ['plain_total', MetricKind.CUMULATIVE, ''],
    ])
    expect(series[0]).toMatchObject({ process: 'service:orders', attributes: '{"queue":"a"}' })
  })

  it('keep and drop by name, and honour the times that samples carry', () => {
    const { book, collector } = bench()
    const mapper = createScrapeMapper(place, { keep: ['a.*'], drop: ['ab'], honourTimes: true }, { book, collector })
    const mapped = mapper.take(`a 1 ${NOW - 5000}\nab 2\nb 3`, false, NOW)
    expect(mapped).toMatchObject({ samples: 1, newestMs: NOW - 5000 })
    const own = createScrapeMapper(place, { ...scrape, honourTimes: false }, { book, collector })
    expect(own.take(`a 1 ${NOW - 5000}`, false, NOW)).toMatchObject({ newestMs: NOW })
  })

  it('stay within the bound of series, and say whose it is', () => {
    const { book, collector } = bench()
    const lines = Array.from({ length: 30 }, (_, index) => `a{user="${index}"} 1`).join('\n')
    const mapped = createScrapeMapper(place, scrape, { book, collector }).take(lines, false, NOW)
    expect(mapped).toMatchObject({ samples: 10, refusedTotal: 20 })
    expect(mapped.refused[0]).toMatchObject({ reason: 'series_too_many' })
  })

  it('refuse a pattern that is none', () => {
    const { book, collector } = bench()
    expect(() => createScrapeMapper(place, { ...scrape, keep: ['('] }, { book, collector })).toThrow(
      '( is no RE2 pattern',
    )
  })
})
