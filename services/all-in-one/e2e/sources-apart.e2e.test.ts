import { spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { startClickHouse } from '../../../infra/servers/clickhouse.ts'
import { startMosquitto } from '../../../infra/servers/mosquitto.ts'
import type { TrialServer } from '../../../infra/servers/server-process.ts'
import { eventually, observe, type RunningChild, root, runScript } from './child.ts'
import { type AnyServiceName, type Apart, createApart } from './faults/apart.ts'
import { type Press, startPress } from './sources/press.ts'
import { type Anomaly, openSession, type Session } from './sources/session.ts'

const SERVICES: readonly AnyServiceName[] = ['writer', 'alerter', 'analyzer', 'intake', 'gateway', 'mqtt', 'tailer']
const READY_WITHIN_MS = 120_000
const SEEN_WITHIN_MS = 60_000
const USER = 'driftline'
const PASSWORD = 'a password of the broker'
/** Debian's Python, whose packages the example needs. */
const PYTHON = '/usr/bin/python3'
const hasLibraries = spawnSync(PYTHON, ['-c', 'import confluent_kafka, google.protobuf']).status === 0

const directory = mkdtempSync(join(tmpdir(), 'driftline-sources-apart-'))
const consumers: RunningChild[] = []
let clickHouse: Awaited<ReturnType<typeof startClickHouse>>
let broker: TrialServer
let kafka: string
let apart: Apart
let session: Session
let press: Press

/** Address of another shared server, for a suite that needs more than one. */
async function sharedServer(name: string): Promise<string> {
  const response = await fetch(`${inject('serverDesk')}/${name}`)
  const body = (await response.json()) as { url: string; reason?: string }
  if (!response.ok) throw new Error(`${name} is needed: ${body.reason}`)
  return body.url
}

/** The shared Mosquitto only says whether there is one: this suite has a broker that asks for a password. */
describeWithServer(
  'mosquitto',
  'sources read by services apart, on Kafka, PostgreSQL, Redis, ClickHouse and Mosquitto',
  () => {
    beforeAll(async () => {
      clickHouse = await startClickHouse()
      broker = await startMosquitto({ users: { [USER]: PASSWORD } })
      kafka = await sharedServer('kafka')
      apart = await createApart({
        kafka,
        postgres: await createTestDatabase(await sharedServer('postgres')),
        redis: await sharedServer('redis'),
        clickHouse: clickHouse.url,
      })
      await Promise.all(SERVICES.map((name) => apart.ready(apart.launch(name))))
      session = await openSession(apart.address)
      const withPassword = broker.url.replace('//', `//${USER}:${encodeURIComponent(PASSWORD)}@`)
      press = await startPress(withPassword, 'acme/pune/press/press-9/telemetry')
    }, READY_WITHIN_MS)
    beforeEach(({ skip }) => {
      // Where tests must not be skipped, the example itself says what is missing.
      if (!hasLibraries && !process.env.CI) skip('needs python3-confluent-kafka and python3-protobuf')
    })
    afterEach(async () => {
      await Promise.all(consumers.splice(0).map((child) => child.end('SIGKILL')))
    })
    afterAll(async () => {
      await press?.stop()
      await apart?.remove()
      await broker?.stop()
      await clickHouse?.stop()
      rmSync(directory, { recursive: true, force: true })
    })

    const draft = () => ({
      kind: 'mqtt',
      definition: {
        broker: { url: broker.url, username: USER },
        mappings: [{ topic: 'acme/{site}/press/{machine}/telemetry', payload: 'json' }],
      },
      secrets: { password: PASSWORD },
    })

    test('a broker with a password is previewed, then saved: its machine is measured', async () => {
      const { id } = await session.post<{ id: string }>('source-previews', draft())
      const item = await eventually('the preview', SEEN_WITHIN_MS, async () => {
        const preview = await session.get<{ items: { subject: string; produced: { process: string }[] }[] }>(
          `source-previews/${id}`,
        )
        return preview.items.find(({ produced }) => produced.length > 0)
      })
      expect(item.subject).toBe(press.topic)
      expect(item.produced[0]?.process).toBe('device:pune:press-9')
      expect(await session.list('processes?kind=device')).toEqual([])

      await session.post('sources', { ...draft(), name: 'plant' })
      await eventually('its samples in ClickHouse', SEEN_WITHIN_MS, async () =>
        (await session.total('device:pune:press-9', 'temp', 'count')) > 3 ? true : undefined,
      )
      await eventually('its throughput', SEEN_WITHIN_MS, async () => {
        const path = 'processes/device:pune:press-9/metrics'
        return ((await session.get<{ throughput: number | null }>(path)).throughput ?? 0) > 0 ? true : undefined
      })
    })

    test('what was refused is taken in again by the service that refused it', async () => {
      const topic = 'acme/pune/saw/saw-9/count'
      const payload = 'seventeen'
      const mapping = { topic, process: 'device:pune:saw-9', payload: 'number', metric: 'count' }
      const [plant] = await session.list<{ source: string }>('sources?kind=mqtt')
      await session.redefine<{ mappings: object[] }>(plant?.source ?? '', (definition) => ({
        ...definition,
        mappings: [...definition.mappings, mapping],
      }))
      const letter = await eventually('the dead letter', SEEN_WITHIN_MS, async () => {
        await press.publishTo(topic, payload)
        return (await session.list<{ id: string }>(`dead-letters?q=${payload}`)).at(0)
      })
      await session.redefine<{ mappings: { topic: string }[] }>(plant?.source ?? '', (definition) => ({
        ...definition,
        mappings: [
          ...definition.mappings.filter((one) => one.topic !== topic),
          { ...mapping, payload: 'text', keepRecords: true },
        ],
      }))
      await eventually('taken in', SEEN_WITHIN_MS, async () => {
        const { replay } = await session.post<{ replay: { state: string } }>(`dead-letters/${letter.id}/replay`, {})
        if (replay.state === 'accepted') return true
        const stored = await session.get<{ replay: { state: string } | null }>(`dead-letters/${letter.id}`)
        return stored.replay?.state === 'accepted' ? true : undefined
      })
      await eventually('its line', SEEN_WITHIN_MS, async () =>
        (await session.lines('process=device:pune:saw-9')).some(({ body }) => body.includes(payload))
          ? true
          : undefined,
      )
    })

    test('both example consumers read what machines, logs and pushes produced', async () => {
      const file = join(directory, 'payments.log')
      const say = (id: string, amount: number): void =>
        appendFileSync(file, `${JSON.stringify({ time: new Date().toISOString(), level: 'info', id, amount })}\n`)
      writeFileSync(file, '')
      say('T-1', 4200)
      await session.post('sources', {
        kind: 'file',
        name: 'payments',
        definition: {
          paths: [file],
          from: 'beginning',
          reading: { format: 'json', rules: [{ name: 'large payment', expression: 'amount > 1,00,000' }] },
        },
      })
      say('T-2', 184_500)
      const key = await session.makeKey('pusher')
      const answer = await fetch(`${apart.push}/api/v1/ingest/samples`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify([{ process: 'service:billing', metric: 'queue.depth', value: 12, unit: '{item}' }]),
      })
      expect(await answer.json()).toEqual({ accepted: 1, refused: 0, errors: [] })
      await eventually('the flagged record', SEEN_WITHIN_MS, async () =>
        (await session.list<Anomaly>('processes/log:payments/anomalies')).find(({ type }) => type === 'flagged_record'),
      )

      const env = { KAFKA_BROKERS: kafka, KAFKA_TOPIC_PREFIX: apart.topicPrefix, KAFKA_GROUP: apart.topicPrefix }
      const samples = runScript(
        'consumer in TypeScript',
        ['examples/consumer-typescript/src/main.ts'],
        { ...env, NODE_OPTIONS: '--import tsx' },
        root,
      )
      const records = observe(
        'consumer in Python',
        spawn(PYTHON, [join(root, 'examples/consumer-python/consumer.py')], {
          env: { ...env, KAFKA_GROUP: `${env.KAFKA_GROUP}python` },
          detached: true,
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      )
      consumers.push(samples, records)
      await samples.prints(/default device:pune:press-9 temp \{.*\} 7\d/, SEEN_WITHIN_MS)
      await samples.prints(/default service:billing queue\.depth \{.*\} 12 \{item\}/, SEEN_WITHIN_MS)
      await records.prints(/default log:payments INFO .*T-1/, SEEN_WITHIN_MS)
      await records.prints(/default log:payments FLAGGED large payment: .*184500/, SEEN_WITHIN_MS)
      await records.prints(/default log:payments opened flagged_record/, SEEN_WITHIN_MS)
    })
  },
)
