import { mqttDefinition } from '@driftline/ingest/definitions/mqtt'
import { createSeriesBook } from '@driftline/ingest/series-book'
import { decodeSamples, topics } from '@driftline/proto'
import { expect, test } from 'vitest'
import type { MqttMessage } from './message.ts'
import { createSourceReader } from './source-reader.ts'
import { createTestBoard } from './testing/sources-rig.ts'

const NOW = Date.parse('2026-03-01T12:00:00Z')

function createRig(definition: Record<string, unknown>, limits = { perTenantMax: 1000, perSourceMax: 1000 }) {
  const clock = { nowMs: () => NOW }
  const { board, told } = createTestBoard()
  const book = createSeriesBook(limits, { clock })
  const unmapped: string[] = []
  const reader = createSourceReader(
    {
      tenant: 'default',
      id: 'plant',
      definition: mqttDefinition.parse({ broker: { url: 'embedded' }, ...definition }),
    },
    {
      book,
      meter: board.of({ tenant: 'default', id: 'plant' }),
      discovery: { see: (topic) => unmapped.push(topic), unmapped: () => ({ topics: [], total: 0 }) },
      clock,
      bounds: { ageMsMax: 48 * 3_600_000, aheadMsMax: 600_000 },
    },
  )
  const read = (topic: string, text: string | Buffer, changes: Partial<MqttMessage> = {}): void => {
    const payload = Buffer.from(text)
    const message = { topic, payload, qos: 1, retained: false, repeated: false, arrivalMs: NOW, ...changes } as const
    reader.read(message, payload.length)
  }
  /** What is handed over, as `metric value` of each sample. */
  const produced = (): string[] => {
    const batch = reader.handOver()
    const names = new Map<bigint, string>()
    for (let handle = 0; handle < book.size; handle++) {
      const id = (BigInt(book.highs()[handle]!) << 32n) | BigInt(book.lows()[handle]!)
      const { process, metric } = book.get(handle)
      names.set(id, `${process} ${metric}`)
    }
    return (batch?.data?.records ?? []).flatMap(({ topic, value }) => {
      if (topic !== topics.samples.name) return []
      const columns = decodeSamples(value)!
      return [...columns.value].map((sample, at) => {
        const pairs = columns.seriesPairs
        const id = (BigInt(pairs[at * 2 + 1]!) << 32n) | BigInt(pairs[at * 2]!)
        return `${names.get(id)} ${sample}`
      })
    })
  }
  return { reader, read, produced, unmapped, told: () => told('plant') }
}

const mappings = [{ topic: 'plant/{machine}', process: 'device:{machine}', fields: [{ path: '$.t', metric: 'temp' }] }]

test('counts the events of each process once a hand-over', () => {
  const rig = createRig({ mappings, discover: [] })
  rig.read('plant/a', '{"t":20.5}')
  rig.read('plant/a', '{"t":21.5}', { arrivalMs: NOW + 1 })
  rig.read('plant/b', '{"t":', { arrivalMs: NOW })
  expect(rig.produced().sort()).toEqual([
    'device:a process.events 2',
    'device:a temp 20.5',
    'device:a temp 21.5',
    'device:b process.events 1',
    'device:b process.events.failed 1',
  ])
  expect(rig.produced()).toEqual([])
  expect(rig.told()).toMatchObject({ events: 3 })
  expect(rig.told().refused.get('payload_not_json')).toBe(1)
})

test('lists what nobody maps, where that is wanted', () => {
  const rig = createRig({ mappings, discover: ['hall/#'] })
  rig.read('hall/x', '1')
  rig.read('other/x', '1')
  expect(rig.unmapped).toEqual(['hall/x'])
  expect(rig.reader.filters).toEqual(['plant/+', 'hall/#'])
})

test('keeps some letters of a flood of rubbish, and counts them all', () => {
  const rig = createRig({ mappings, discover: [] })
  for (let index = 0; index < 1000; index++) rig.read('plant/a', '{"t":')
  const batch = rig.reader.handOver()!
  expect(batch.letters.length).toBe(100)
  expect([...batch.suppressed]).toEqual([['payload_not_json', 900]])
  expect(rig.told().refused.get('payload_not_json')).toBe(1000)
})

test('more series than allowed are refused with who exceeded it; the others go on', () => {
  const rig = createRig({ mappings, discover: [] }, { perTenantMax: 1000, perSourceMax: 10 })
  for (let index = 0; index < 50; index++) rig.read(`plant/m${index}`, `{"t":${index}}`)
  rig.read('plant/m1', '{"t":7}', { arrivalMs: NOW + 1 })
  const { letters } = rig.reader.handOver()!
  expect(letters.length).toBeGreaterThan(0)
  expect(new Set(letters.map(({ refused }) => refused.reason))).toEqual(new Set(['series_too_many']))
  expect(rig.told().refused.get('series_too_many')).toBe(40)
})

test('what the filter leaves out is counted, and defines no series', () => {
  const rig = createRig({ mappings, discover: [], filter: { except: ['temp'] } })
  rig.read('plant/a', '{"t":20}')
  expect(rig.produced()).toEqual(['device:a process.events 1'])
})

test('flags records, once for each rule that is true', () => {
  const rules = [
    { name: 'hot', expression: 't > 100' },
    { name: 'cold', expression: 't < 0' },
  ]
  const rig = createRig({ mappings: [{ ...mappings[0], rules, keepRecords: true }], discover: [] })
  rig.read('plant/a', '{"t":120}')
  const { data } = rig.reader.handOver()!
  expect(data!.records.map(({ topic }) => topic).sort()).toEqual([
    topics.flaggedRecords.name,
    topics.logs.name,
    topics.samples.name,
  ])
  expect(data!.rows).toBe(1)
})

test('says what is wrong with mappings and rules, and reads the others', () => {
  const wrong = { topic: 'a/{x', process: 'device:a' }
  const badRule = { ...mappings[0], rules: [{ name: 'odd', expression: 't >' }] }
  const rig = createRig({ mappings: [wrong, badRule], discover: ['hall/#', 'a#'] })
  expect(rig.reader.filters).toEqual(['plant/+', 'hall/#'])
  expect(rig.reader.problems[0]).toMatch(/^mappings\[0\]\.topic: /)
  expect(rig.reader.problems[1]).toMatch(/^mappings\[1\], rule odd: /)
  expect(rig.reader.problems[2]).toMatch(/^discover\[1\]: /)
  rig.read('plant/a', '{"t":1}')
  expect(rig.produced()).toContain('device:a temp 1')
  expect([...rig.reader.taken]).toEqual([0, 1])
})

test('a message of which we have the beginning only is refused, and cannot be sent again', () => {
  const rig = createRig({ mappings, discover: [] })
  const payload = Buffer.from('{"t":1')
  rig.reader.read({ topic: 'plant/a', payload, qos: 1, retained: false, repeated: false, arrivalMs: NOW }, 5_000_000)
  expect(rig.reader.handOver()!.letters).toMatchObject([
    { refused: { reason: 'message_too_large' }, replayable: false, topic: 'plant/a' },
  ])
})

test('a message that is sent again and refused again says so, also when no series can be made for it', () => {
  const rig = createRig({ mappings, discover: [] }, { perTenantMax: 1000, perSourceMax: 1 })
  rig.read('plant/a', '{"t":1}')
  const message = {
    topic: 'plant/b',
    payload: Buffer.from('{"t":2}'),
    qos: 1,
    retained: false,
    repeated: false,
  } as const
  const outcome = rig.reader.replay({ ...message, arrivalMs: NOW })
  expect(outcome).toMatchObject({ refused: { reason: 'series_too_many' }, samples: 0 })
})

test('two records of one topic and moment are flagged apart', () => {
  const rules = [{ name: 'hot', expression: 't > 100' }]
  const rig = createRig({ mappings: [{ ...mappings[0], rules }], discover: [] })
  rig.read('plant/a', '{"t":120}')
  rig.read('plant/a', '{"t":130}')
  const { data } = rig.reader.handOver()!
  const flagged = data!.records.filter(({ topic }) => topic === topics.flaggedRecords.name)
  expect(
    new Set(flagged.map(({ value }) => /fr_[0-9a-f]{32}/.exec(Buffer.from(value).toString('latin1'))![0])).size,
  ).toBe(2)
})

test('a broker whose port is none is refused when it is defined', () => {
  const parsed = mqttDefinition.safeParse({ broker: { url: 'mqtt://broker:99999' } })
  expect(parsed.error?.issues.map(({ path }) => path.join('.'))).toEqual(['broker.url'])
})

test('events belong to the second in which they happened, also when a backlog comes at once', () => {
  const rig = createRig({ mappings, discover: [] })
  for (const atMs of [NOW - 2000, NOW - 1999, NOW - 1000]) rig.read('plant/a', '{"t":1}', { arrivalMs: atMs })
  expect(rig.produced().filter((line) => line.includes('events'))).toEqual([
    'device:a process.events 2',
    'device:a process.events 1',
  ])
})

test('a retained message makes its machine and series known, and is no sample', () => {
  const rig = createRig({ mappings, discover: [] })
  rig.read('plant/a', '{"t":20.5}', { retained: true })
  const data = rig.reader.handOver()?.data
  expect(data?.records).toEqual([])
  expect(data?.handles.size).toBe(1)
})
