import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { routePermissions } from './access/route-permissions.ts'
import { problem } from './schemas/common.ts'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { deadLetterRecord, kpiRecord, seriesRecord, snapshotRecord } from './testing/records.ts'
import { ADMIN_PASSWORD } from './testing/test-access.ts'

const NGINX = 'os:web-1:nginx'
const now = Date.now()
const directory = mkdtempSync(join(tmpdir(), 'driftline-agent-file-'))

let kit: GatewayKit
const get = (path: string, token?: string | null) => kit.request(path, token === undefined ? {} : { token })

beforeAll(async () => {
  writeFileSync(join(directory, 'agent.mjs'), 'export {}\n')
  const env = { DRIFTLINE_AGENTS_FILE: join(directory, 'agent.mjs') }
  // Every route is asked by unknown callers, more than an address may in a second.
  kit = await startGatewayKit({ ...env, DRIFTLINE_RATE_LIMITS_PER_ADDRESS: '10000' })
  const started = [{ pid: 10, startMs: now - 5000, group: NGINX }]
  await kit.keep(
    ...Array.from({ length: 5 }, (_, index) => deadLetterRecord(now - (index > 2 ? 9000 : 5000), `reason_${index}`)),
    deadLetterRecord(now - 1000, 'foreign', 'other'),
  )
  const samples = [{ process: NGINX, metric: 'process.cpu.usage', unit: '{cpu}' }]
  const records = [
    snapshotRecord({ started, values: [{ pid: 10 }] }, { timeMs: now - 1000, keyFrame: true }),
    kpiRecord(now - 2000, { [NGINX]: { cpuCores: 0.5 }, 'host:web-1': { cpuShare: 0.1 } }),
    seriesRecord(samples),
  ]
  await kit.publish(...records)
  await kit.keep(...records)
  const series = () => get(`/api/v1/processes/${NGINX}/series`)
  await eventually(series, ({ body }) => expect(body?.items).toHaveLength(1))
  await eventually(
    () => get('/api/v1/hosts'),
    ({ body }) => expect(body?.items).toHaveLength(1),
  )
})
afterAll(async () => {
  await kit?.end()
  rmSync(directory, { recursive: true, force: true })
})

/** A request to every route that does not change anything when it is refused. */
const everyRoute = Object.entries(routePermissions).map(([key, permission]) => {
  const [method = '', path = ''] = key.split(' ')
  return { key, method, permission, path: path.replace('{id}', NGINX).replace('{host}', 'web-1') }
})

function expectProblem(answer: Awaited<ReturnType<typeof get>>, status: number): void {
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(problem.safeParse(answer.body).error).toBeUndefined()
  expect(answer.body.status).toBe(status)
}

describe('who may what', () => {
  it.each(everyRoute.filter(({ permission }) => permission !== 'public'))(
    '$key answers 401 to nobody, and to a wrong token',
    async ({ method, path }) => {
      expectProblem(await kit.request(path, { method, token: null }), 401)
      const wrong = await kit.request(path, { method, token: `dls_${'x'.repeat(43)}` })
      expectProblem(wrong, 401)
      expect(wrong.headers.get('www-authenticate')).toMatch(/^Bearer/)
    },
  )

  it.each(everyRoute.filter(({ permission }) => permission !== 'public' && permission !== 'signed-in'))(
    '$key answers 403 to a key that only sends',
    async ({ method, path }) => {
      expectProblem(await kit.request(path, { method, token: kit.access.ingest }), 403)
    },
  )

  it.each(everyRoute.filter(({ permission }) => /manage|audit|write/.test(permission)))(
    '$key answers 403 to a viewer',
    async ({ method, path }) => {
      expectProblem(await kit.request(path, { method, token: kit.access.viewer }), 403)
    },
  )

  it('lets an operator change a process, and writes down who did', async () => {
    const path = `/api/v1/processes/${encodeURIComponent(NGINX)}`
    const body = { category: 'Checkout', tags: ['edge', 'edge', 'web'], description: 'The door' }
    const changed = await kit.request(path, { method: 'PATCH', token: kit.access.operator, body })
    expect(changed.body).toMatchObject({
      category: 'Checkout',
      tags: ['edge', 'web'],
      description: 'The door',
      active: true,
    })
    await kit.request(path, { method: 'PATCH', token: kit.access.operator, body: { category: null } })
    expect((await get(path)).body).toMatchObject({ category: null, tags: ['edge', 'web'] })
    const audit = await get('/api/v1/audit-log?limit=2')
    expect(audit.body.items).toMatchObject([
      { action: 'process.update', subject: `process:${NGINX}`, detail: { category: null } },
      { action: 'process.update', detail: { category: 'Checkout' } },
    ])
    const older = await get(`/api/v1/audit-log?limit=2&cursor=${audit.body.nextCursor}`)
    expect(older.body.items[0].id < audit.body.items[1].id).toBe(true)
    await kit.restart()
    const found = await get('/api/v1/processes?tag=web&q=DOOR')
    expect(found.body.items).toHaveLength(1)
  })
})

describe('tenants', () => {
  it('see nothing of each other', async () => {
    const lists = ['/api/v1/processes', '/api/v1/hosts', '/api/v1/sources', '/api/v1/users']
    for (const path of lists) expect((await get(path, kit.access.stranger)).body.items, path).toEqual([])
    const letters = await get('/api/v1/dead-letters', kit.access.stranger)
    expect(letters.body.items.map((each: { reason: string }) => each.reason)).toEqual(['foreign'])
    expect((await get('/api/v1/overview', kit.access.stranger)).body.processes).toEqual([])
    for (const path of [
      `/api/v1/processes/${NGINX}`,
      `/api/v1/processes/${NGINX}/performance`,
      '/api/v1/hosts/web-1/processes',
      `/api/v1/query?process=${NGINX}&metric=process.cpu.usage`,
    ]) {
      expectProblem(await get(path, kit.access.stranger), 404)
    }
    const metrics = await get('/metrics', kit.access.stranger)
    expect(metrics.text).not.toContain('process="')
    expect((await get('/api/v1/api-keys', kit.access.stranger)).body.items).toHaveLength(1)
  })
})

describe('errors', () => {
  it.each([
    ['/api/v1/processes?limit=0', 'limit'],
    ['/api/v1/processes?limit=1001', 'limit'],
    ['/api/v1/processes?limit=ten', 'limit'],
    ['/api/v1/processes?limit=1&limit=2', 'limit'],
    ['/api/v1/processes?cursor=nonsense', 'cursor'],
    ['/api/v1/processes?kind=robot', 'kind'],
    ['/api/v1/processes?status=fine', 'status'],
    ['/api/v1/processes?active=maybe', 'active'],
    ['/api/v1/hosts?cursor=!', 'cursor'],
    ['/api/v1/anomalies?severity=bad', 'severity'],
    ['/api/v1/alerts?status=new', 'status'],
    ['/api/v1/dead-letters?cursor=WyJ4Il0', 'cursor'],
    ['/api/v1/hosts/web-1/processes?at=yesterday', 'at'],
    ['/api/v1/hosts/web-1/processes?at=99999999999999999', 'at'],
    ['/api/v1/hosts/web-1/frames?from=1000', 'to'],
    ['/api/v1/hosts/web-1/frames?from=2000&to=1000', 'from'],
    ['/api/v1/hosts/web-1/frames?from=0&to=1000000', 'to'],
    [`/api/v1/processes/${NGINX}/performance?step=1ms`, 'step'],
    [`/api/v1/processes/${NGINX}/performance?step=often`, 'step'],
    [`/api/v1/processes/${NGINX}/performance?from=2000&to=1000`, 'from'],
    [`/api/v1/processes/${NGINX}/performance?from=${now - 86_400_000}&step=1s`, 'step'],
    [`/api/v1/processes/${NGINX}/analysis?from=x`, 'from'],
    ['/api/v1/query?metric=process.cpu.usage', 'process'],
    [`/api/v1/query?process=${NGINX}`, 'metric'],
    [`/api/v1/query?process=${NGINX}&metric=process.cpu.usage&agg=median`, 'agg'],
    ['/api/v1/processes?sort=bogus', 'sort'],
    ['/api/v1/status?sort=bogus', 'sort'],
  ])('%s names the parameter %s', async (path, parameter) => {
    const answer = await get(path)
    expectProblem(answer, 400)
    expect(answer.body.errors.map((each: { parameter: string }) => each.parameter)).toContain(parameter)
    expect(answer.body.detail).not.toMatch(/expected|received|undefined|NaN|>=|<=/)
  })

  it.each([
    ['/api/v1/processes?limit=0', 'limit must be at least 1'],
    ['/api/v1/processes?limit=1001', 'limit must be at most 1000'],
    ['/api/v1/processes?limit=ten', 'limit must be a number'],
    ['/api/v1/processes?limit=1.5', 'limit must be a whole number'],
    ['/api/v1/processes?active=maybe', 'active must be true or false'],
    ['/api/v1/processes?tag=a&tag=b', 'tag must be one text'],
    ['/api/v1/processes?sort=bogus&limt=5', 'sort is unknown; limt is unknown'],
    ['/api/v1/query?metric=x', 'process is missing'],
    [`/api/v1/query?process=&metric=x`, 'process must have at least 1 character'],
    ['/api/v1/overview?at=yesterday', 'at must be an ISO 8601 time with its zone, or milliseconds since 1970'],
  ])('%s says in plain words: %s', async (path, detail) => {
    expect((await get(path)).body.detail).toBe(detail)
  })

  it('a body that is wrong is told of in plain words, too', async () => {
    const answer = await kit.request('/api/v1/users', { method: 'POST', body: { username: 5, role: 'king', x: 1 } })
    expectProblem(answer, 400)
    const reasons = answer.body.errors.map((each: { parameter: string; reason: string }) => [
      each.parameter,
      each.reason,
    ])
    expect(Object.fromEntries(reasons)).toMatchObject({ username: 'must be one text', password: 'is missing' })
    expect(answer.body.detail).not.toMatch(/expected|received|undefined/)
  })

  it.each([
    '/api/v1/nowhere',
    '/api/v1/processes/os:web-1:nobody',
    '/api/v1/processes/os:web-1:nobody/metrics',
    '/api/v1/processes/os:web-1:nobody/anomalies',
    '/api/v1/processes/os:web-1:nobody/instances',
    '/api/v1/hosts/web-2',
    '/api/v1/hosts/web-2/processes',
    '/api/v1/query?process=os:web-1:nobody&metric=x',
    `/api/v1/query?process=${NGINX}&metric=no.such.metric`,
    '/api/v1/users/nobody',
    '/nothing.png',
  ])('%s is 404', async (path) => expectProblem(await get(path), 404))

  it('say which methods there are', async () => {
    const answer = await kit.request('/api/v1/overview', { method: 'DELETE' })
    expectProblem(answer, 405)
    expect(answer.headers.get('allow')).toBe('GET, HEAD')
  })

  it.each([
    ['invalid JSON', '{"tags":', {}, 400],
    ['a foreign field', { colour: 'red' }, {}, 400],
    ['nothing to change', {}, {}, 400],
    ['a wrong type', { tags: 'a,b' }, {}, 400],
    ['too large a body', { description: 'x'.repeat(2_000_000) }, {}, 413],
    ['another media type', { active: true }, { 'content-type': 'text/plain' }, 415],
  ])('of a body: %s', async (_, body, headers, status) => {
    expectProblem(await kit.request(`/api/v1/processes/${NGINX}`, { method: 'PATCH', body, headers }), status)
  })

  it('of a path that is not valid percent-encoding', async () => {
    expectProblem(await get('/api/v1/processes/%E0%A4%A'), 400)
  })
})

describe('sessions and accounts', () => {
  const signIn = (password: string, headers: Record<string, string> = {}) =>
    kit.request('/api/v1/sessions', { method: 'POST', token: null, body: { username: 'admin', password }, headers })

  it('are opened with a password, kept in a cookie, and closed', async () => {
    expectProblem(await signIn('wrong password'), 401)
    const opened = await signIn(ADMIN_PASSWORD)
    expect(opened.status).toBe(201)
    expect(opened.headers.get('set-cookie')).toMatch(
      /^driftline_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Expires=/,
    )
    const { token } = opened.body
    const cookie = { cookie: `driftline_session=${token}` }
    const current = await kit.request('/api/v1/sessions/current', { token: null, headers: cookie })
    expect(current.body.user).toMatchObject({ username: 'admin', role: 'admin', tenant: 'default' })
    const forged = { ...cookie, origin: 'https://evil.example' }
    expectProblem(await kit.request('/api/v1/sessions', { method: 'DELETE', token: null, headers: forged }), 403)
    const crossSite = { ...cookie, 'sec-fetch-site': 'cross-site' }
    expectProblem(await kit.request('/api/v1/sessions', { method: 'DELETE', token: null, headers: crossSite }), 403)
    const own = { ...cookie, origin: kit.url }
    const closed = await kit.request('/api/v1/sessions', { method: 'DELETE', token: null, headers: own })
    expect(closed.status).toBe(204)
    expect(closed.headers.get('set-cookie')).toMatch(/^driftline_session=;.*1970/)
    expectProblem(await get('/api/v1/sessions/current', token), 401)
  })

  it('of people are made, changed and removed', async () => {
    const body = { username: 'kim', password: 'a long password', role: 'viewer' }
    const made = await kit.request('/api/v1/users', { method: 'POST', body })
    expect(made.status).toBe(201)
    expectProblem(await kit.request('/api/v1/users', { method: 'POST', body }), 409)
    const path = `/api/v1/users/${made.body.id}`
    const promoted = await kit.request(path, { method: 'PATCH', body: { role: 'operator' } })
    expect(promoted.body).toMatchObject({ username: 'kim', role: 'operator', active: true })
    const signedIn = await kit.request('/api/v1/sessions', {
      method: 'POST',
      token: null,
      body: { username: 'kim', password: body.password },
    })
    const { token } = signedIn.body
    const change = (currentPassword: string) =>
      kit.request('/api/v1/sessions/current/password', {
        method: 'POST',
        token,
        body: { currentPassword, newPassword: 'another long password' },
      })
    expectProblem(await change('not this one'), 403)
    expect((await change(body.password)).status).toBe(204)
    expect((await get(path)).body.id).toBe(made.body.id)
    expect((await kit.request(path, { method: 'DELETE' })).status).toBe(204)
    expectProblem(await get('/api/v1/sessions/current', token), 401)
    expectProblem(await get(path), 404)
  })

  it('of machines are keys, shown once', async () => {
    const made = await kit.request('/api/v1/api-keys', { method: 'POST', body: { name: 'ci', role: 'viewer' } })
    expect(made.status).toBe(201)
    const { key, id } = made.body
    expect((await get('/api/v1/overview', key)).status).toBe(200)
    const list = await get('/api/v1/api-keys')
    expect(list.body.items[0]).toMatchObject({ id, name: 'ci', revokedAt: null })
    expect(list.text).not.toContain(key)
    expect((await kit.request(`/api/v1/api-keys/${id}`, { method: 'DELETE' })).status).toBe(204)
    expectProblem(await get('/api/v1/overview', key), 401)
  })
})

describe('lists', () => {
  it('are walked page by page', async () => {
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await get(`/api/v1/dead-letters?limit=2${cursor}`)
      seen.push(...page.body.items.map((each: { reason: string }) => each.reason))
      cursor = page.body.nextCursor === null ? '' : `&cursor=${page.body.nextCursor}`
    } while (cursor !== '')
    expect(seen).toHaveLength(5)
    expect(new Set(seen).size).toBe(5)
    const first = await get('/api/v1/processes?limit=1')
    const second = await get(`/api/v1/processes?limit=1&cursor=${first.body.nextCursor}`)
    expect(second.body).toMatchObject({ nextCursor: null, items: [{ processId: NGINX }] })
  })

  it('answer 304 when nothing changed', async () => {
    const first = await get('/api/v1/dead-letters')
    const etag = first.headers.get('etag') ?? ''
    const again = await kit.request('/api/v1/dead-letters', {
      headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
    })
    expect(again.status).toBe(304)
  })
})

describe('the agent for other hosts', () => {
  it('is given to a key that only sends, as a file', async () => {
    const answer = await kit.request('/api/v1/agent', { token: kit.access.ingest })
    expect(answer).toMatchObject({ status: 200, text: 'export {}\n' })
    expect(answer.headers.get('content-type')).toMatch(/^text\/javascript/)
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="driftline-agent.mjs"')
  })

  it('is missed in words where it was not built', async () => {
    rmSync(join(directory, 'agent.mjs'))
    expectProblem(await get('/api/v1/agent'), 404)
  })
})

describe('operations', () => {
  it('say whether it lives and is ready', async () => {
    expect((await get('/livez', null)).body).toEqual({ status: 'ok' })
    expect((await get('/readyz', null)).body).toEqual({ status: 'ok', failing: [] })
  })

  it('ask forwarded callers of /metrics for a key', async () => {
    expect((await get('/metrics', null)).status).toBe(200)
    const forwarded = { 'x-forwarded-for': '203.0.113.9' }
    expectProblem(await kit.request('/metrics', { token: null, headers: forwarded }), 401)
    expect((await kit.request('/metrics', { token: kit.access.viewer, headers: forwarded })).status).toBe(200)
  })

  it('send every answer with a strict policy', async () => {
    const { headers } = await get('/api/v1/overview')
    expect(headers.get('content-security-policy')).toContain("script-src 'self';")
    expect(headers.get('content-security-policy')).not.toContain('unsafe')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })
})
