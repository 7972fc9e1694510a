import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSourceAsks } from '@driftline/ingest/source-asks'
import { readSourceStatus } from '@driftline/ingest/source-status'
import { createSourceStore } from '@driftline/ingest/source-store'
import type { SourceStatusDetail } from '@driftline/ingest/status-detail'
import { createSealer } from '@driftline/platform/access/sealing'
import { createFaultyBus, type Fate } from '@driftline/platform/bus/faulty-bus'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { decodeSamples, topics } from '@driftline/proto'
import { connect, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { readMqttConfig } from './config.ts'
import { createMqtt, type Mqtt } from './service.ts'

const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
const directory = mkdtempSync(join(tmpdir(), 'driftline-mqtt-service-'))
const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps)
const sealer = createSealer({ key: randomBytes(32) })
const store = createSourceStore({ metadata, sealer, clock: systemClock })
const asks = createSourceAsks({ metadata, sealer, clock: systemClock })
let fate: Fate = 'stored'
const { bus, stored } = createFaultyBus(4, () => fate)
let mqtt: Mqtt
let machine: MqttClient

beforeAll(async () => {
  await metadata.start()
  const config = readMqttConfig({
    env: { DRIFTLINE_MQTT_PORT: '0', DRIFTLINE_MQTT_INSTANCE: 'test' },
    yaml: {},
    file: null,
  })
  const hotState = createInProcessHotState({ maxKeys: 1000 }, deps)
  const access = { authenticate: async () => null }
  mqtt = createMqtt(config, { ...deps, bus, metadata, sealer, hotState, access })
  await mqtt.start()
  machine = connect({ host: '127.0.0.1', port: mqtt.port()!, reconnectPeriod: 0 })
  await new Promise<void>((resolve) => machine.once('connect', () => resolve()))
})
afterAll(async () => {
  await machine.endAsync(true)
  await mqtt.stop()
  await metadata.stop()
  rmSync(directory, { recursive: true, force: true })
})

const publish = (topic: string, payload: string | Buffer) => machine.publishAsync(topic, payload, { qos: 1 })
const values = (): number[] =>
  stored.flatMap(({ topic, value }) => (topic === topics.samples.name ? [...(decodeSamples(value)?.value ?? [])] : []))
const until = (holds: () => void | Promise<void>): Promise<void> => vi.waitFor(holds, { timeout: 30_000, interval: 50 })
const status = async (): Promise<SourceStatusDetail> => {
  const rows = await readSourceStatus(metadata, 'default', Date.now())
  return rows.find(({ source }) => source === embedded.id)!.detail
}
let embedded: Awaited<ReturnType<typeof store.ensure>>

test('the embedded broker is a source by itself, and what nobody maps is listed with a proposal', async () => {
  const [only, ...others] = await store.list('default', { kind: 'mqtt' })
  expect([only?.name, others]).toEqual(['embedded', []])
  embedded = only!
  await publish('plant/press-1/telemetry', '{"rpm":1200}')
  await until(async () => {
    const { unmapped, state } = await status()
    expect(state).toBe('receiving')
    expect(unmapped).toMatchObject([{ topic: 'plant/press-1/telemetry', payload: 'json' }])
    expect(unmapped[0]?.proposal).toMatchObject({ payload: 'json' })
  })
  expect(values()).toEqual([])
})

test('a draft is previewed on what really comes, and nothing of it is stored', async () => {
  const mappings = [
    {
      topic: 'plant/{machine}/telemetry',
      process: 'device:plant:{machine}',
      fields: [{ path: '$.rpm', metric: 'device.speed' }],
      rules: [{ name: 'fast', expression: 'rpm > 1000' }],
    },
  ]
  const definition = { broker: { url: 'embedded' }, mappings }
  const ask = { kind: 'mqtt' as const, source: embedded.id, definition, secrets: {} }
  const { id } = await asks.preview('default', ask, 'user:test')
  await until(async () => {
    await publish('plant/press-1/telemetry', '{"rpm":1234}')
    await publish('plant/other', '1')
    const preview = await asks.readPreview('default', id)
    expect(preview?.answer).toMatchObject({
      state: 'receiving',
      items: expect.arrayContaining([
        expect.objectContaining({
          subject: 'plant/press-1/telemetry',
          produced: [expect.objectContaining({ process: 'device:plant:press-1', metric: 'device.speed', value: 1234 })],
          marks: [{ from: 7, to: 11 }],
          flagged: ['fast'],
        }),
      ]),
      unmapped: [expect.objectContaining({ topic: 'plant/other' })],
    })
  })
  await asks.cancelPreview('default', id)
  expect(values()).toEqual([])
})

test('a draft of a broker that is not there says why', async () => {
  const definition = { broker: { url: 'mqtt://127.0.0.1:1' } }
  const { id } = await asks.preview('default', { kind: 'mqtt', source: '', definition, secrets: {} }, 'user:test')
  await until(async () => {
    const preview = await asks.readPreview('default', id)
    expect(preview?.answer).toMatchObject({ state: 'failed', message: expect.stringContaining('Nothing listens') })
  })
  await asks.cancelPreview('default', id)
})

test('once it is mapped, messages become samples, durable before they are acknowledged', async () => {
  const mappings = [
    {
      topic: 'plant/{machine}/telemetry',
      process: 'device:plant:{machine}',
      fields: [{ path: '$.rpm', metric: 'device.speed' }],
    },
  ]
  const definition = { broker: { url: 'embedded' }, mappings }
  await store.update('default', embedded.id, embedded.version, { definition }, 'user:test')
  await until(async () => {
    await publish('plant/press-1/telemetry', '{"rpm":1500}')
    expect(values()).toContain(1500)
  })
  fate = 'refused'
  let acknowledged = false
  const waiting = publish('plant/press-1/telemetry', '{"rpm":1600}').then(() => {
    acknowledged = true
  })
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(acknowledged).toBe(false)
  expect(values()).not.toContain(1600)
  fate = 'stored'
  await waiting
  expect(values()).toContain(1600)
})

test('what is refused is a dead letter, and is taken in when it is sent again', async () => {
  await publish('plant/press-2/telemetry', '{"rpm":')
  await until(() => expect(stored.some(({ topic }) => topic === topics.deadLetters.name)).toBe(true))
  await until(async () => expect((await status()).refused).toMatchObject([{ reason: 'payload_not_json', count: 1 }]))
  const payload = Buffer.from('{"rpm":1700}').toString('base64')
  const ask = {
    letter: 'one',
    source: embedded.id,
    subject: 'plant/press-2/telemetry',
    receivedMs: Date.now(),
    payload,
  }
  await asks.replay('default', 'mqtt', [ask], 'user:test')
  await until(async () => {
    const states = await asks.replayStates('default', ['one'])
    expect(states.get('one')).toMatchObject({ state: 'accepted', answer: { outcome: 'accepted', samples: 1 } })
  })
  expect(values()).toContain(1700)
})
