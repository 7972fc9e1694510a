import type { PreviewAnswer } from '@driftline/ingest/request-types'
import { createRequestDesk, type PreviewTask } from '@driftline/ingest/source-requests'
import { createStatusBoard, type StatusBoard } from '@driftline/ingest/source-status'
import type { UnmappedTopic } from '@driftline/ingest/status-detail'
import type { Component } from '@driftline/platform/lifecycle'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { previewFrame, sourcesFrame } from './schemas/live.ts'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { openLive } from './testing/live-client.ts'
import { sampleRecord, snapshotRecord } from './testing/records.ts'

const SOURCES = '/api/v1/sources'
const PREVIEWS = '/api/v1/source-previews'
const now = Date.now()
const broker = { broker: { url: 'mqtt://plant.example:1883', username: 'driftline' } }
const proposal = { topic: 'plant/{site}/{machine}/telemetry', process: 'device:{site}:{machine}', payload: 'json' }
const unmapped: UnmappedTopic = {
  topic: 'plant/a/press/telemetry',
  perSecond: 2,
  lastMs: now,
  payload: 'json',
  example: '{"t":1}',
  proposal,
}

let kit: GatewayKit
let board: StatusBoard
let desk: Component
let answer: PreviewAnswer | null = null

/** What the service that reads brokers would say: it shows what the test tells it to. */
async function preview(task: PreviewTask, report: (answer: PreviewAnswer) => void, signal: AbortSignal): Promise<void> {
  const secrets = Object.keys(task.secrets as object).join()
  while (!signal.aborted) {
    report(
      answer ?? {
        state: 'waiting',
        message: `secrets: ${secrets}`,
        perSecond: 0,
        items: [],
        unmapped: [],
        detected: null,
      },
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

beforeAll(async () => {
  kit = await startGatewayKit()
  const { metadata, sealer, clock, logger } = kit.gatewayDeps
  board = createStatusBoard({ service: 'mqtt', instance: 'test' }, { metadata, clock, logger })
  const handlers = { preview, replay: async () => ({ outcome: 'accepted' as const, samples: 0, rows: 0 }) }
  desk = createRequestDesk({ service: 'mqtt', instance: 'test' }, { metadata, sealer, clock, logger, handlers })
  await board.start()
  await desk.start()
})
afterAll(async () => {
  await desk?.stop()
  await board?.stop()
  await kit?.end()
})

const post = (path: string, body: unknown, token?: string) =>
  kit.request(path, { method: 'POST', body, ...(token === undefined ? {} : { token }) })
const put = (id: string, body: unknown) => kit.request(`${SOURCES}/${id}`, { method: 'PUT', body })
const create = async (name: string, more: object = {}) => {
  const made = await post(SOURCES, { kind: 'mqtt', name, definition: broker, ...more })
  expect(made.status, made.text).toBe(201)
  return made.body
}

describe('sources', () => {
  it('are added, read, changed by the revision, switched and removed', async () => {
    const made = await create('Plant A', { secrets: { password: 'very secret' } })
    expect(made).toMatchObject({ kind: 'mqtt', name: 'Plant A', active: true, revision: 1, secretsSet: ['password'] })
    expect(made).toMatchObject({ updatedBy: 'admin', managedBy: 'user', status: 'stopped' })
    expect(made.definition.discover).toEqual(['#'])
    const change = { name: 'Plant B', active: true, definition: broker, revision: 1 }
    const changed = await put(made.source, change)
    expect(changed.body).toMatchObject({ name: 'Plant B', revision: 2, secretsSet: ['password'] })
    expect((await put(made.source, change)).status).toBe(409)
    const cleared = await put(made.source, { ...change, revision: 2, secrets: { password: null } })
    expect(cleared.body.secretsSet).toEqual([])
    const off = await kit.request(`${SOURCES}/${made.source}`, { method: 'PATCH', body: { active: false } })
    expect(off.body).toMatchObject({ active: false, status: 'stopped', message: 'It is switched off' })
    const text = JSON.stringify([(await kit.request('/api/v1/audit-log')).body, off.body, changed.body, made])
    expect(text).toContain('source.update')
    expect(text).not.toContain('very secret')
    expect((await kit.request(`${SOURCES}/${made.source}`, { method: 'DELETE' })).status).toBe(204)
    expect((await kit.request(`${SOURCES}/${made.source}`)).status).toBe(404)
  })

  it.each<[string, object, string]>([
    ['an unknown kind', { kind: 'carrier-pigeon', name: 'x', definition: {} }, 'kind'],
    ['a broker without address', { kind: 'mqtt', name: 'x', definition: { broker: {} } }, 'definition.broker.url'],
    ['a field that there is not', { kind: 'mqtt', name: 'x', definition: { ...broker, colour: 1 } }, 'definition'],
    ['a relative path', { kind: 'file', name: 'x', definition: { paths: ['log/a'] } }, 'definition.paths.0'],
    ['an unknown secret', { kind: 'mqtt', name: 'x', definition: broker, secrets: { pin: '1' } }, 'secrets'],
    ['no name', { kind: 'mqtt', name: ' ', definition: broker }, 'name'],
  ])('refuse %s, and say where', async (_, body, parameter) => {
    const refused = await post(SOURCES, body)
    expect(refused.status, refused.text).toBe(400)
    expect(refused.headers.get('content-type')).toContain('problem+json')
    expect(refused.body.errors.map((each: { parameter: string }) => each.parameter)).toContain(parameter)
  })

  it('refuse wrong expressions and patterns at the character', async () => {
    const rules = [{ name: 'fraud', expression: 'amount > > 5' }]
    const definition = { paths: ['/var/log/a.log'], reading: { format: 'pattern', pattern: 'ok (?<a', rules } }
    const refused = await post(SOURCES, { kind: 'file', name: 'patterns', definition })
    expect(refused.status).toBe(400)
    expect(refused.body.errors).toMatchObject([
      { parameter: 'definition.reading.rules.0.expression', offset: 9 },
      { parameter: 'definition.reading.pattern', offset: 3 },
    ])
  })

  it('of one kind have names of their own', async () => {
    await create('Twice')
    expect((await post(SOURCES, { kind: 'mqtt', name: 'Twice', definition: broker })).status).toBe(409)
  })

  it('are for operators, those of files for administrators, and of one tenant', async () => {
    const { operator, viewer, stranger } = kit.access
    const file = { kind: 'file', name: 'shadow', definition: { paths: ['/etc/shadow'] } }
    expect((await post(SOURCES, { kind: 'mqtt', name: 'v', definition: broker }, viewer)).status).toBe(403)
    const made = await post(SOURCES, { kind: 'mqtt', name: 'o', definition: broker }, operator)
    expect(made.status).toBe(201)
    const refused = await post(SOURCES, file, operator)
    expect(refused.status).toBe(403)
    expect(refused.body.detail).toContain('sources:files')
    expect((await post(PREVIEWS, { kind: 'file', definition: file.definition }, operator)).status).toBe(403)
    const byAdmin = await post(SOURCES, file)
    expect(byAdmin.status).toBe(201)
    const path = `${SOURCES}/${byAdmin.body.source}`
    expect((await kit.request(path, { method: 'PATCH', body: { active: false }, token: operator })).status).toBe(403)
    expect((await kit.request(path, { token: stranger })).status).toBe(404)
    expect((await kit.request(path, { method: 'DELETE', token: stranger })).status).toBe(404)
    expect((await kit.request(SOURCES, { token: stranger })).body.items).toEqual([])
    expect((await kit.request(path, { token: viewer })).status).toBe(200)
  })
})

describe('how sources are doing', () => {
  it('is told with topics that no mapping takes, which are mapped with one request', async () => {
    const { source } = await create('Discovery')
    const meter = board.of({ tenant: 'default', id: source })
    meter.state('receiving')
    meter.events(100, 5000, now)
    meter.refused('json_invalid', 'not JSON', 'plant/x')
    meter.refused('series_too_many', 'metric x has 9,000 series, most by attribute order_id', 'plant/y')
    meter.unmapped(() => ({ topics: [unmapped], total: 1 }))
    const item = await eventually(
      async () => (await kit.request(`${SOURCES}?q=discovery`)).body.items[0],
      (found) => expect(found).toMatchObject({ status: 'ok', unmapped: 1, refused: 2 }),
    )
    expect(item.limitExceeded).toContain('order_id')
    const { items } = (await kit.request(`${SOURCES}?kind=mqtt-topic`)).body
    expect(items).toMatchObject([
      { kind: 'mqtt-topic', name: unmapped.topic, status: 'unmapped', topic: { source, payload: 'json', proposal } },
    ])
    const detail = (await kit.request(`${SOURCES}/${source}`)).body
    expect(detail.instances).toMatchObject([{ instance: 'test', service: 'mqtt', state: 'receiving', stale: false }])
    const path = `${SOURCES}/${source}/mappings`
    expect((await post(path, { topic: 'plant/never/heard' })).status).toBe(404)
    expect((await post(path, { topic: unmapped.topic, mapping: { colour: 1 } })).body.errors[0].parameter).toBe(
      'mapping.topic',
    )
    const mapped = await post(path, { topic: unmapped.topic }, kit.access.operator)
    expect(mapped.status, mapped.text).toBe(200)
    expect(mapped.body.definition.mappings).toMatchObject([proposal])
    expect(mapped.body.revision).toBe(2)
  })

  it('says that a source is silent, and that nobody reads one', async () => {
    const { source } = await create('Quiet', { definition: { ...broker, silentAfterSeconds: 5 } })
    expect((await kit.request(`${SOURCES}/${source}`)).body).toMatchObject({ status: 'stopped' })
    const meter = board.of({ tenant: 'default', id: source })
    meter.state('receiving')
    meter.events(1, 10, now - 60_000)
    await eventually(
      async () => (await kit.request(`${SOURCES}/${source}`)).body,
      (found) => expect(found.status).toBe('silent'),
    )
  })

  it('counts as agents only those that send process tables', async () => {
    await kit.publish(
      snapshotRecord({}, { timeMs: now, keyFrame: true, source: 'agent-web' }),
      sampleRecord([[1n, now, 1]]),
    )
    const { items } = await eventually(
      async () => (await kit.request(`${SOURCES}?kind=agent`)).body,
      (found) => expect(found.items).toHaveLength(1),
    )
    expect(items[0]).toMatchObject({ source: 'agent-web', name: 'web-1', managedBy: 'agent' })
    const detail = (await kit.request(`${SOURCES}/agent-web`)).body
    expect(detail).toMatchObject({ definition: null, revision: 0, kind: 'agent' })
  })
})

describe('previews', () => {
  it('show what comes in, keep secrets that are set, and end', async () => {
    answer = null
    const { source } = await create('Previewed', { secrets: { password: 'p' } })
    const asked = await post(PREVIEWS, { kind: 'mqtt', source, definition: broker })
    expect(asked.status, asked.text).toBe(201)
    expect(asked.body.state).toBe('asked')
    const path = `${PREVIEWS}/${asked.body.id}`
    await eventually(
      async () => (await kit.request(path)).body,
      (found) => expect(found).toMatchObject({ state: 'waiting', message: 'secrets: password' }),
    )
    expect((await kit.request(path, { token: kit.access.operator })).status).toBe(404)
    expect((await kit.request(path, { method: 'DELETE' })).status).toBe(204)
    expect((await kit.request(path)).status).toBe(404)
    const moved = { broker: { url: 'mqtt://elsewhere.example:1883' } }
    const other = await post(PREVIEWS, { kind: 'mqtt', source, definition: moved })
    expect(other.status).toBe(400)
    expect(other.body.errors[0].parameter).toBe('secrets')
  })

  it('push what they show to whoever asked', async () => {
    answer = null
    const { id } = (await post(PREVIEWS, { kind: 'mqtt', definition: broker })).body
    const live = await openLive(kit.url, { token: kit.access.admin })
    live.send({ subscribe: [`preview:${id}`] })
    await live.next((message) => message.channel === `preview:${id}` && message.snapshot !== undefined)
    const sample = { process: 'device:a:b', metric: 'temperature', attributes: {}, unit: 'Cel', role: 'level' as const }
    const item = { timeMs: now, subject: 'plant/a', payload: '{"t":21}', marks: [{ from: 5, to: 7 }], refusals: [] }
    answer = {
      state: 'receiving',
      message: '',
      perSecond: 3,
      items: [{ ...item, produced: [{ ...sample, value: 21 }], fields: { t: 21 }, flagged: ['hot'] }],
      unmapped: [{ topic: 'plant/z', perSecond: 1 }],
      detected: null,
    }
    const frame = await live.next((message) => message.changes?.state === 'receiving')
    const { changes } = frame
    expect(previewFrame.safeParse(frame).error?.issues ?? []).toEqual([])
    expect(changes).toMatchObject({
      perSecond: 3,
      items: [{ time: new Date(now).toISOString(), produced: [{ value: 21 }] }],
    })
    const other = await openLive(kit.url, { token: kit.access.operator })
    other.send({ subscribe: [`preview:${id}`] })
    await other.next((message) => message.changes?.state === 'ended')
    const viewer = await openLive(kit.url, { token: kit.access.viewer })
    viewer.send({ subscribe: [`preview:${id}`] })
    expect((await viewer.next((message) => message.error !== undefined)).error.status).toBe(403)
    for (const client of [live, other, viewer]) client.close()
  })
})

describe('channel sources', () => {
  it('tells of sources that come, change and go', async () => {
    const live = await openLive(kit.url, { token: kit.access.viewer })
    live.send({ subscribe: ['sources'] })
    const { source } = await create('Told')
    const about = (message: { changes?: { items: { source: string; name: string }[] } }) =>
      message.changes?.items.find((each) => each.source === source)
    await live.next((message) => about(message) !== undefined)
    await put(source, { name: 'Told anew', active: true, definition: broker, revision: 1 })
    sourcesFrame.parse(await live.next((message) => about(message)?.name === 'Told anew'))
    await kit.request(`${SOURCES}/${source}`, { method: 'DELETE' })
    await live.next((message) => message.changes?.removed.includes(source))
    live.close()
  })
})
