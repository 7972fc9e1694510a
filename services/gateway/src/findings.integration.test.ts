import { AlertStatus, Severity } from '@driftline/proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { alertsFrame, overviewFrame, processFrame } from './schemas/live.ts'
import { keepEpisode } from './testing/episodes.ts'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { type LiveClient, openLive } from './testing/live-client.ts'
import { alertRecord, anomalyRecord, baselineRecord, kpiRecord } from './testing/records.ts'

const NGINX = 'os:web-1:nginx'
const REDIS = 'os:web-1:redis'
const MINUTE = 60_000
const minute = Math.floor(Date.now() / MINUTE) * MINUTE
const ago = (minutes: number): number => minute - minutes * MINUTE

let kit: GatewayKit
const clients: LiveClient[] = []
const get = (path: string, token?: string) => kit.request(path, token === undefined ? {} : { token })
const post = (path: string, body: unknown, token?: string) =>
  kit.request(path, { method: 'POST', body, ...(token === undefined ? {} : { token }) })
const ids = (answer: { body: { items: { id: string }[] } }): string[] => answer.body.items.map(({ id }) => id)

async function live(channel: string): Promise<LiveClient> {
  const client = await openLive(kit.url, { token: kit.access.viewer })
  clients.push(client)
  client.send({ subscribe: [channel] })
  await client.next((message) => message.snapshot !== undefined)
  return client
}

beforeAll(async () => {
  kit = await startGatewayKit()
  const stored = Array.from({ length: 7 }, (_, index) =>
    anomalyRecord({
      id: `old-${index}`,
      process: index % 2 === 0 ? NGINX : REDIS,
      startMs: ago(50) + Math.min(index, 4) * 1000,
      endMs: ago(40),
      type: index === 3 ? 'error_spike' : 'performance_degradation',
      severity: index === 2 ? Severity.CRITICAL : Severity.WARNING,
      description: `Number ${index} of 100%_odd`,
    }),
  )
  const lines = Array.from({ length: 30 }, (_, index) =>
    baselineRecord(ago(index + 1), [
      [NGINX, 'cpu', 0.5, 0.1, index < 10 ? 8 : 0.5],
      [NGINX, 'memory', 1e8, 1e6, -3],
      [REDIS, 'cpu', 0.2, 0.1, -4],
    ]),
  )
  await kit.keep(
    ...stored,
    anomalyRecord({ id: 'lasting', process: NGINX, startMs: ago(10), description: 'CPU of nginx is 370 %' }),
    anomalyRecord({ id: 'foreign', process: 'os:x:y', startMs: ago(10), tenant: 'other' }),
    kpiRecord(ago(45), { [NGINX]: { cpuCores: 0.5, instances: 1 }, [REDIS]: { cpuCores: 0.2, instances: 1 } }),
    kpiRecord(ago(1), {
      [NGINX]: { cpuCores: 0.5, cpuShare: 0.25, instances: 1 },
      [REDIS]: { cpuCores: 0.2, instances: 1 },
    }),
    ...lines,
    baselineRecord(ago(600), [[NGINX, 'cpu', 0.5, 0.1, 16]]),
  )
  await keepEpisode(kit.metadata, { id: 'alert-1', process: NGINX, openedAtMs: ago(9), anomalyIds: ['lasting'] })
  await keepEpisode(kit.metadata, {
    id: 'alert-0',
    process: REDIS,
    openedAtMs: ago(45),
    anomalyIds: ['old-1'],
    status: 'resolved',
  })
  await keepEpisode(kit.metadata, {
    id: 'alert-x',
    process: 'os:x:y',
    openedAtMs: ago(9),
    anomalyIds: ['foreign'],
    tenant: 'other',
  })
  await kit.restart()
})
afterAll(async () => {
  for (const client of clients) client.close()
  await kit?.end()
})

describe('right after a start', () => {
  it('the overview has drift lines, scores, reasons, open alerts and the drift of the estate', async () => {
    const { body } = await get('/api/v1/overview')
    const nginx = body.processes.find((each: { processId: string }) => each.processId === NGINX)
    expect(nginx).toMatchObject({ status: 'warning', reason: 'CPU of nginx is 370 %', drift: 8 })
    expect(nginx.driftLine.deviations).toHaveLength(60)
    expect(nginx.driftLine.deviations.slice(-32, -1).filter((each: number | null) => each === 8)).toHaveLength(10)
    const redis = body.processes.find((each: { processId: string }) => each.processId === REDIS)
    expect(redis).toMatchObject({ reason: null, drift: -4 })
    expect(body.alerts).toMatchObject([{ id: 'alert-1', status: 'open', anomalyIds: ['lasting'] }])
    const newest = body.estateDrift.filter((each: { up: number; down: number }) => each.down > 0)
    expect(body.estateDrift).toHaveLength(288)
    expect(newest.at(-1)).toMatchObject({ up: 2, down: 1 })
    await eventually(
      () => get('/api/v1/overview'),
      (answer) => {
        const drift = answer.body.estateDrift as { time: string; up: number }[]
        const bucket = Math.floor(ago(600) / 300_000) * 300_000
        expect(drift.find(({ time }) => Date.parse(time) === bucket)?.up).toBe(3)
      },
    )
  })

  it('a process says what is usual', async () => {
    const { body } = await get(`/api/v1/processes/${NGINX}`)
    expect(body.normal).toMatchObject({ cpu: { centre: 0.5, spread: 0.1 }, memory: { centre: 1e8, spread: 1e6 } })
  })

  it('the past has what was then', async () => {
    const { body } = await get(`/api/v1/overview?at=${ago(45) + 1000}`)
    const nginx = body.processes.find((each: { processId: string }) => each.processId === NGINX)
    expect(nginx).toMatchObject({ status: 'critical', reason: 'Number 2 of 100%_odd', drift: null })
    const before = await get(`/api/v1/overview?at=${ago(15) + 1000}`)
    const then = before.body.processes.find((each: { processId: string }) => each.processId === NGINX)
    expect(then).toMatchObject({ drift: expect.closeTo(-3, 5) })
    expect(then.driftLine.deviations.at(-2)).toBeCloseTo(-3)
    expect(before.body.estateDrift.some((each: { up: number }) => each.up === 3)).toBe(true)
  })
})

describe('the list of anomalies', () => {
  it('is newest first, with closed ones, and walks page by page without repeats while new ones come', async () => {
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await get(`/api/v1/anomalies?limit=2${cursor}`)
      expect(page.status).toBe(200)
      seen.push(...ids(page))
      cursor = page.body.nextCursor === null ? '' : `&cursor=${page.body.nextCursor}`
      const id = `new-${seen.length}`
      await kit.publish(anomalyRecord({ id, process: REDIS, startMs: Date.now(), endMs: Date.now() + 1 }))
      await eventually(
        () => get(`/api/v1/anomalies/${id}`),
        ({ status }) => expect(status).toBe(200),
      )
    } while (cursor !== '')
    expect(seen).toEqual(['lasting', 'old-6', 'old-5', 'old-4', 'old-3', 'old-2', 'old-1', 'old-0'])
  })

  it.each([
    ['state=open', ['lasting']],
    ['severity=critical', ['old-2']],
    ['type=error_spike', ['old-3']],
    [`process=${NGINX}&q=ODD number`, ['old-6', 'old-4', 'old-2', 'old-0']],
    ['q=100%25_', ['old-6', 'old-5', 'old-4', 'old-3', 'old-2', 'old-1', 'old-0']],
    [`from=${ago(11)}&to=${ago(9)}`, ['lasting']],
    ["q=' OR 1=1 --", []],
    ['type={ids:Array(String)}', []],
    [`process=${encodeURIComponent("x') OR ('1'='1")}`, []],
  ])('filters by %s', async (query, found) => {
    const answer = await get(`/api/v1/anomalies?${query}`)
    expect(answer.status).toBe(200)
    expect(ids(answer)).toEqual(found)
  })

  it('of a process has only its own', async () => {
    expect(ids(await get(`/api/v1/processes/${REDIS}/anomalies?to=${ago(20)}`))).toEqual(['old-5', 'old-3', 'old-1'])
  })

  it('tells everything of one', async () => {
    const { body } = await get('/api/v1/anomalies/lasting')
    expect(body).toMatchObject({
      processId: NGINX,
      type: 'performance_degradation',
      severity: 'warning',
      endedAt: null,
      metric: 'cpu',
      attributes: {},
      value: 3.7,
      worstValue: 4.2,
      expected: { low: 0.6, high: 1.2, centre: 0.9 },
      score: 18.7,
      exhaustedAt: null,
      contributions: [{ metric: 'cpu', share: 0.75 }],
      metrics: { values: { cpuCores: 3.7, memoryBytes: null } },
      verdict: null,
      alertId: 'alert-1',
    })
  })
})

describe('verdicts', () => {
  it('are given by operators, the last one counts, and filters know them', async () => {
    expect((await post('/api/v1/anomalies/old-0/verdict', { verdict: 'real' }, kit.access.viewer)).status).toBe(403)
    const said = ['real', 'noise', 'expected', 'noise'].map((verdict) =>
      post('/api/v1/anomalies/old-0/verdict', { verdict }, kit.access.operator),
    )
    for (const answer of await Promise.all(said)) expect(answer.status).toBe(200)
    const last = await post('/api/v1/anomalies/old-0/verdict', { verdict: 'noise' })
    expect(last.body).toMatchObject({ id: 'old-0', verdict: 'noise' })
    await post('/api/v1/anomalies/old-2/verdict', { verdict: 'real' })
    expect(ids(await get('/api/v1/anomalies?verdict=noise'))).toEqual(['old-0'])
    expect(ids(await get(`/api/v1/anomalies?verdict=none&to=${ago(45)}`))).toEqual([
      'old-6',
      'old-5',
      'old-4',
      'old-3',
      'old-1',
    ])
    const { body } = await get('/api/v1/detection/quality')
    expect(body.types.find((each: { type: string }) => each.type === 'performance_degradation')).toMatchObject({
      real: 1,
      noise: 1,
      expected: 0,
      precision: 0.5,
    })
    const audit = await get('/api/v1/audit-log?limit=1')
    expect(audit.body.items[0]).toMatchObject({ action: 'anomaly.verdict', subject: 'anomaly:old-2' })
  })

  it.each([
    ['of nobody knows what', '/api/v1/anomalies/nobody/verdict', { verdict: 'real' }, 404],
    ['of another tenant', '/api/v1/anomalies/foreign/verdict', { verdict: 'real' }, 404],
    ['that are none', '/api/v1/anomalies/old-0/verdict', { verdict: 'maybe' }, 400],
    [
      'with an odd id',
      `/api/v1/anomalies/${encodeURIComponent("'; DROP TABLE anomalies")}/verdict`,
      { verdict: 'real' },
      404,
    ],
    ['with NUL in the id', '/api/v1/anomalies/%00/verdict', { verdict: 'real' }, 404],
    ['with too long an id', `/api/v1/anomalies/${'x'.repeat(600)}/verdict`, { verdict: 'real' }, 400],
  ])('%s are refused', async (_, path, body, status) => {
    expect((await post(path, body)).status).toBe(status)
  })
})

describe('alerts', () => {
  it('are listed newest first, filtered and paged', async () => {
    expect(ids(await get('/api/v1/alerts'))).toEqual(['alert-1', 'alert-0'])
    expect(ids(await get('/api/v1/alerts?status=resolved'))).toEqual(['alert-0'])
    expect(ids(await get(`/api/v1/alerts?process=${NGINX}`))).toEqual(['alert-1'])
    const first = await get('/api/v1/alerts?limit=1')
    const second = await get(`/api/v1/alerts?limit=1&cursor=${first.body.nextCursor}`)
    expect(ids(second)).toEqual(['alert-0'])
    expect(second.body.nextCursor).toBeNull()
  })

  it('tell what was sent of them', async () => {
    const { body } = await get('/api/v1/alerts/alert-1')
    expect(body.deliveries).toMatchObject([
      { channel: 'ops', state: 'pending', lastError: 'the receiver answered 500' },
    ])
  })

  it('are acknowledged once however many do it, on every screen at once, and then resolved', async () => {
    const [screen, overview] = [await live('alerts'), await live('overview')]
    const path = '/api/v1/alerts/alert-1'
    expect((await post(`${path}/acknowledge`, {}, kit.access.viewer)).status).toBe(403)
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => post(`${path}/acknowledge`, undefined, kit.access.operator)),
    )
    for (const { status, body } of answers) {
      expect(status).toBe(200)
      expect(body).toMatchObject({ status: 'acknowledged', acknowledgedBy: 'operator' })
    }
    const row = await kit.metadata.db
      .selectFrom('alert_episodes')
      .select(['version', 'published_version'])
      .where('id', '=', 'alert-1')
      .executeTakeFirst()
    expect(row).toEqual({ version: 2, published_version: 1 })
    const told = await screen.next((message) => message.changes)
    expect(alertsFrame.safeParse(told).error).toBeUndefined()
    expect(told.changes.alerts).toMatchObject([{ id: 'alert-1', status: 'acknowledged', acknowledgedBy: 'operator' }])
    const shown = await overview.next((message) => message.changes?.alerts)
    expect(overviewFrame.safeParse(shown).error).toBeUndefined()
    expect(shown.changes.alerts).toMatchObject([{ id: 'alert-1', status: 'acknowledged' }])
    const resolved = await post(`${path}/resolve`, undefined)
    expect(resolved.body).toMatchObject({ status: 'resolved', resolvedBy: 'admin', acknowledgedBy: 'operator' })
    expect((await post(`${path}/resolve`, undefined)).status).toBe(200)
    expect((await post(`${path}/acknowledge`, undefined)).status).toBe(409)
    expect((await get('/api/v1/overview')).body.alerts).toEqual([])
  })

  it.each(['nobody', 'alert-x', '%27', 'x'.repeat(300)])('%s is 404', async (id) => {
    for (const action of ['acknowledge', 'resolve'])
      expect((await post(`/api/v1/alerts/${id}/${action}`, undefined)).status).toBe(404)
    expect((await get(`/api/v1/alerts/${id}`)).status).toBe(404)
  })
})

describe('live', () => {
  it('an anomaly reaches the list, its process, the alerts and the overview', async () => {
    const [process, alerts, overview] = [await live(`process:${REDIS}`), await live('alerts'), await live('overview')]
    const anomaly = { id: 'fresh', process: REDIS, startMs: Date.now(), severity: Severity.CRITICAL }
    await kit.publish(anomalyRecord({ ...anomaly, description: 'Redis is odd' }))
    const changed = await process.next((message) => message.changes?.anomalies)
    expect(processFrame.safeParse(changed).error).toBeUndefined()
    expect(changed.changes).toMatchObject({ status: 'critical', reason: 'Redis is odd', anomalies: [{ id: 'fresh' }] })
    const found = await alerts.next((message) => message.changes?.anomalies.length > 0)
    expect(found.changes.anomalies).toMatchObject([{ id: 'fresh', endedAt: null }])
    const seen = await overview.next((message) => message.changes?.processes.length > 0)
    expect(seen.changes.processes).toMatchObject([{ processId: REDIS, status: 'critical', reason: 'Redis is odd' }])
    await kit.publish(alertRecord({ id: 'a-2', process: REDIS, anomalyIds: ['fresh'], openedAtMs: Date.now() }))
    await overview.next((message) => message.changes?.alerts?.[0].id === 'a-2')
    await eventually(
      () => get('/api/v1/anomalies/fresh'),
      ({ body }) => expect(body.alertId).toBe('a-2'),
    )
    await kit.publish(anomalyRecord({ ...anomaly, endMs: Date.now(), revision: 2 }))
    const closed = await process.next((message) => message.changes?.anomalies?.[0].endedAt !== null)
    expect(closed.changes.reason).toBeNull()
    await kit.publish(
      alertRecord({
        id: 'a-2',
        process: REDIS,
        anomalyIds: ['fresh'],
        openedAtMs: Date.now(),
        version: 3,
        status: AlertStatus.RESOLVED,
      }),
      alertRecord({ id: 'a-2', process: REDIS, anomalyIds: ['fresh'], openedAtMs: Date.now(), version: 2 }),
    )
    await overview.next((message) => message.changes?.alerts?.[0].status === 'resolved')
    expect((await get('/api/v1/overview')).body.alerts).toEqual([])
  })

  it('an alert that makes no sense is counted and skipped, and the next one is told', async () => {
    const alerts = await live('alerts')
    await kit.publish(
      alertRecord({ id: 'a-odd', process: REDIS, anomalyIds: [], openedAtMs: 9e15 }),
      alertRecord({ id: 'a-3', process: REDIS, anomalyIds: [], openedAtMs: Date.now(), status: AlertStatus.RESOLVED }),
    )
    await alerts.next((message) => message.changes?.alerts?.[0]?.id === 'a-3')
    const { text } = await get('/metrics')
    expect(text).toContain('driftline_gateway_unreadable_records_total{topic="driftline.alerts.v1"} 1')
  })

  it('a closed minute brings its point and what is usual, and values of the running minute move the newest point', async () => {
    const [process, overview] = [await live(`process:${NGINX}`), await live('overview')]
    await kit.publish(baselineRecord(minute, [[NGINX, 'cpu', 0.5, 0.1, 5]]))
    const told = await process.next((message) => message.changes?.normal)
    expect(processFrame.safeParse(told).error).toBeUndefined()
    expect(told.changes).toMatchObject({
      driftPoint: { time: new Date(minute).toISOString(), deviation: 5 },
      normal: { cpu: { centre: 0.5, spread: 0.1 } },
    })
    const point = await overview.next((message) =>
      message.changes?.drift?.some(
        (each: { processId: string; deviation: number }) => each.processId === NGINX && each.deviation === 5,
      ),
    )
    expect(overviewFrame.safeParse(point).error).toBeUndefined()
    const nextMinute = Math.floor(Date.now() / MINUTE) * MINUTE + MINUTE
    await kit.publish(kpiRecord(nextMinute, { [NGINX]: { cpuCores: 2.1 } }))
    await eventually(
      () => get(`/api/v1/processes/${NGINX}`),
      ({ body }) => expect(body.driftKpi).toBe('cpu'),
    )
  })
})

describe('another tenant', () => {
  it('sees its own and nothing else', async () => {
    const { stranger } = kit.access
    expect(ids(await get('/api/v1/anomalies', stranger))).toEqual(['foreign'])
    expect(ids(await get('/api/v1/alerts', stranger))).toEqual(['alert-x'])
    expect((await get('/api/v1/anomalies/lasting', stranger)).status).toBe(404)
    expect((await get('/api/v1/alerts/alert-1', stranger)).status).toBe(404)
    expect((await get('/api/v1/anomalies/foreign')).status).toBe(404)
    expect((await get('/api/v1/overview', stranger)).body).toMatchObject({
      estateDrift: [],
      alerts: [{ id: 'alert-x' }],
    })
    expect(ids(await get(`/api/v1/anomalies?process=${NGINX}`, stranger))).toEqual([])
  })
})

describe('what came just before a start', () => {
  it('and is stored only after it, is read again', async () => {
    await kit.restart()
    const late = { id: 'just-before', process: 'os:web-7:late', startMs: Date.now() - 1000, description: 'It is late' }
    await kit.keep(anomalyRecord(late))
    await eventually(
      () => get('/api/v1/overview'),
      (answer) => {
        const found = answer.body.processes.find((each: { processId: string }) => each.processId === late.process)
        expect(found).toMatchObject({ reason: 'It is late' })
      },
      20_000,
    )
  })
})
