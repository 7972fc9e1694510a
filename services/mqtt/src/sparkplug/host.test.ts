import { mqttMapping } from '@driftline/ingest/definitions/mqtt'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { planMapping } from '../mapping/mapping-plan.ts'
import { createEdgeNode, type EdgeNode, type NodeMessage } from '../testing/edge-node.ts'
import { type Said, said } from '../testing/said.ts'
import { datatypes } from './datatypes.ts'
import { createSparkplugHost, type SparkplugConfig, type SparkplugHost } from './host.ts'
import { createWireReader } from './wire-reader.ts'
import { type PayloadToWrite, writePayload } from './wire-writer.ts'

const now = Date.UTC(2026, 10, 17, 14, 40)
const bounds = { ageMsMax: 48 * 3_600_000, aheadMsMax: 600_000 }

const hostOf = (config: Partial<SparkplugConfig> = {}): SparkplugHost =>
  createSparkplugHost({ groups: [], plans: [], bounds, ...config })

const nodeOf = (useAliases = true): EdgeNode =>
  createEdgeNode({
    group: 'plant a',
    edge: 'edge-1',
    useAliases,
    metrics: [{ name: 'Load', datatype: datatypes.float, value: 0.5, unit: '%' }],
    devices: {
      'press-3': [
        { name: 'Vibration/RMS', datatype: datatypes.double, value: 2.5, unit: 'mm/s' },
        { name: 'Oil Temp', datatype: datatypes.int16, value: -5, unit: '°C' },
        { name: 'Serial', datatype: datatypes.string, value: 'A-1' },
      ],
    },
  })

const read = (host: SparkplugHost, message: NodeMessage, atMs = now, isRetained = false): Said =>
  said(host.read(message.topic, message.payload, atMs, isRetained))

/** A host that knows a node and its device. */
const born = (node: EdgeNode, config?: Partial<SparkplugConfig>): SparkplugHost => {
  const host = hostOf(config)
  node.connect(now)
  for (const birth of node.births(now)) expect(read(host, birth).what).toBe('emit')
  return host
}

describe('births and data', () => {
  test('a birth says what there is, and its values', () => {
    const node = nodeOf()
    const host = hostOf()
    node.connect(now)
    const [nodeBirth, deviceBirth] = node.births(now)
    expect(read(host, nodeBirth!).samples).toEqual({
      'device:plant~20a:edge-1 device.up': 1,
      'device:plant~20a:edge-1 Load': 0.5,
    })
    const reading = host.read(deviceBirth!.topic, deviceBirth!.payload, now, false)
    expect(said(reading).samples).toEqual({
      'device:plant~20a:edge-1:press-3 device.up': 1,
      'device:plant~20a:edge-1:press-3 Vibration/RMS': 2.5,
      'device:plant~20a:edge-1:press-3 Oil_Temp{Oil Temp}': -5,
    })
    expect(reading.keys.slice(0, reading.count).map((key) => key.unit)).toEqual(['1', 'mm/s', 'Cel'])
    expect(reading).toMatchObject({ process: 'device:plant~20a:edge-1:press-3', events: 1, failed: 0 })
    expect(host.counts()).toEqual({ nodes: 1, online: 1, devices: 1, metrics: 6 })
  })

  test.each([true, false])('data after it is known, aliases: %s', (useAliases) => {
    const node = nodeOf(useAliases)
    const host = born(node)
    const message = node.data('press-3', { 'Oil Temp': -7, 'Vibration/RMS': null }, now + 1000)
    const reading = host.read(message.topic, message.payload, now + 1100, false)
    expect(said(reading).samples).toEqual({ 'device:plant~20a:edge-1:press-3 Oil_Temp{Oil Temp}': -7 })
    expect(reading).toMatchObject({ events: 1, failed: 0, timeMs: now + 1000 })
    expect(host.take()).toEqual([])
  })

  test('series stay the same objects over data and births', () => {
    const node = nodeOf()
    const host = born(node)
    const load = (message: NodeMessage): unknown => {
      const reading = host.read(message.topic, message.payload, now + 5, false)
      return reading.keys.slice(0, reading.count).find((key) => key.metric === 'Load')
    }
    const first = load(node.data(null, { Load: 1 }, now + 1))
    expect(first).toBeDefined()
    expect(load(node.births(now + 2)[0]!)).toBe(first)
  })

  test('what was stored while the node was cut off is kept at its time, and is no event', () => {
    const node = nodeOf()
    const host = born(node)
    const message = node.data(null, { Load: 9 }, now, { atMs: now - 3_600_000, isHistorical: true })
    const reading = host.read(message.topic, message.payload, now, false)
    expect(reading).toMatchObject({ count: 1, events: 0 })
    expect(reading.timesMs[0]).toBe(now - 3_600_000)
  })

  test('values whose time is out of bounds are refused, those of births passed over', () => {
    const late = hostOf()
    const other = nodeOf()
    other.connect(now)
    const old = read(late, other.births(now - 1e9)[0]!)
    expect(old).toMatchObject({ what: 'emit', samples: { 'device:plant~20a:edge-1 device.up': 1 }, refusals: [] })
    const node = nodeOf()
    const host = born(node)
    expect(read(host, node.data(null, { Load: 9 }, now, { atMs: 0, isHistorical: true })).refusals).toEqual([
      'time_too_old Load',
    ])
    expect(read(host, node.data(null, { Load: 9 }, now, { atMs: now + 1e9, isHistorical: false })).refusals).toEqual([
      'time_in_future Load',
    ])
  })

  test('numbers that are not finite are refused', () => {
    const node = nodeOf()
    const host = born(node)
    const answer = read(host, node.data('press-3', { 'Vibration/RMS': Number.NaN, 'Oil Temp': 3 }, now))
    expect(answer.refusals).toEqual(['value_not_finite Vibration/RMS'])
    expect(Object.values(answer.samples)).toEqual([3])
  })
})

describe('what is not understood asks for a rebirth', () => {
  const command = (host: SparkplugHost): string[] => host.take().map(({ topic }) => topic)

  test('data before a birth', () => {
    const node = nodeOf()
    const host = hostOf()
    node.connect(now)
    node.births(now)
    expect(read(host, node.data(null, { Load: 1 }, now)).what).toBe('skip sparkplug_before_birth')
    const [request] = host.take()
    expect(request).toMatchObject({ topic: node.commands, qos: 0, retain: false })
    expect(createWireReader()(request!.payload)!.metrics[0]).toMatchObject({
      name: 'Node Control/Rebirth',
      datatype: datatypes.boolean,
      low: 1,
    })
    for (const birth of node.answer(request!.topic, request!.payload, now + 1)) read(host, birth)
    expect(read(host, node.data(null, { Load: 1 }, now + 2)).what).toBe('emit')
  })

  test('data of a device that was not born', () => {
    const node = nodeOf()
    const host = hostOf()
    node.connect(now)
    const [nodeBirth] = node.births(now)
    read(host, nodeBirth!)
    read(host, { topic: 'spBv1.0/plant a/NDATA/edge-1', payload: writePayload({ timestampMs: now, seq: 1 }) })
    expect(read(host, node.data('press-3', { 'Oil Temp': 1 }, now)).what).toBe('skip sparkplug_before_birth')
    expect(command(host)).toEqual([node.commands])
  })

  test('a lost message', () => {
    const node = nodeOf()
    const host = born(node)
    node.data(null, { Load: 1 }, now)
    expect(read(host, node.data(null, { Load: 2 }, now)).what).toBe('skip sparkplug_sequence_gap')
    expect(read(host, node.data(null, { Load: 3 }, now)).what).toBe('skip sparkplug_before_birth')
    expect(command(host)).toEqual([node.commands])
    for (const birth of node.births(now + 10)) read(host, birth, now + 10)
    expect(read(host, node.data(null, { Load: 4 }, now + 11), now + 11).samples).toEqual({
      'device:plant~20a:edge-1 Load': 4,
    })
  })

  test('sequence numbers go round after 255', () => {
    const node = nodeOf()
    const host = born(node)
    for (let i = 0; i < 600; i++) expect(read(host, node.data(null, { Load: i }, now + i)).what).toBe('emit')
  })

  test('a message that comes twice is taken once', () => {
    const node = nodeOf()
    const host = born(node)
    const message = node.data(null, { Load: 1 }, now)
    expect(read(host, message).what).toBe('emit')
    expect(read(host, message).what).toBe('skip sparkplug_repeated')
    expect(read(host, node.data(null, { Load: 2 }, now + 1)).what).toBe('emit')
  })

  test.each<[string, PayloadToWrite, string]>([
    ['an alias of no birth', { metrics: [{ alias: 99, value: 1, datatype: 9 }] }, 'sparkplug_alias_unknown'],
    ['neither name nor alias', { metrics: [{ value: 1, datatype: 9 }] }, 'sparkplug_alias_unknown'],
    ['a name of no birth', { metrics: [{ name: 'New', value: 1, datatype: 9 }] }, 'sparkplug_metric_unknown'],
    ['another datatype', { metrics: [{ name: 'Load', value: 1, datatype: 3 }] }, 'sparkplug_datatype_changed'],
    ['no sequence number', { seq: -1 }, 'sparkplug_sequence_gap'],
    ['a sequence number out of range', { seq: 256 }, 'sparkplug_sequence_gap'],
  ])('%s', (_what, part, reason) => {
    const node = nodeOf()
    const host = born(node)
    const { seq, ...payload } = { seq: 2, timestampMs: now, ...part }
    const message = writePayload(seq < 0 ? payload : { ...payload, seq })
    expect(read(host, { topic: 'spBv1.0/plant a/NDATA/edge-1', payload: message }).what).toContain(reason)
    expect(command(host)).toEqual([node.commands])
  })

  test('not more often than its limit, and later when it allows', () => {
    const node = nodeOf()
    const host = hostOf()
    node.connect(now)
    for (let i = 0; i < 100; i++) read(host, node.data(null, { Load: i }, now), now + i)
    expect(command(host)).toHaveLength(1)
    host.tick(now + 4_000)
    expect(command(host)).toHaveLength(0)
    host.tick(now + 6_000)
    expect(command(host)).toHaveLength(1)
    host.tick(now + 60_000)
    expect(command(host)).toHaveLength(0)
    read(host, node.data(null, { Load: 1 }, now), now + 60_000)
    expect(command(host)).toHaveLength(1)
  })

  test('many nodes at once are asked one after the other', () => {
    const host = hostOf()
    for (let i = 0; i < 1000; i++) {
      read(host, { topic: `spBv1.0/g/NDATA/e${i}`, payload: writePayload({ seq: 1, timestampMs: now }) })
    }
    expect(command(host)).toHaveLength(50)
    for (let second = 1; second < 20; second++) host.tick(now + second * 1000)
    expect(new Set(command(host)).size).toBe(950)
  })
})

describe('deaths', () => {
  test('of a node are those of its devices', () => {
    const node = nodeOf()
    const host = born(node)
    expect(read(host, node.death(), now + 5).samples).toEqual({
      'device:plant~20a:edge-1 device.up': 0,
      'device:plant~20a:edge-1:press-3 device.up': 0,
    })
    expect(read(host, node.data(null, { Load: 1 }, now)).what).toBe('skip sparkplug_before_birth')
    expect(host.counts().online).toBe(0)
  })

  test('of a device is its own', () => {
    const node = nodeOf()
    const host = born(node)
    expect(read(host, node.deviceDeath('press-3', now)).samples).toEqual({
      'device:plant~20a:edge-1:press-3 device.up': 0,
    })
    expect(read(host, node.data(null, { Load: 1 }, now)).what).toBe('emit')
    expect(read(host, node.data('press-3', { 'Oil Temp': 1 }, now)).what).toBe('skip sparkplug_before_birth')
  })

  test('a will of an earlier session changes nothing', () => {
    const node = nodeOf()
    const host = born(node)
    const late = node.death()
    node.connect(now + 1)
    for (const birth of node.births(now + 1)) read(host, birth, now + 1)
    expect(read(host, late, now + 2).what).toBe('skip sparkplug_death_of_other_session')
    expect(read(host, node.data(null, { Load: 1 }, now + 3), now + 3).what).toBe('emit')
  })

  test('a device that its node does not bear again is down after a while', () => {
    const node = nodeOf()
    const host = born(node)
    read(host, node.births(now + 1000)[0]!, now + 1000)
    expect(said(host.tick(now + 30_000)).samples).toEqual({})
    expect(said(host.tick(now + 61_000)).samples).toEqual({ 'device:plant~20a:edge-1:press-3 device.up': 0 })
    expect(said(host.tick(now + 62_000)).samples).toEqual({})
  })

  test('after our own connection was lost, nodes are asked, and those that do not answer are down', () => {
    const node = nodeOf()
    const host = born(node)
    host.disconnected()
    host.connected(now + 1000)
    expect(host.take()).toHaveLength(1)
    expect(read(host, node.data(null, { Load: 1 }, now + 1500), now + 1500).what).toBe('skip sparkplug_before_birth')
    expect(Object.values(said(host.tick(now + 61_000)).samples)).toEqual([0, 0])
  })
})

describe('messages of another session', () => {
  test('data of the session before, with just the number that is expected', () => {
    const node = nodeOf()
    const host = born(node)
    const late = node.data(null, { Load: 1 }, now + 1)
    read(host, node.death(), now + 2)
    node.connect(now + 3)
    for (const birth of node.births(now + 3)) read(host, birth, now + 3)
    expect(read(host, late, now + 4).what).toBe('skip sparkplug_data_of_other_session')
    expect(read(host, node.data(null, { Load: 2 }, now + 5), now + 5).what).toBe('emit')
  })
})

describe('births that must not be believed', () => {
  test('replayed ones', () => {
    const node = nodeOf()
    const host = hostOf()
    node.connect(now)
    const [old] = node.births(now)
    read(host, old!)
    node.connect(now + 10)
    for (const birth of node.births(now + 10)) read(host, birth, now + 10)
    expect(read(host, old!, now + 11).what).toBe('skip sparkplug_repeated')
    expect(read(host, node.data('press-3', { 'Oil Temp': 1 }, now + 12), now + 12).what).toBe('emit')
  })

  test('one that a will has overtaken', () => {
    const node = nodeOf()
    const host = born(node)
    const [late] = node.births(now + 1)
    read(host, node.death(), now + 2)
    expect(read(host, late!, now + 3).what).toBe('skip sparkplug_birth_of_other_session')
    expect(host.counts().online).toBe(0)
    expect(host.take()).toHaveLength(1)
  })

  test('but a clock that was set back is believed when asked again', () => {
    const node = nodeOf()
    const host = born(node)
    read(host, node.death(), now + 2)
    node.connect(now - 5000)
    expect(read(host, node.births(now - 5000)[0]!, now + 5).what).toBe('skip sparkplug_birth_of_other_session')
    expect(read(host, node.births(now - 4000)[0]!, now + 6).what).toBe('emit')
  })

  test('retained ones ask for a live one', () => {
    const node = nodeOf()
    const host = hostOf()
    node.connect(now)
    const [birth] = node.births(now)
    expect(read(host, birth!, now, true).what).toBe('skip retained')
    expect(host.take()).toHaveLength(1)
    expect(host.counts().nodes).toBe(0)
  })
})

describe('mappings', () => {
  const mapping = (input: z.input<typeof mqttMapping>): SparkplugConfig['plans'] => {
    const { plan, problems } = planMapping(mqttMapping.parse({ payload: 'sparkplug', ...input }))
    expect(problems).toEqual([])
    return [{ index: 3, plan: plan! }]
  }

  test('name processes and make KPIs of metrics', () => {
    const plans = mapping({
      topic: 'spBv1.0/{group}/+/{edge}/{machine}',
      process: 'device:{machine}',
      attributes: { line: 'l1' },
      fields: [
        { path: 'Vibration/RMS', metric: 'process.execution.time', unit: 'ms', role: 'executionTime' },
        { path: 'Oil Temp', metric: 'oil', unit: 'Cel' },
      ],
    })
    const node = nodeOf()
    const host = born(node, { plans })
    const message = node.data('press-3', { 'Vibration/RMS': 6840, 'Oil Temp': 50 }, now)
    const reading = host.read(message.topic, message.payload, now, false)
    expect(reading.process).toBe('device:press-3')
    expect(said(reading).samples).toEqual({ 'device:press-3 process.execution.time': 6.84, 'device:press-3 oil': 50 })
    expect(reading.keys[0]!.attributes).toEqual({})
    expect(reading.keys[1]!.attributes).toMatchObject({ line: 'l1' })
  })
})
