import { MetricKind, routingKey, seriesId } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { createSeriesBook, type SeriesName } from './series-book.ts'

const HOUR = 3_600_000
const name = (changes: Partial<SeriesName> = {}): SeriesName => ({
  tenant: 'default',
  source: 'mqtt-1',
  process: 'device:plant-a:press-3',
  metric: 'device.oil.temperature',
  attributes: {},
  unit: 'Cel',
  kind: MetricKind.GAUGE,
  ...changes,
})

function createRig(limits: { perTenantMax?: number; perSourceMax?: number } = {}) {
  const clock = { now: 1_800_000_000_000, nowMs: () => clock.now }
  const book = createSeriesBook({ perTenantMax: 100, perSourceMax: 100, ...limits }, { clock })
  return { book, clock }
}

describe('handles', () => {
  test('the same series has the same handle, whatever the order of its attributes', () => {
    const { book } = createRig()
    const first = book.define(name({ attributes: { b: '2', a: '1' } }))
    expect(book.define(name({ attributes: { a: '1', b: '2' } }))).toBe(first)
    expect(book.size).toBe(1)
  })

  test('a handle knows the id, the routing key and the kind of its series', () => {
    const { book } = createRig()
    const handle = book.define(name({ attributes: { axis: 'x' }, kind: MetricKind.DELTA }))
    const id = seriesId('default', 'device:plant-a:press-3', 'device.oil.temperature', '{"axis":"x"}')
    expect((BigInt(book.highs()[handle]!) << 32n) | BigInt(book.lows()[handle]!)).toBe(id)
    expect(book.keyAt(book.keys()[handle]!)).toBe(routingKey('default', 'device:plant-a:press-3'))
    expect(book.kinds()[handle]).toBe(MetricKind.DELTA)
  })

  test('tenants and sources do not share handles', () => {
    const { book } = createRig()
    const handles = [name(), name({ tenant: 'other' }), name({ source: 'mqtt-2' })].map(book.define)
    expect(new Set(handles).size).toBe(3)
  })
})

describe('what is refused', () => {
  test.each<[string, Partial<SeriesName>, string]>([
    ['no metric', { metric: '' }, 'metric_invalid'],
    ['a metric with blanks', { metric: 'oil temperature' }, 'metric_invalid'],
    ['a metric of 256 characters', { metric: 'a'.repeat(256) }, 'metric_invalid'],
    ['a unit with a line feed', { unit: 'C\n' }, 'unit_invalid'],
    ['a process of no kind', { process: 'robot:1' }, 'process_invalid'],
    ['a process without a name', { process: 'device:' }, 'process_invalid'],
    ['a process with a blank', { process: 'device:press 3' }, 'process_invalid'],
    [
      'a process of 600 characters',
      { process: `device:${'a'.repeat(200)}:${'b'.repeat(200)}:${'c'.repeat(200)}` },
      'process_invalid',
    ],
    ['an empty attribute', { attributes: { '': 'x' } }, 'attributes_invalid'],
    ['NUL in an attribute', { attributes: { a: 'x\0' } }, 'attributes_invalid'],
    ['half a surrogate pair', { attributes: { a: '\ud800' } }, 'attributes_invalid'],
    [
      '33 attributes',
      { attributes: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, 'x'])) },
      'attributes_invalid',
    ],
    ['5 kB of attributes', { attributes: { a: 'x'.repeat(5000) } }, 'attributes_invalid'],
  ])('%s', (_, changes, reason) => {
    const { book } = createRig()
    const code = book.define(name(changes))
    expect(code).toBeLessThan(0)
    expect(book.refusal(code).reason).toBe(reason)
    expect(book.refusal(code).detail).not.toBe('')
    expect(book.size).toBe(0)
  })

  test('an attribute called __proto__ is an attribute like any other', () => {
    const { book } = createRig()
    const handle = book.define(name({ attributes: JSON.parse('{"__proto__":"x"}') }))
    expect(book.get(handle).attributes).toBe('{"__proto__":"x"}')
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })
})

describe('limits', () => {
  test('a source that has too many series is named, with the attribute that makes them', () => {
    const { book } = createRig({ perSourceMax: 10 })
    for (let i = 0; i < 10; i++) book.define(name({ attributes: { request: `r-${i}`, method: 'GET' } }))
    const code = book.define(name({ attributes: { request: 'r-10', method: 'GET' } }))
    expect(book.refusal(code)).toEqual({
      reason: 'series_too_many',
      detail:
        'the limit is 10 series a source may have; source mqtt-1 has 10, and attribute request of device.oil.temperature has 10 different values',
    })
    expect(book.define(name({ source: 'mqtt-2' }))).toBeGreaterThanOrEqual(0)
  })

  test('when a tenant is full, the report names its largest source, and other tenants do not notice', () => {
    const { book } = createRig({ perTenantMax: 10 })
    for (let i = 0; i < 9; i++) book.define(name({ process: `device:d-${i}` }))
    book.define(name({ source: 'quiet' }))
    const code = book.define(name({ source: 'newcomer' }))
    expect(book.refusal(code).detail).toContain('source mqtt-1 has 9, and the process has 9 different values')
    expect(book.define(name({ tenant: 'other' }))).toBeGreaterThanOrEqual(0)
  })

  test('a series without a sample for an hour makes room, and its handle is not confused with another', () => {
    const { book, clock } = createRig({ perSourceMax: 2 })
    const kept = book.define(name({ metric: 'a' }))
    const idle = book.define(name({ metric: 'b' }))
    const { generation } = book
    clock.now += HOUR
    book.touch(kept, clock.now)
    book.sweep()
    expect(book.generation).toBe(generation + 1)
    expect(book.size).toBe(1)
    expect(book.define(name({ metric: 'c', process: 'device:new' }))).toBe(idle)
    expect(book.get(idle).metric).toBe('c')
    expect(book.keyAt(book.keys()[kept]!)).toBe('default/device:plant-a:press-3')
    expect(book.keyAt(book.keys()[idle]!)).toBe('default/device:new')
  })
})

test('nothing is taken back while something waits for the bus', () => {
  const { book, clock } = createRig()
  const waiting = book.define(name())
  clock.now += 2 * HOUR
  book.postpone()
  book.sweep()
  expect(book.get(waiting).metric).toBe('device.oil.temperature')
  clock.now += 60_000
  book.sweep()
  expect(book.size).toBe(0)
})

test('consumers are told of a series once, and again before the topic forgets', () => {
  const { book, clock } = createRig()
  const handle = book.define(name())
  expect(book.untold([handle])).toEqual([handle])
  book.told([handle])
  expect(book.untold([handle])).toEqual([])
  clock.now += 12 * HOUR
  expect(book.untold([handle])).toEqual([handle])
})
