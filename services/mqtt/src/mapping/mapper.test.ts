import { type MqttMapping, mqttMapping } from '@driftline/ingest/definitions/mqtt'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { createMapper, type Mapper } from './mapper.ts'
import type { Reading } from './reading.ts'

const now = Date.UTC(2026, 10, 17, 14, 40, 10)
const ts = now - 129
const bounds = { ageMsMax: 48 * 3_600_000, aheadMsMax: 600_000 }

type Input = z.input<typeof mqttMapping>

const mapperOf = (...mappings: Input[]): Mapper => {
  const { mapper, problems } = createMapper(
    mappings.map((mapping) => mqttMapping.parse(mapping)),
    bounds,
  )
  expect(problems).toEqual([])
  return mapper
}

const payload = (value: unknown): Buffer =>
  Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

interface Said {
  verdict: string
  process: string
  samples: Record<string, number>
  units: Record<string, string>
  times: number[]
  events: [number, number]
  refusals: [string, string][]
}

/** A reading as plain values: samples by `metric{attributes}`. */
function said(reading: Reading): Said {
  const samples: Record<string, number> = {}
  const units: Record<string, string> = {}
  for (let i = 0; i < reading.count; i++) {
    const key = reading.keys[i]!
    const attributes = Object.entries(key.attributes).map(([name, value]) => `${name}=${value}`)
    const name = attributes.length > 0 ? `${key.metric}{${attributes.join()}}` : key.metric
    expect(Object.hasOwn(samples, name), `${name} stands twice`).toBe(false)
    samples[name] = reading.values[i]!
    units[key.metric] = key.unit
  }
  return {
    verdict: reading.reason === '' ? reading.verdict : `${reading.verdict} ${reading.reason}`,
    process: reading.process,
    samples,
    units,
    times: [...new Set(reading.timesMs.slice(0, reading.count))],
    events: [reading.events, reading.failed],
    refusals: reading.refusals.map(({ reason, at }) => [reason, at]),
  }
}

const map = (mapping: Input, topic: string, value: unknown, isRetained = false): Said =>
  said(mapperOf(mapping).map(topic, payload(value), now, isRetained))

const press: Input = {
  topic: 'acme/{site}/press/{machine}/telemetry',
  time: { path: '$.ts', format: 'ms' },
  fields: [
    { path: '$.vib.rms', metric: 'device.vibration.rms', unit: 'mm/s' },
    { path: '$.cycle_ms', metric: 'process.execution.time', unit: 'ms', role: 'executionTime' },
    { path: '$.ok', metric: 'process.success', unit: '0 or 1', role: 'success' },
    { path: '$.oil_c', metric: 'device.oil.temperature', unit: '°C' },
    { path: '$.fw', metric: 'fw', role: 'ignore' },
  ],
}

describe('fields', () => {
  const topic = 'acme/plant-a/press/press-3/telemetry'

  test('become metrics, KPIs and nothing, as they are mapped', () => {
    const value = { ts, vib: { rms: 7.9 }, cycle_ms: 6840, ok: 1, oil_c: 52.1, fw: '3.4.1' }
    expect(map(press, topic, value)).toEqual({
      verdict: 'emit',
      process: 'device:plant-a:press-3',
      samples: {
        'device.vibration.rms': 7.9,
        'process.execution.time': 6.84,
        'process.success': 1,
        'device.oil.temperature': 52.1,
      },
      units: {
        'device.vibration.rms': 'mm/s',
        'process.execution.time': 's',
        'process.success': '1',
        'device.oil.temperature': 'Cel',
      },
      times: [ts],
      events: [1, 0],
      refusals: [],
    })
  })

  test('a value that is no number is refused at its path, and the rest is kept', () => {
    const answer = map(press, topic, { ts, vib: { rms: 'n/a' }, cycle_ms: 5200 })
    expect(answer.refusals).toEqual([['value_not_a_number', '$.vib.rms']])
    expect(answer.samples).toEqual({ 'process.execution.time': 5.2 })
    expect(answer.events).toEqual([1, 1])
  })

  test.each<[unknown, number, [number, number]]>([
    [1, 1, [1, 0]],
    [0, 0, [1, 1]],
    [true, 1, [1, 0]],
    [false, 0, [1, 1]],
    ['ok', 1, [1, 0]],
    ['FAILED', 0, [1, 1]],
    ['off', 0, [1, 1]],
    ['1', 1, [1, 0]],
  ])('success %j is %i', (ok, value, events) => {
    const answer = map(press, topic, { ts, ok })
    expect(answer.samples).toEqual({ 'process.success': value })
    expect(answer.events).toEqual(events)
  })

  test.each<[unknown, string[][], number]>([
    [{ ts, cycle_ms: -1 }, [['value_out_of_range', '$.cycle_ms']], 0],
    [`{"ts":${ts},"oil_c":1e999}`, [['value_not_finite', '$.oil_c']], 0],
    [{ ts, oil_c: [1] }, [['value_not_a_number', '$.oil_c']], 0],
    [{ ts, oil_c: null, vib: null }, [], 0],
    [{ ts, oil_c: '52.1' }, [], 1],
    [{ ts: 'soon', oil_c: 1 }, [['time_unreadable', '$.ts']], 0],
    [{ ts: 0, oil_c: 1 }, [['time_too_old', '$.ts']], 0],
    [{ ts: 9.2e15, oil_c: 1 }, [['time_unreadable', '$.ts']], 0],
    [{ ts: now + 601_000, oil_c: 1 }, [['time_in_future', '$.ts']], 0],
    [{ ts: now + 599_000, oil_c: 1 }, [], 1],
    [{ oil_c: 1 }, [], 1],
    ['{"__proto__":{"oil_c":5}}', [], 0],
  ])('%j: refused %j', (value, refusals, count) => {
    const answer = map(press, topic, value)
    expect(answer.refusals).toEqual(refusals)
    expect(Object.keys(answer.samples)).toHaveLength(count)
    expect(answer.events).toEqual([1, refusals.length])
  })

  test('without a time of its own a message has that of its arrival', () => {
    expect(map(press, topic, { oil_c: 1 }).times).toEqual([now])
  })

  test('an execution time is kept under its own name too', () => {
    const field = { path: '$.c', metric: 'press.cycle', unit: 'min', role: 'executionTime' } as const
    const answer = map({ topic: '{site}/{machine}', fields: [field] }, 'a/b', { c: 2 })
    expect(answer.samples).toEqual({ 'press.cycle': 2, 'process.execution.time': 120 })
  })

  test('events add their value', () => {
    const field = { path: '$.n', metric: 'press.parts', role: 'events' } as const
    const answer = map({ topic: '{site}/{machine}', fields: [field] }, 'a/b', { n: 12 })
    expect(answer).toMatchObject({ samples: { 'press.parts': 12 }, events: [12, 0] })
  })

  test('a path with * makes a series of each, told apart by id, name or place', () => {
    const field = { path: '$.motors[*].t', metric: 'motor.temperature', unit: 'Cel' }
    const motors = [{ id: 'x', t: 1 }, { name: 'y', t: 2 }, { t: 3 }, { id: 'z' }]
    expect(map({ topic: '{site}/{machine}', fields: [field] }, 'a/b', { motors }).samples).toEqual({
      'motor.temperature{id=x}': 1,
      'motor.temperature{name=y}': 2,
      'motor.temperature{index=2}': 3,
    })
  })

  test('attributes are literal, of the topic, or of the payload', () => {
    const mapping: Input = {
      topic: '{site}/{line}/{machine}',
      attributes: { shift: '$.shift', source: 'plc' },
      fields: [{ path: '$.t', metric: 'temp', attributes: { at: '{line}-in' } }],
    }
    const mapper = mapperOf(mapping)
    const first = said(mapper.map('s/l1/m', payload({ t: 1, shift: 'A' }), now, false))
    expect(first.samples).toEqual({ 'temp{source=plc,line=l1,at=l1-in,shift=A}': 1 })
    const second = said(mapper.map('s/l1/m', payload({ t: 2, shift: 'B' }), now, false))
    expect(second.samples).toEqual({ 'temp{source=plc,line=l1,at=l1-in,shift=B}': 2 })
  })

  test('columns of CSV are fields, each line with its own time', () => {
    const mapping: Input = {
      topic: '{site}/{machine}',
      payload: 'csv',
      csv: { header: true },
      time: { path: 'ts' },
      fields: [
        { path: 'temp', metric: 'temp' },
        { path: '2', metric: 'second' },
      ],
    }
    const reading = mapperOf(mapping).map('a/b', payload(`ts,temp,x\n${ts},1,2\n${ts + 1},n/a,4`), now, false)
    const rows = reading.keys
      .slice(0, reading.count)
      .map((key, i) => [key.metric, reading.values[i], reading.timesMs[i]])
    expect(rows).toEqual([
      ['temp', 1, ts],
      ['second', 2, ts],
      ['second', 4, ts + 1],
    ])
    expect(reading).toMatchObject({ events: 2, failed: 1, rowCount: 2, timeMs: ts + 1 })
  })
})

describe('a payload of one number', () => {
  test.each<[Input, string, unknown, Record<string, number>]>([
    [{ topic: 'plant/{site}/{machine}/{metric}' }, 'plant/a/m/temp', '21.5', { temp: 21.5 }],
    [{ topic: 'plant/{site}/{machine}/{metric}' }, 'plant/a/m/temp', 'ON', { temp: 1 }],
    [{ topic: 'plant/{site}/{machine}/{metric}' }, 'plant/a/m/temp', '"21.5"', { temp: 21.5 }],
    [{ topic: 'plant/{site}/{machine}/{metric}' }, 'plant/a/m/oil temp', '1', { 'oil_temp{source.name=oil temp}': 1 }],
    [{ topic: 'plant/{site}/{machine}/{metric}' }, 'plant/a/m/temp', { value: 7 }, { temp: 7 }],
    [{ topic: 'plant/{site}/{machine}/{metric}' }, 'plant/a/m/temp', { in: 7 }, { 'temp.in': 7 }],
    [{ topic: '{site}/{machine}' }, 'a/m', '3', { value: 3 }],
    [{ topic: '{site}/{machine}/{x...}', metric: 'io/{x}' }, 'a/m/b/c', '3', { 'io/b/c': 3 }],
    [
      { topic: '{site}/{machine}/{m}', metric: 'd.{m}', unit: 'h', role: 'executionTime' },
      'a/m/run',
      '2',
      { 'd.run': 2, 'process.execution.time': 7200 },
    ],
    [{ topic: '{site}/{machine}' }, 'a/m', 'online', {}],
    [{ topic: '{site}/{machine}' }, 'a/m', 'null', {}],
  ])('%j at %s: %j', (mapping, topic, value, samples) => {
    expect(map(mapping, topic, value)).toMatchObject({ verdict: 'emit', samples, events: [1, 0] })
  })

  test('a metric of which a KPI is made cannot be sent in by a topic', () => {
    const answer = map({ topic: '{site}/{machine}/{metric}' }, 'a/m/process.events', '5')
    expect(answer.samples).toEqual({ 'mqtt.process.events{source.name=process.events}': 5 })
  })
})

describe('every number of a payload', () => {
  const any: Input = { topic: '{site}/{machine}' }

  test.each<[unknown, Record<string, number>]>([
    [
      { ts, vib: { rms: 7.9 }, ok: true, fw: '3.4.1', none: null },
      { 'vib.rms': 7.9, ok: 1 },
    ],
    [
      { ts: 12_345, a: 1 },
      { ts: 12_345, a: 1 },
    ],
    [{ 'oil temp': 1 }, { 'oil_temp{source.name=oil temp}': 1 }],
    [
      { 'a.b': 1, a: { b: 2 } },
      { 'a.b{source.name=$["a.b"]}': 1, 'a.b': 2 },
    ],
    [{ '1h': 1 }, { 'm_1h{source.name=1h}': 1 }],
    [
      {
        s: [
          { id: 'x', v: 1 },
          { id: 'y', v: 2 },
        ],
      },
      { 's.v{id=x}': 1, 's.v{id=y}': 2 },
    ],
    [{ s: [{ name: 'x', v: 1 }, { v: 2 }] }, { 's.v{name=x}': 1, 's.v{index=1}': 2 }],
    [{ s: [{ id: 5, v: 1 }] }, { 's.v{id=5}': 1 }],
    [{ s: [1, 2] }, { 's{index=0}': 1, 's{index=1}': 2 }],
    [[1, { a: 2 }], { 'value{index=0}': 1, 'a{index=1}': 2 }],
    [{ m: [[1], [2]] }, { 'm{index=0,$.m.index=0}': 1, 'm{index=1,$.m.index=0}': 2 }],
    ['{"__proto__":{"a":1}}', { 'm___proto__.a{source.name=__proto__.a}': 1 }],
    [
      { constructor: 1, toString: 2 },
      { constructor: 1, toString: 2 },
    ],
    [{}, {}],
  ])('%j', (value, samples) => {
    const answer = map(any, 'a/b', value)
    expect(answer).toMatchObject({ verdict: 'emit', samples, refusals: [] })
  })

  test('an object is never taken for an array that was there before', () => {
    const mapper = mapperOf(any)
    mapper.map('a/b', payload('{"a":{"id\\u0000x":{"v":1}}}'), now, false)
    expect(said(mapper.map('a/b', payload({ a: [{ id: 'x', v: 2 }] }), now, false)).samples).toEqual({ 'a.v{id=x}': 2 })
  })

  test('is bounded in number and depth', () => {
    const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]))
    const answer = map(any, 'a/b', wide)
    expect(Object.keys(answer.samples)).toHaveLength(64)
    expect(answer.refusals).toEqual([['values_too_many', '$']])
    const deep = map(any, 'a/b', `${'{"a":'.repeat(9)}1${'}'.repeat(9)}`)
    expect(deep).toMatchObject({ samples: {}, refusals: [['nested_too_deep', '$.a.a.a.a.a.a.a.a']] })
    const bomb = map(any, 'a/b', `${'['.repeat(100_000)}${']'.repeat(100_000)}`)
    expect(bomb).toMatchObject({ verdict: 'dead-letter nested_too_deep', samples: {} })
  })

  test('columns of CSV that hold numbers', () => {
    const answer = map({ ...any, csv: { header: false, columns: ['a', 'b', 'note'] } }, 'a/b', '1,2.5,hello')
    expect(answer.samples).toEqual({ a: 1, b: 2.5 })
  })
})

describe('refused as a whole', () => {
  test.each<[Input, string, unknown, string, [number, number]]>([
    [press, 'acme/a/press/b/telemetry', '{"broken', 'dead-letter payload_not_json', [1, 1]],
    [press, 'acme/a/press/b/telemetry', Buffer.from([0xff]), 'dead-letter payload_not_utf8', [1, 1]],
    [
      { topic: '{site}/{machine}', payload: 'json' },
      'a/b',
      Buffer.from([0x22, 0xff]),
      'dead-letter payload_not_utf8',
      [1, 1],
    ],
    [{ topic: '{site}/{machine}', payload: 'number' }, 'a/b', '7,5', 'dead-letter payload_not_a_number', [1, 1]],
    [{ topic: '{site}/{machine}' }, '/b', '7', 'dead-letter process_invalid', [0, 0]],
    [{ topic: '{site}/{machine}' }, `${'x'.repeat(600)}/b`, '7', 'dead-letter process_invalid', [0, 0]],
    [{ topic: '{site}/{machine}' }, 'a/b/c', '7', 'skip topic_unmapped', [0, 0]],
    [{ topic: '{site}/{machine}' }, 'a/+', '7', 'skip topic_unmapped', [0, 0]],
    [{ topic: '{site}/{machine}' }, 'a/b', '', 'skip payload_empty', [0, 0]],
    [{ topic: '{site}/{machine}' }, 'a/b', ' '.repeat(300_000), 'dead-letter payload_too_large', [1, 1]],
  ])('%j at %s', (mapping, topic, value, verdict, events) => {
    expect(map(mapping, topic, value)).toMatchObject({ verdict, samples: {}, events })
  })

  test('names are escaped in the id of the process', () => {
    expect(map({ topic: '{site}/{machine}' }, 'plant a/m:1', '1').process).toBe('device:plant~20a:m~3a1')
  })
})

describe('retained messages', () => {
  const mapping: Input = { topic: '{site}/{machine}' }

  test('without a time of their own make process and series known, and no sample', () => {
    const reading = mapperOf(mapping).map('a/b', payload({ a: 1, b: 2 }), now, true)
    expect(said(reading)).toMatchObject({
      verdict: 'skip retained',
      process: 'device:a:b',
      samples: {},
      events: [0, 0],
    })
    expect(reading.keys.slice(0, reading.knownCount).map((key) => key.metric)).toEqual(['a', 'b'])
  })

  test('with a time within bounds are samples, but no events', () => {
    expect(map(mapping, 'a/b', { ts, a: 1 }, true)).toMatchObject({
      verdict: 'emit',
      samples: { a: 1 },
      events: [0, 0],
    })
  })

  test('with a time out of bounds are passed over', () => {
    expect(map(mapping, 'a/b', { ts: now - 1e10, a: 1 }, true)).toMatchObject({
      verdict: 'skip retained',
      refusals: [],
    })
  })

  test('that were read before, live or retained, are passed over', () => {
    const mapper = mapperOf(mapping)
    mapper.map('a/b', payload({ ts, a: 1 }), now, false)
    expect(said(mapper.map('a/b', payload({ ts, a: 1 }), now, true))).toMatchObject({ verdict: 'skip retained' })
    expect(said(mapper.map('a/b', payload({ ts: ts + 1, a: 1 }), now, true))).toMatchObject({ samples: { a: 1 } })
  })
})

test('a topic keeps its series from message to message', () => {
  const mapper = mapperOf({ topic: '{site}/{machine}' }, press)
  const first = mapper.map('a/b', payload({ x: 1 }), now, false).keys[0]
  expect(mapper.map('a/b', payload({ x: 2 }), now, false).keys[0]).toBe(first)
  expect(mapper.filters).toEqual(['+/+', 'acme/+/press/+/telemetry'])
})

test('series that never come again do not pile up', () => {
  const mapper = mapperOf({ topic: '{site}/{machine}' })
  for (let i = 0; i < 20_000; i++) mapper.map('a/b', payload(`{"k${i}":1}`), now, false)
  expect(said(mapper.map('a/b', payload({ k1: 1 }), now, false)).samples).toEqual({ k1: 1 })
})

test.each<[Partial<MqttMapping>, string]>([
  [{ topic: 'a/{x' }, 'mappings[0].topic'],
  [{ payload: 'sparkplug' }, 'mappings[0].topic'],
  [{ process: 'device:{nobody}' }, 'mappings[0].process'],
  [{ process: 'host:web-1' }, 'mappings[0].process'],
  [{ process: 'os:web-1:nginx' }, 'mappings[0].process'],
  [{ process: 'device' }, 'mappings[0].process'],
  [{ process: 'device::x' }, 'mappings[0].process'],
  [{ metric: '{nobody}' }, 'mappings[0].metric'],
  [{ metric: 'no spaces' }, 'mappings[0].metric'],
  [{ metric: 'process.events' }, 'mappings[0].metric'],
  [{ unit: 'two words' }, 'mappings[0].unit'],
  [{ role: 'executionTime', unit: 'mm' }, 'mappings[0].unit'],
  [{ time: { path: 'ts', format: 'auto' } }, 'mappings[0].time.path'],
  [{ time: { path: '$.a[*]', format: 'auto' } }, 'mappings[0].time.path'],
  [{ attributes: { a: '{nobody}' } }, 'mappings[0].attributes.a'],
  [{ attributes: { a: '$.b[*]' } }, 'mappings[0].attributes.a'],
  [{ fields: [{ path: 'vib', metric: 'm', unit: '', role: 'level' }] }, 'mappings[0].fields[0].path'],
  [{ fields: [{ path: '$.a', metric: '1', unit: '', role: 'level' }] }, 'mappings[0].fields[0].metric'],
  [{ fields: [{ path: '$.a', metric: 'm', unit: '', role: 'executionTime' }] }, 'mappings[0].fields[0].unit'],
])('a mapping with %j is refused at %s', (part, at) => {
  const mapping = { ...mqttMapping.parse({ topic: 'x/{site}/{machine}' }), ...part }
  expect(createMapper([mapping], bounds).problems.map((problem) => problem.at)).toContain(at)
})

test('a wrong mapping leaves the others as they are, by their numbers', () => {
  const good = mqttMapping.parse({ topic: '{site}/{machine}' })
  const { mapper, problems } = createMapper([{ ...good, topic: '' }, good], bounds)
  expect(problems).toHaveLength(1)
  expect(mapper.map('a/b', payload('1'), now, false).mapping).toBe(1)
})

test('any topic and payload get a verdict', () => {
  const mapper = mapperOf(
    press,
    { topic: '{site}/{machine}' },
    { topic: 'csv/{machine}/{rest...}', process: 'device:{machine}', csv: { header: true } },
  )
  const topic = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a/b', 'acme/a/press/b/telemetry', 'csv/m/x'))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((each) => Buffer.from(each)),
    fc.json().map((text) => Buffer.from(text)),
    fc.jsonValue().map((value) => payload({ ts, vib: value, cycle_ms: value, ok: value })),
  )
  fc.assert(
    fc.property(topic, bytes, fc.boolean(), (name, each, isRetained) => {
      const reading = mapper.map(name, each, now, isRetained)
      expect(['emit', 'skip', 'dead-letter']).toContain(reading.verdict)
      expect(reading.verdict === 'emit').toBe(reading.reason === '')
      for (let i = 0; i < reading.count; i++) {
        expect(Number.isFinite(reading.values[i])).toBe(true)
        expect(Number.isFinite(reading.timesMs[i])).toBe(true)
        expect(reading.keys[i]!.metric).toMatch(/^[A-Za-z][A-Za-z0-9_./-]{0,254}$/)
        expect(reading.keys[i]!.process).toBe(reading.process)
      }
    }),
    { numRuns: 1000 },
  )
})
