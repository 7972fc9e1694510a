import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEdgeNode, type EdgeNode, type NodeMessage } from '../testing/edge-node.ts'
import { type Said, said } from '../testing/said.ts'
import { datatypes } from './datatypes.ts'
import { createSparkplugHost, type SparkplugConfig, type SparkplugHost } from './host.ts'
import { contradictsOnline, hostState, legacyHostState } from './host-state.ts'
import { parseSparkplugTopic, sparkplugFilters } from './sparkplug-topics.ts'
import { type PayloadToWrite, writePayload } from './wire-writer.ts'

const now = Date.UTC(2026, 10, 17, 14, 40)
const bounds = { ageMsMax: 48 * 3_600_000, aheadMsMax: 600_000 }

const hostOf = (config: Partial<SparkplugConfig> = {}): SparkplugHost =>
  createSparkplugHost({ groups: [], plans: [], bounds, ...config })

const read = (host: SparkplugHost, message: NodeMessage): Said =>
  said(host.read(message.topic, message.payload, now, false))

const births = (): NodeMessage[] => {
  const metrics = [{ name: 'm', datatype: datatypes.double, value: 1 }]
  const node: EdgeNode = createEdgeNode({ group: 'plant a', edge: 'edge-1', metrics, devices: { 'press-3': metrics } })
  node.connect(now)
  return node.births(now)
}

describe('hostile births', () => {
  const birth = (metrics: PayloadToWrite['metrics'], seq = 0): NodeMessage => ({
    topic: 'spBv1.0/g/NBIRTH/e',
    payload: writePayload({ timestampMs: now, seq, metrics: metrics ?? [] }),
  })
  const data = (metrics: PayloadToWrite['metrics']): NodeMessage => ({
    topic: 'spBv1.0/g/NDATA/e',
    payload: writePayload({ timestampMs: now, seq: 1, metrics: metrics ?? [] }),
  })
  const double = { datatype: datatypes.double, value: 1 }

  test('an alias that stands for two metrics stands for none', () => {
    const host = hostOf()
    const metrics = ['a', 'b', 'c'].map((name, i) => ({ name, alias: i === 2 ? 8 : 7, ...double }))
    expect(read(host, birth(metrics)).refusals).toEqual(['sparkplug_alias_ambiguous'])
    const answer = read(
      host,
      data([
        { alias: 7, ...double },
        { alias: 8, datatype: datatypes.double, value: 5 },
      ]),
    )
    expect(answer).toMatchObject({ refusals: ['sparkplug_alias_ambiguous alias 7'], samples: { 'device:g:e c': 5 } })
  })

  test('name and alias that contradict each other', () => {
    const host = hostOf()
    read(
      host,
      birth([
        { name: 'a', alias: 1, ...double },
        { name: 'b', alias: 2, ...double },
      ]),
    )
    expect(read(host, data([{ name: 'a', alias: 2, ...double }])).what).toBe('dead-letter sparkplug_alias_conflict')
  })

  test('metrics without a name, or with one too long', () => {
    const answer = read(
      hostOf(),
      birth([
        { alias: 1, ...double },
        { name: '', ...double },
        { name: 'x'.repeat(2000), ...double },
      ]),
    )
    expect(answer.refusals).toEqual(['sparkplug_metric_unnamed'])
  })

  test('names that become the same keep apart', () => {
    const names = [
      'a b',
      'a_b',
      'a\u0001',
      'a\u0002',
      '\u00e9',
      '',
      'device.up',
      'process.events',
      `${'l'.repeat(300)}1`,
      `${'l'.repeat(300)}2`,
    ]
    const host = hostOf()
    const message = birth(
      names.filter((name) => name !== '').map((name, i) => ({ name, datatype: datatypes.double, value: i })),
    )
    const reading = host.read(message.topic, message.payload, now, false)
    const keys = reading.keys.slice(0, reading.count).map((key) => `${key.metric} ${JSON.stringify(key.attributes)}`)
    expect(new Set(keys).size).toBe(10)
    expect(keys.filter((key) => key.startsWith('device.up '))).toHaveLength(1)
    expect(keys.filter((key) => key.startsWith('process.'))).toHaveLength(0)
  })

  test('more nodes, devices and metrics than there is room for', () => {
    const host = hostOf({ limits: { nodesMax: 2, devicesOfNodeMax: 1, metricsMax: 3 } })
    const nodes = [1, 2, 3].map((i) => ({
      ...birth([
        { name: 'a', ...double },
        { name: 'b', ...double },
      ]),
      topic: `spBv1.0/g/NBIRTH/e${i}`,
    }))
    expect(read(host, nodes[0]!).what).toBe('emit')
    expect(read(host, nodes[1]!).refusals).toEqual(['sparkplug_metrics_too_many'])
    expect(read(host, nodes[2]!).what).toBe('dead-letter sparkplug_nodes_too_many')
    const device = (name: string, seq: number): NodeMessage => ({
      topic: `spBv1.0/g/DBIRTH/e1/${name}`,
      payload: writePayload({ timestampMs: now, seq }),
    })
    expect(read(host, device('d1', 1)).what).toBe('emit')
    expect(read(host, device('d2', 2)).what).toBe('dead-letter sparkplug_devices_too_many')
    read(host, { topic: 'spBv1.0/g/NDEATH/e1', payload: writePayload({ timestampMs: now }) })
    expect(read(host, nodes[2]!).what).toBe('emit')
    expect(host.counts()).toMatchObject({ nodes: 2, metrics: 3 })
  })

  test.each<[string, string, Buffer, string]>([
    [
      'cut short',
      'spBv1.0/g/NBIRTH/e',
      writePayload({ timestampMs: now, seq: 0 }).subarray(0, 4),
      'dead-letter payload_not_sparkplug',
    ],
    ['text', 'spBv1.0/g/NDATA/e', Buffer.from('hello'), 'dead-letter payload_not_sparkplug'],
    ['empty', 'spBv1.0/g/NDATA/e', Buffer.alloc(0), 'skip payload_empty'],
    ['too large', 'spBv1.0/g/NBIRTH/e', Buffer.alloc(5_000_000), 'dead-letter payload_too_large'],
    [
      'a sequence number out of range',
      'spBv1.0/g/NBIRTH/e',
      writePayload({ timestampMs: now, seq: 256 }),
      'dead-letter sparkplug_seq_out_of_range',
    ],
    ['a topic of no type', 'spBv1.0/g/XDATA/e', writePayload({ seq: 0 }), 'dead-letter sparkplug_topic_invalid'],
    [
      'a device where none may be',
      'spBv1.0/g/NDATA/e/d',
      writePayload({ seq: 0 }),
      'dead-letter sparkplug_topic_invalid',
    ],
    ['a command', 'spBv1.0/g/NCMD/e', writePayload({}), 'skip sparkplug_command'],
    ['a state', 'spBv1.0/STATE/h', Buffer.from('{}'), 'skip sparkplug_state'],
    ['a foreign group', 'spBv1.0/x/NDATA/e', writePayload({}), 'skip sparkplug_group_not_followed'],
  ])('%s', (_what, topic, payload, verdict) => {
    expect(read(hostOf({ groups: ['g'] }), { topic, payload }).what).toBe(verdict)
  })

  test('any bytes on any topic get a verdict', () => {
    const host = hostOf()
    for (const message of births()) read(host, message)
    const topic = fc.constantFrom(
      'NBIRTH/e',
      'NDATA/edge-1',
      'DBIRTH/edge-1/d',
      'DDATA/edge-1/press-3',
      'NDEATH/edge-1',
      '',
    )
    fc.assert(
      fc.property(topic, fc.uint8Array({ maxLength: 100 }), fc.boolean(), (name, bytes, isRetained) => {
        host.read(`spBv1.0/plant a/${name}`, Buffer.from(bytes), now, isRetained)
      }),
    )
  })
})

test.each([
  ['spBv1.0/g/NBIRTH/e', { group: 'g', type: 'NBIRTH', edge: 'e', device: null }],
  ['spBv1.0/g/DDATA/e/d', { group: 'g', type: 'DDATA', edge: 'e', device: 'd' }],
  ['spBv1.0/g/DDATA/e', null],
  ['spBv1.0/g/NBIRTH/e/d', null],
  ['spBv1.0/g/NBIRTH/e/', null],
  ['spBv1.0//NBIRTH/e', null],
  ['spBv1.0/g/DDATA/e/d/x', null],
  ['spAv1.0/g/NBIRTH/e', null],
])('topic %s', (topic, expected) => {
  expect(parseSparkplugTopic(topic)).toEqual(expected)
})

test('a primary host says that it is there, and is contradicted by its late will', () => {
  const state = hostState('driftline', now)
  expect(state.online).toMatchObject({ topic: 'spBv1.0/STATE/driftline', qos: 1, retain: true })
  expect(JSON.parse(state.online.payload.toString())).toEqual({ online: true, timestamp: now })
  expect(JSON.parse(state.will.payload.toString())).toEqual({ online: false, timestamp: now })
  expect(JSON.parse(state.offline(now + 5).payload.toString())).toEqual({ online: false, timestamp: now + 5 })
  expect(contradictsOnline('driftline', state.will.topic, state.will.payload)).toBe(true)
  expect(contradictsOnline('driftline', state.online.topic, state.online.payload)).toBe(false)
  expect(contradictsOnline('other', state.will.topic, state.will.payload)).toBe(false)
  expect(contradictsOnline('driftline', state.will.topic, Buffer.from('{'))).toBe(true)
  const legacy = legacyHostState('driftline')
  expect(legacy.online).toMatchObject({ topic: 'STATE/driftline', payload: Buffer.from('ONLINE') })
  expect(contradictsOnline('driftline', legacy.will.topic, legacy.will.payload)).toBe(true)
  expect(contradictsOnline('driftline', legacy.online.topic, legacy.online.payload)).toBe(false)
})

test('what to subscribe to', () => {
  expect(sparkplugFilters([], 'h')).toEqual(['spBv1.0/#'])
  expect(sparkplugFilters(['a', 'b'], 'h')).toEqual(['spBv1.0/a/#', 'spBv1.0/b/#', 'spBv1.0/STATE/h'])
})

test('names that are too long for an id', () => {
  const long = (topic: string, seq: number): NodeMessage => ({
    topic,
    payload: writePayload({ timestampMs: now, seq }),
  })
  const host = hostOf()
  expect(read(host, long(`spBv1.0/g/NBIRTH/${'x'.repeat(300)}`, 0)).what).toBe('dead-letter process_invalid')
  expect(read(host, long('spBv1.0/g/NBIRTH/e', 0)).what).toBe('emit')
  expect(read(host, long(`spBv1.0/g/DBIRTH/e/${'é'.repeat(50)}`, 1)).what).toBe('dead-letter process_invalid')
})
