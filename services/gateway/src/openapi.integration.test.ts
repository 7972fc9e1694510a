import { RunStatus } from '@driftline/proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { routePermissions } from './access/route-permissions.ts'
import { keepEpisode } from './testing/episodes.ts'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { logRecord, patternRecord } from './testing/log-records.ts'
import {
  anomalyRecord,
  baselineRecord,
  deadLetterRecord,
  idOf,
  kpiRecord,
  sampleRecord,
  seriesRecord,
  snapshotRecord,
} from './testing/records.ts'
import { endedRun, evidenceRecord } from './testing/run-records.ts'

interface Operation {
  operationId: string
  security: unknown[]
  responses: Record<string, { content?: Record<string, { schema: Record<string, unknown> }> }>
}
interface Document {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

const NGINX = 'os:web-1:nginx'
const now = Date.now()
const FLOW = {
  name: 'A flow',
  schedules: [{ everySeconds: 3600 }],
  steps: [{ stepName: 'One', checkType: 'rest', checkConfiguration: { url: 'https://shop.example/' } }],
}
const BROKER = { broker: { url: 'mqtt://plant.example' } }

let kit: GatewayKit
let document: Document

/** A request that succeeds, for every route; `:user` and `:key` stand for ids that exist. */
const SCHEDULE = {
  name: 'Weekly',
  report: 'completion',
  formats: ['pdf'],
  processes: [],
  period: 'week',
  cron: '0 7 * * 1',
  timeZone: 'UTC',
  recipients: ['ops@example.com'],
}

const requests: Record<string, { path?: string; body?: unknown; token?: null }> = {
  'POST /api/v1/sessions': { body: { username: 'admin', password: 'correct horse battery' }, token: null },
  'POST /api/v1/sessions/current/password': {
    body: { currentPassword: 'correct horse battery', newPassword: 'correct horse battery' },
  },
  'POST /api/v1/users': { body: { username: 'sam', password: 'a long password', role: 'viewer' } },
  'PATCH /api/v1/users/{id}': { body: { role: 'operator' } },
  'POST /api/v1/api-keys': { body: { name: 'ci', role: 'ingest' } },
  'PATCH /api/v1/processes/{id}': { body: { category: 'Web', tags: ['x'] } },
  'POST /api/v1/anomalies/{id}/verdict': { body: { verdict: 'real' } },
  'PUT /api/v1/processes/{id}/detection': {
    body: { thresholds: [{ metric: 'memory', above: 1e9 }], expressions: [{ name: 'hot', expression: 'cpu > 90 %' }] },
  },
  'GET /api/v1/processes/{id}/baseline': { path: `/api/v1/processes/${NGINX}/baseline?metric=cpu` },
  'GET /api/v1/hosts/{host}/frames': { path: `/api/v1/hosts/web-1/frames?from=${now - 4000}&to=${now}` },
  'GET /api/v1/logs': { path: `/api/v1/logs?process=${NGINX}&field.status=500&field[ok]=true` },
  'GET /api/v1/logs/patterns': { path: `/api/v1/logs/patterns?process=${NGINX}` },
  'POST /api/v1/sources': { body: { kind: 'mqtt', name: 'another', definition: BROKER, secrets: { password: 'p' } } },
  'PUT /api/v1/sources/{id}': { body: { name: 'changed', active: true, definition: BROKER, revision: 1 } },
  'PATCH /api/v1/sources/{id}': { body: { active: false } },
  'POST /api/v1/sources/{id}/mappings': {
    body: { topic: 'a/b', mapping: { topic: 'a/{machine}', process: 'device:a:{machine}' } },
  },
  'POST /api/v1/source-previews': { body: { kind: 'mqtt', definition: BROKER } },
  'POST /api/v1/credentials': { body: { name: 'made', kind: 'bearer', hosts: ['x.example'], fields: { token: 't' } } },
  'PUT /api/v1/credentials/{name}': { body: { about: 'changed', version: 1 } },
  'PUT /api/v1/settings/network': { body: { policy: { allowedNetworks: ['10.0.0.0/8'] }, version: 0 } },
  'POST /api/v1/flows': { body: FLOW },
  'PUT /api/v1/flows/{id}': { body: { ...FLOW, description: 'changed' } },
  'POST /api/v1/flows/{id}/clone': { body: { name: 'A clone' } },
  'POST /api/v1/flows/validate': { body: { definition: FLOW } },
  'POST /api/v1/flows/import': { body: { yaml: JSON.stringify({ ...FLOW, name: 'Brought in' }) } },
  'GET /api/v1/checks/compare': { path: '/api/v1/checks/compare?a=run-1&b=run-2' },
  'POST /api/v1/report-schedules': { body: SCHEDULE },
  'PUT /api/v1/report-schedules/{id}': { body: { ...SCHEDULE, name: 'Renamed' } },
  'POST /api/v1/dead-letters/replay': { body: { filter: { reason: 'none' } } },
  'GET /api/v1/query': { path: `/api/v1/query?process=${NGINX}&metric=process.cpu.usage` },
}

beforeAll(async () => {
  kit = await startGatewayKit({ DRIFTLINE_AGENTS_FILE: import.meta.filename })
  const cpu = { process: NGINX, metric: 'process.cpu.usage', unit: '{cpu}' }
  const frame = snapshotRecord(
    { started: [{ pid: 10, startMs: now - 5000, group: NGINX }], values: [{ pid: 10 }] },
    { timeMs: now - 5000, keyFrame: true },
  )
  const records = [
    seriesRecord([cpu]),
    frame,
    snapshotRecord({ values: [{ pid: 10, cpu: 0.5 }] }, { timeMs: now - 3000 }),
    kpiRecord(now - 3000, { [NGINX]: { cpuCores: 0.5, cpuShare: 0.25 }, 'host:web-1': { cpuShare: 0.1 } }),
    sampleRecord([[idOf(cpu), now - 3000, 0.5]]),
    baselineRecord(Math.floor(now / 60_000 - 1) * 60_000, [[NGINX, 'cpu', 0.4, 0.1, 3]]),
    anomalyRecord({ id: 'anomaly-1', process: NGINX, startMs: now - 3000 }),
    logRecord([{ timeMs: now - 3000, body: 'one', attributes: { status: 500, ok: true }, pattern: 7n }], {
      process: NGINX,
    }),
    patternRecord({ id: 7n, template: '<*>', firstSeenMs: now - 3000 }, { process: NGINX }),
  ]
  await kit.keep(
    ...records,
    endedRun({ process: 'flow:a', run: 'run-1', requestedMs: now - 5000 }, { status: RunStatus.FAILED }),
    endedRun({ process: 'flow:a', run: 'run-2', requestedMs: now - 4000 }),
    evidenceRecord({ process: 'flow:a', run: 'run-1', text: 'Down' }),
    deadLetterRecord(now, 'odd'),
    deadLetterRecord(now, 'odd', 'default', { id: 'letter-1', replayable: true }),
  )
  await keepEpisode(kit.metadata, {
    id: 'alert-1',
    process: NGINX,
    openedAtMs: now - 3000,
    anomalyIds: ['anomaly-1'],
  })
  await kit.restart()
  await kit.publish(...records)
  await eventually(
    () => kit.request('/api/v1/sources'),
    ({ body }) => expect(body.items).not.toEqual([]),
  )
  document = (await kit.request('/api/v1/openapi.json', { token: null })).body
})
afterAll(() => kit?.end())

describe('the OpenAPI document', () => {
  it('has every route that is served, and no other', () => {
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(document.openapi).toBe('3.1.0')
    expect(described.sort()).toEqual(Object.keys(routePermissions).sort())
  })

  it('names each operation once', () => {
    const ids = Object.values(document.paths).flatMap((each) => Object.values(each).map((one) => one.operationId))
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('refers only to what it has', () => {
    const text = JSON.stringify(document)
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(document.components.schemas).toHaveProperty(name ?? '')
    }
  })
})

describe('real answers', () => {
  let names = 0
  /** Accounts that routes with an id work on: removed ones are made for it. */
  async function pathFor(key: string): Promise<string> {
    const path = key.split(' ')[1] ?? ''
    if (path === '/api/v1/users/{id}') {
      const body = { username: `u${Date.now()}`, password: 'a long password', role: 'viewer' }
      return `/api/v1/users/${(await kit.request('/api/v1/users', { method: 'POST', body })).body.id}`
    }
    if (path === '/api/v1/api-keys/{id}') {
      const body = { name: 'x', role: 'viewer' }
      return `/api/v1/api-keys/${(await kit.request('/api/v1/api-keys', { method: 'POST', body })).body.id}`
    }
    if (path.startsWith('/api/v1/sources/{id}')) {
      const body = { kind: 'mqtt', name: `s${++names}`, definition: BROKER }
      const made = await kit.request('/api/v1/sources', { method: 'POST', body })
      return path.replace('{id}', made.body.source)
    }
    if (path === '/api/v1/credentials/{name}') {
      const body = {
        name: `c${++names}`,
        kind: 'basic',
        hosts: ['x.example'],
        fields: { username: 'u', password: 'p' },
      }
      await kit.request('/api/v1/credentials', { method: 'POST', body })
      return path.replace('{name}', body.name)
    }
    if (path.startsWith('/api/v1/source-previews/')) {
      const body = { kind: 'mqtt', definition: BROKER }
      return path.replace('{id}', (await kit.request('/api/v1/source-previews', { method: 'POST', body })).body.id)
    }
    if (path.startsWith('/api/v1/logs/{id}')) {
      const { items } = (await kit.request(`/api/v1/logs?process=${NGINX}`)).body
      return path.replace('{id}', items[0].id)
    }
    if (path.startsWith('/api/v1/flows/{id}') || path === '/api/v1/processes/{id}/checks') {
      const { id } = (await kit.request('/api/v1/flows', { method: 'POST', body: { ...FLOW, name: `F ${++names}` } }))
        .body
      await kit.publish(endedRun({ process: id, run: `of-${names}`, requestedMs: now }))
      return path.replace('{id}', id).replace('{version}', '1')
    }
    if (key === 'DELETE /api/v1/checks/{id}') {
      const made = await kit.request('/api/v1/flows', { method: 'POST', body: { ...FLOW, name: `F ${++names}` } })
      const asked = await kit.request(`/api/v1/processes/${made.body.id}/checks`, { method: 'POST' })
      return path.replace('{id}', asked.body.checkId)
    }
    if (path.startsWith('/api/v1/checks/')) return path.replace('{id}', 'run-1').replace('{stepNumber}', '2')
    if (path === '/api/v1/flow-gallery/{example}') {
      return path.replace('{example}', (await kit.request('/api/v1/flow-gallery')).body.items[0].id)
    }
    if (path.startsWith('/api/v1/report-schedules/{id}')) {
      const body = { ...SCHEDULE, name: `R ${++names}` }
      return path.replace('{id}', (await kit.request('/api/v1/report-schedules', { method: 'POST', body })).body.id)
    }
    if (path.startsWith('/api/v1/dead-letters/')) return path.replace('{id}', 'letter-1')
    if (path.startsWith('/api/v1/anomalies/')) return path.replace('{id}', 'anomaly-1')
    if (path.startsWith('/api/v1/alerts/')) return path.replace('{id}', 'alert-1')
    return path.replace('{id}', NGINX).replace('{host}', 'web-1')
  }

  const keys = Object.keys(routePermissions).filter((key) => key !== 'DELETE /api/v1/sessions')
  it.each([...keys, 'DELETE /api/v1/sessions'])('%s is as described', async (key) => {
    const [method = '', template = ''] = key.split(' ')
    const given = requests[key]
    const answer = await kit.request(given?.path ?? (await pathFor(key)), {
      method,
      ...(given?.body === undefined ? {} : { body: given.body }),
      ...(given?.token === undefined ? {} : { token: given.token }),
    })
    const described = document.paths[template]?.[method.toLowerCase()]?.responses[String(answer.status)]
    expect(answer.status, answer.text).toBeLessThan(300)
    expect(described, `${key} does not describe ${answer.status}`).toBeDefined()
    if (answer.status === 204) expect(answer.text).toBe('')
    else if (answer.body === null) {
      const [type] = (answer.headers.get('content-type') ?? '').split(';')
      expect(Object.keys(described?.content ?? {}).map((each) => each.split(';')[0])).toEqual([type])
    } else expectToFit(answer.body, described?.content?.['application/json']?.schema ?? {})
  })

  it('that refuse are as described, too', async () => {
    const schema = { $ref: '#/components/schemas/Problem' }
    expectToFit((await kit.request('/api/v1/processes?limit=0')).body, schema)
    expectToFit((await kit.request('/api/v1/users', { token: kit.access.viewer })).body, schema)
  })
})

/** Holds a body to a schema of the document itself, not to the one in the code that made it. */
function expectToFit(body: unknown, schema: Record<string, unknown>): void {
  const whole = JSON.parse(
    JSON.stringify({ ...schema, $defs: document.components.schemas }).replaceAll('#/components/schemas/', '#/$defs/'),
  )
  const parsed = z.fromJSONSchema(closed(whole)).safeParse(body)
  expect(parsed.error?.issues ?? []).toEqual([])
}

/** Objects with named fields must have no others: a field that the document does not know is a lie by omission. */
function closed(node: unknown): Parameters<typeof z.fromJSONSchema>[0] {
  return JSON.parse(JSON.stringify(node), (_, value: Record<string, unknown> | null) => {
    const named = value?.['type'] === 'object' && value['properties'] !== undefined
    return named ? { additionalProperties: false, ...value } : value
  }) as Parameters<typeof z.fromJSONSchema>[0]
}
