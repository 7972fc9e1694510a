import { type MqttMapping, mqttMapping } from '@driftline/ingest/definitions/mqtt'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writePayload } from '../sparkplug/wire-writer.ts'
import { createDiscovery } from './discovery.ts'
import { generaliseTopic } from './generalise-topic.ts'
import { guessPayload } from './guess-payload.ts'
import { createMapper } from './mapper.ts'
import { proposeMapping } from './propose-mapping.ts'
import { guessUnit } from './units.ts'

const now = Date.UTC(2026, 10, 17, 14, 40)

test.each<[string, Buffer | string, string]>([
  ['a/b', '{"a":1}', 'json'],
  ['a/b', '{"a":', 'text'],
  ['a/b', '21.5', 'number'],
  ['a/b', 'on', 'number'],
  ['a/b', '1,2,3', 'csv'],
  ['a/b', 'ts;temp\n1;2', 'csv'],
  ['a/b', 'hello, world', 'text'],
  ['a/b', 'online', 'text'],
  ['a/b', Buffer.from([0xff, 0xd8, 0xff]), 'binary'],
  ['a/b', Buffer.from([0x00, 0x01]), 'binary'],
  ['spBv1.0/g/NDATA/e', writePayload({ seq: 1 }), 'sparkplug'],
])('%s %j looks like %s', (topic, payload, guess) => {
  expect(guessPayload(topic, Buffer.from(payload))).toBe(guess)
})

test.each<[string, string[], boolean, string, string[]]>([
  [
    'acme/plant-b/compressor/c-1/telemetry',
    ['acme/plant-b/compressor/c-2/telemetry', 'acme/plant-a/hall/climate'],
    false,
    'acme/{site}/compressor/{machine}/telemetry',
    ['site', 'machine'],
  ],
  ['plant/a/m1/temp', ['plant/a/m1/flow'], true, 'plant/a/{machine}/{metric}', ['machine']],
  ['plant/a/m1/temp', ['plant/b/m1/temp'], true, 'plant/{site}/{machine}/{metric}', ['site', 'machine']],
  ['zigbee2mqtt/kitchen', ['zigbee2mqtt/hall', 'zigbee2mqtt/attic'], false, 'zigbee2mqtt/{machine}', ['machine']],
  ['acme/oven/state', [], false, 'acme/oven/state', []],
  ['acme/oven/state', ['acme/oven/telemetry'], false, 'acme/oven/state', []],
  ['temp', [], true, 'temp', []],
  ['f/line-2/robot-7/data', [], false, 'f/{line}/{machine}/data', ['line', 'machine']],
  ['a{b/m1/x', [], true, '+/{machine}/{metric}', ['machine']],
  ['s1/s2/s3', [], false, '{site}/{level}/{machine}', ['site', 'level', 'machine']],
])('%s among %j is %s', (topic, siblings, isNumber, template, names) => {
  const general = generaliseTopic(
    topic,
    siblings.map((sibling) => sibling.split('/')),
    isNumber,
  )
  expect(general).toMatchObject({ template, names })
})

test.each([
  ['oil_c', 'Cel'],
  ['cycle_ms', 'ms'],
  ['cycleMs', 'ms'],
  ['rpm', '{rev}/min'],
  ['spindle_rpm', '{rev}/min'],
  ['load_%', '%'],
  ['humidity', '%'],
  ['Power kW', 'kW'],
  ['rms', ''],
  ['basic', ''],
  ['items', ''],
])('%s is in %j', (name, unit) => {
  expect(guessUnit(name)).toBe(unit)
})

describe('proposals', () => {
  test('of the JSON of a press', () => {
    const example = `{"ts":${now},"vib":{"rms":2.8},"cycle_ms":5180,"ok":1,"oil_c":49.6,"fw":"3.4.1","motors":[{"id":"x","rpm":900}]}`
    expect(proposeMapping('acme/plant-a/press/press-1/telemetry', 'json', Buffer.from(example), [])).toMatchObject({
      topic: 'acme/{site}/press/{machine}/telemetry',
      process: 'device:{site}:{machine}',
      payload: 'json',
      time: { path: '$.ts' },
      fields: [
        { path: '$.vib.rms', metric: 'device.vibration.rms', unit: '', role: 'level' },
        { path: '$.cycle_ms', metric: 'process.execution.time', unit: 'ms', role: 'executionTime' },
        { path: '$.ok', metric: 'process.success', unit: '1', role: 'success' },
        { path: '$.oil_c', metric: 'device.oil.temperature', unit: 'Cel', role: 'level' },
        { path: '$.motors[*].rpm', metric: 'device.motors.rpm', unit: '{rev}/min', role: 'level' },
      ],
    })
  })

  test('of plain numbers, CSV, text and Sparkplug', () => {
    expect(proposeMapping('plant/a/m1/temp_c', 'number', Buffer.from('1'), [])).toMatchObject({
      topic: 'plant/a/{machine}/{metric}',
      process: 'device:{machine}',
      payload: 'number',
    })
    expect(proposeMapping('oven-1/value', 'number', Buffer.from('1'), [])).toMatchObject({
      topic: '{machine}/value',
      metric: 'device.value',
    })
    expect(proposeMapping('m1/csv', 'csv', Buffer.from(`ts;temp_c;note\n${now};21;x`), [])).toMatchObject({
      csv: { header: true, delimiter: ';' },
      time: { path: 'ts' },
      fields: [{ path: 'temp_c', metric: 'device.temperature', unit: 'Cel' }],
    })
    expect(proposeMapping('m1/csv', 'csv', Buffer.from('1,2.5,x'), [])).toMatchObject({
      csv: { header: false, columns: ['c1', 'c2', 'c3'] },
      fields: [{ path: 'c1' }, { path: 'c2' }],
    })
    expect(proposeMapping('m1/log', 'text', Buffer.from('online'), [])).toMatchObject({ payload: 'text' })
    expect(proposeMapping('spBv1.0/g/DDATA/e/d', 'sparkplug', Buffer.alloc(0), [])).toMatchObject({
      topic: 'spBv1.0/{group}/+/{edge}/{device}',
      process: 'device:{group}:{edge}:{device}',
      payload: 'sparkplug',
    })
    expect(proposeMapping('m1/picture', 'binary', Buffer.from([255]), [])).toBeNull()
    expect(proposeMapping('$SYS/uptime', 'number', Buffer.from('1'), [])).toBeNull()
  })

  test('whatever is proposed is a mapping that takes its topic and refuses nothing', () => {
    const level = fc.oneof(
      fc.constantFrom('plant-a', 'press', 'm1', 'telemetry', 'temp', ''),
      fc.string({ maxLength: 8 }),
    )
    const topic = fc
      .array(level, { minLength: 1, maxLength: 6 })
      .map((levels) => levels.map((each) => each.replace(/[+#\0/]/g, '')).join('/'))
      .filter((name) => name !== '' && !name.startsWith('$'))
    const bytes = fc
      .oneof(fc.json(), fc.constantFrom('1', 'on', '1,2', 'a;b\n1;2', 'text'))
      .map((text) => Buffer.from(text))
    fc.assert(
      fc.property(topic, bytes, fc.array(topic, { maxLength: 5 }), (name, payload, siblings) => {
        const proposal = proposeMapping(
          name,
          guessPayload(name, payload),
          payload,
          siblings.map((each) => each.split('/')),
        )
        if (proposal === null) return
        const { mapper, problems } = createMapper([mqttMapping.parse(proposal)], { ageMsMax: 1e15, aheadMsMax: 1e15 })
        expect(problems).toEqual([])
        const reading = mapper.map(name, payload, now, false)
        expect(reading.reason).not.toBe('topic_unmapped')
      }),
      { numRuns: 500 },
    )
  })
})

describe('the list', () => {
  const see = (topics: Iterable<string>, times = 1, atMs = now) => {
    const discovery = createDiscovery()
    for (const topic of topics)
      for (let i = 0; i < times; i++) discovery.see(topic, Buffer.from('{"temp_c":21.5}'), atMs)
    return discovery
  }

  test('says how often, what it looks like and what to make of it', () => {
    const discovery = createDiscovery()
    for (let i = 0; i <= 60; i++) {
      discovery.see('acme/plant-b/compressor/c-1/telemetry', Buffer.from('{"temp_c":21.5}'), now + i * 1000)
      if (i % 10 === 0) discovery.see('acme/hall', Buffer.from('online'), now + i * 1000)
    }
    const { topics, total } = discovery.unmapped(now + 60_000)
    expect(total).toBe(2)
    expect(topics.map(({ topic, payload, example }) => [topic, payload, example])).toEqual([
      ['acme/plant-b/compressor/c-1/telemetry', 'json', '{"temp_c":21.5}'],
      ['acme/hall', 'text', 'online'],
    ])
    expect(topics[0]!.perSecond).toBeCloseTo(1, 1)
    expect(topics[1]!.perSecond).toBeCloseTo(0.1, 1)
    expect((topics[0]!.proposal as MqttMapping).fields).toEqual([
      { path: '$.temp_c', metric: 'device.temperature', unit: 'Cel', role: 'level' },
    ])
  })

  test('is bounded: what finds no room is counted', () => {
    const discovery = see(Array.from({ length: 5000 }, (_, i) => `t/${i}`))
    expect(discovery.unmapped(now)).toMatchObject({ total: 2000 })
    expect(discovery.unmapped(now).topics).toHaveLength(200)
    expect(discovery.others).toBe(3000)
    discovery.see('x'.repeat(2000), Buffer.from('1'), now)
    expect(discovery.others).toBe(3001)
  })

  test('the rarest makes room for what is new, the busy ones stay', () => {
    const discovery = see(
      Array.from({ length: 1999 }, (_, i) => `t/${i}`),
      2,
    )
    discovery.see('rare', Buffer.from('1'), now)
    for (let i = 0; i < 3; i++) discovery.see('new', Buffer.from('1'), now + 31_000)
    expect(discovery.others).toBe(0)
    const names = discovery.unmapped(now + 31_000).topics.map(({ topic }) => topic)
    expect(names).toContain('new')
    expect(names).not.toContain('rare')
    discovery.see('another', Buffer.from('1'), now + 31_100)
    expect(discovery.others).toBe(1)
  })

  test('a payload is copied, and cut', () => {
    const discovery = createDiscovery()
    const bytes = Buffer.from('a'.repeat(10_000))
    discovery.see('t', bytes, now)
    bytes.fill('b')
    expect(discovery.unmapped(now).topics[0]!.example).toBe('a'.repeat(256))
  })

  test('any topic and bytes are listed', () => {
    const discovery = createDiscovery()
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.uint8Array(), (topic, bytes) =>
        discovery.see(topic, Buffer.from(bytes), now),
      ),
    )
    expect(discovery.unmapped(now).total).toBeGreaterThan(10)
  })
})
