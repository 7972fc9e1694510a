import { create } from '@bufbuild/protobuf'
import { toProgress } from '@driftline/checks/run-model'
import { type RunEvent, RunEventSchema, RunStatus, RunTrigger } from '@driftline/proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkFrame, flowsFrame } from '../schemas/live.ts'
import { eventually } from '../testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from '../testing/gateway-kit.ts'
import { type LiveClient, openLive } from '../testing/live-client.ts'
import { endedRun, evidenceRecord, runRecord } from '../testing/run-records.ts'

const FLOW = 'flow:invoice-to-cash'
const OTHER = 'flow:other'
const steps = ['Sign in', 'Find the invoice'].map((stepName) => ({
  stepName,
  checkType: 'rest',
  checkConfiguration: { url: 'http://127.0.0.1:9/' },
}))

let kit: GatewayKit
const clients: LiveClient[] = []

beforeAll(async () => {
  kit = await startGatewayKit()
  for (const name of ['Invoice to cash', 'Other']) await post('/api/v1/flows', { name, steps })
})
afterAll(async () => {
  for (const client of clients) client.close()
  await kit?.end()
})

const post = (path: string, body?: unknown) =>
  kit.request(path, { method: 'POST', ...(body === undefined ? {} : { body }) })
const ask = async (flow = FLOW): Promise<string> => {
  const asked = await post(`/api/v1/processes/${flow}/checks`)
  expect(asked.status).toBe(202)
  return asked.body.checkId
}
const read = async (id: string) => (await kit.request(`/api/v1/checks/${id}`)).body
const idsOf = async (path: string): Promise<string[]> => {
  const { status, body } = await kit.request(path)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.items.map(({ checkId }: { checkId: string }) => checkId)
}
async function open(token = kit.access.admin): Promise<LiveClient> {
  const client = await openLive(kit.url, { token })
  clients.push(client)
  return client
}

/** What the checker tells of a run, whose row is read for when it was asked for. */
async function tell(run: string, more: Partial<Omit<RunEvent, '$typeName'>>, process = FLOW): Promise<void> {
  const row = await kit.metadata.db.selectFrom('checks').selectAll().where('id', '=', run).executeTakeFirstOrThrow()
  const requestedMs = BigInt(row.requested_at.getTime())
  await kit.publish(
    runRecord({
      process,
      run,
      requestedMs,
      startMs: requestedMs + 10n,
      timeMs: requestedMs + 10n,
      status: RunStatus.RUNNING,
      currentStep: 1,
      ...more,
    }),
  )
}

const running = { number: 1, key: 'sign_in', name: 'Sign in', status: RunStatus.RUNNING, attempt: 1, attemptsMax: 4 }

describe('a check', () => {
  it('is readable at once, with the steps that wait', async () => {
    const id = await ask()
    expect(await read(id)).toMatchObject({
      checkId: id,
      processId: FLOW,
      processName: 'Invoice to cash',
      overallStatus: 'pending',
      initiatedBy: 'admin',
      trigger: 'button',
      startTime: null,
      endTime: null,
      executionTime: null,
      stepCount: 2,
      steps: [
        { stepNumber: 1, name: 'Sign in', status: 'pending', resultData: null, executionTime: null },
        { stepNumber: 2, status: 'pending', timestamp: null, errorMessage: null },
      ],
    })
    expect((await idsOf(`/api/v1/processes/${FLOW}/checks`))[0]).toBe(id)
    const flows = (await kit.request('/api/v1/flows')).body.items
    expect(flows[0].openRun).toMatchObject({ checkId: id, status: 'pending' })
    expect((await kit.request('/api/v1/checks/none')).status).toBe(404)
    expect((await kit.request(`/api/v1/checks/${id}`, { token: kit.access.stranger })).status).toBe(404)
  })

  it('is cancelled while it waits or runs, and not once it has ended', async () => {
    const id = await ask()
    const cancel = (check: string) => kit.request(`/api/v1/checks/${check}`, { method: 'DELETE' })
    expect((await cancel(id)).status).toBe(202)
    await tell(id, { revision: 1, status: RunStatus.CANCELLED, endMs: BigInt(Date.now()) })
    await eventually(
      () => read(id),
      (body) => expect(body.overallStatus).toBe('cancelled'),
    )
    expect((await cancel(id)).status).toBe(409)
    expect((await cancel('none')).status).toBe(404)
    const actions = (await kit.request('/api/v1/audit-log')).body.items.map(({ action }: { action: string }) => action)
    expect(actions).toEqual(expect.arrayContaining(['check.request', 'check.cancel']))
  })

  it('of which only the end of the story was heard is told whole by its progress', async () => {
    const id = await ask()
    const row = await kit.metadata.db.selectFrom('checks').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    const progress = create(RunEventSchema, {
      tenant: 'default',
      process: FLOW,
      run: id,
      revision: 5,
      status: RunStatus.RUNNING,
      trigger: RunTrigger.BUTTON,
      requestedMs: BigInt(row.requested_at.getTime()),
      startMs: BigInt(row.requested_at.getTime()),
      currentStep: 2,
      stepCount: 2,
      steps: [
        { ...running, status: RunStatus.SUCCESS },
        { ...running, number: 2, key: 'find', name: 'Find' },
      ],
      lines: [{ stepNumber: 1, text: 'the first line', level: 'info' }],
    })
    await kit.metadata.db
      .updateTable('checks')
      .set({ state: 'running', progress: toProgress(progress) })
      .where('id', '=', id)
      .execute()
    const second = { ...running, number: 2, key: 'find', name: 'Find', attempt: 2 }
    await tell(id, { revision: 6, currentStep: 2, steps: [second] as RunEvent['steps'] })
    await eventually(
      () => read(id),
      (body) =>
        expect(body).toMatchObject({
          steps: [{ status: 'success' }, { attempt: 2 }],
          lines: [{ text: 'the first line' }],
        }),
    )
    await tell(id, { revision: 7, status: RunStatus.INTERRUPTED, endMs: BigInt(Date.now()) })
  })
})

describe('the list of checks', () => {
  it('has what runs, what ended just now and what is stored, once each, page by page', async () => {
    const base = Date.now() - 3_600_000
    const stored = Array.from({ length: 25 }, (_, index) =>
      endedRun({ process: OTHER, run: `stored-${index}`, requestedMs: base + index * 1000 }),
    )
    // The newest of the stored ones are in memory, too; one has ended and is not stored yet.
    const fresh = endedRun({ process: OTHER, run: 'fresh', requestedMs: base + 30_000 }, { status: RunStatus.FAILED })
    await kit.keep(...stored)
    await kit.publish(...stored.slice(20), fresh)
    const waiting = await ask(OTHER)
    await eventually(
      () => idsOf(`/api/v1/processes/${OTHER}/checks?limit=3`),
      (ids) => expect(ids).toEqual([waiting, 'fresh', 'stored-24']),
    )
    const seen: string[] = []
    let cursor = ''
    do {
      const { body } = await kit.request(`/api/v1/processes/${OTHER}/checks?limit=7${cursor}`)
      seen.push(...body.items.map(({ checkId }: { checkId: string }) => checkId))
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
    } while (cursor !== '')
    expect(seen).toEqual([waiting, 'fresh', ...Array.from({ length: 25 }, (_, index) => `stored-${24 - index}`)])
  })

  it('is filtered and searched alike in memory and in the store', async () => {
    const of = (query: string) => idsOf(`/api/v1/checks?process=${OTHER}&${query}`)
    expect(await of('status=failed')).toEqual(['fresh'])
    expect(await of('status=failed,timeout&q=503')).toEqual(['fresh'])
    expect(await of('q=C-stored-7')).toEqual(['stored-7'])
    expect(await of('q=c-fresh')).toEqual(['fresh'])
    expect(await of('q=tored-1*&limit=20')).toHaveLength(11)
    expect(await of('q=expected+-fresh')).toEqual([])
    expect(await of('q=%22status+was+503%22')).toEqual(['fresh'])
    expect(await of('trigger=schedule')).toEqual([])
    expect((await kit.request('/api/v1/checks?status=nothing')).status).toBe(400)
    expect((await kit.request('/api/v1/checks', { token: kit.access.stranger })).body.items).toEqual([])
  })

  it('has a run whose end was told twice once, as it was told last', async () => {
    const requestedMs = Date.now() - 7_200_000
    const place = { process: OTHER, run: 'twice', requestedMs }
    await kit.keep(
      endedRun(place, { status: RunStatus.INTERRUPTED, revision: 4 }),
      endedRun(place, { status: RunStatus.SUCCESS, revision: 5 }),
    )
    expect(await idsOf(`/api/v1/checks?process=${OTHER}&status=interrupted`)).toEqual([])
    expect(await idsOf(`/api/v1/checks?process=${OTHER}&status=success&q=c-twice`)).toEqual(['twice'])
    expect((await idsOf(`/api/v1/checks?process=${OTHER}`)).filter((id) => id === 'twice')).toHaveLength(1)
    expect(await read('twice')).toMatchObject({ overallStatus: 'success', steps: [{}, {}] })
  })
})

describe('what a run came to', () => {
  it('is compared, drawn as a grid and as a trend, and held against normal', async () => {
    const compared = await kit.request('/api/v1/checks/compare?a=stored-1&b=fresh')
    expect(compared.body).toMatchObject({
      a: { checkId: 'stored-1' },
      b: { checkId: 'fresh', overallStatus: 'failed' },
      steps: [{ name: 'Sign in', differenceMs: 0, ratio: 1, normal: { median: 40 } }, { b: { status: 'failed' } }],
    })
    const { runs } = (await kit.request(`/api/v1/flows/${OTHER}/grid?runs=5`)).body
    expect(runs.map(({ checkId }: { checkId: string }) => checkId).slice(0, 4)).toEqual([
      'stored-22',
      'stored-23',
      'stored-24',
      'fresh',
    ])
    expect(runs[1].steps).toEqual([
      { status: 'success', executionTime: 40, overNormal: false },
      { status: 'success', executionTime: 60, overNormal: false },
    ])
    const trend = (await kit.request(`/api/v1/flows/${OTHER}/trend?step=3600`)).body
    const sum = (points: { runs: number }[]) => points.reduce((total, { runs: count }) => total + count, 0)
    expect(sum(trend.total)).toBe(26)
    expect(trend.steps.map(({ stepNumber }: { stepNumber: number }) => stepNumber)).toEqual([1, 2])
    expect(trend.total[0]).toMatchObject({ p50: 100 })
    const { items } = (await kit.request(`/api/v1/flows/${OTHER}/steps`)).body
    expect(items[0]).toMatchObject({ stepNumber: 1, normal: { median: 40, count: 26 }, score: 0 })
    expect(items[0].drift.values).toHaveLength(60)
    expect((await kit.request(`/api/v1/flows/${OTHER}/trend?step=1&from=0`)).status).toBe(400)
  })

  it('shows bodies to those who may see them only', async () => {
    const place = { process: OTHER, run: 'seen', requestedMs: Date.now() - 100_000 }
    await kit.keep(
      endedRun(place, { status: RunStatus.FAILED }),
      evidenceRecord({ ...place, text: '<h1>Down for maintenance</h1>' }),
    )
    const message = 'status was 503, expected 200'
    expect((await read('seen')).steps[1].errorMessage).toBe(`${message}; body starts <h1>Down for maintenance</h1>`)
    const asViewer = await kit.request('/api/v1/checks/seen', { token: kit.access.viewer })
    expect(asViewer.body.steps[1].errorMessage).toBe(message)
    const path = '/api/v1/checks/seen/steps/2/evidence'
    expect((await kit.request(path)).body).toEqual([
      { attempt: 1, kind: 'body', mediaType: 'text/html', text: '<h1>Down for maintenance</h1>' },
    ])
    expect((await kit.request(path, { token: kit.access.viewer })).status).toBe(403)
    expect((await kit.request(path, { token: kit.access.stranger })).status).toBe(404)
  })
})

describe('the live channels', () => {
  it('follow a check from waiting to its end, with what changed only', async () => {
    const id = await ask()
    const [one, two] = [await open(), await open(kit.access.viewer)]
    one.send({ subscribe: [`check:${id}`] })
    const first = await one.next((message) => message.snapshot)
    expect(checkFrame.safeParse(first).error).toBeUndefined()
    expect(first.snapshot).toMatchObject({ checkId: id, overallStatus: 'pending', steps: [{}, {}] })
    const lines = [{ stepNumber: 1, attempt: 1, text: 'GET /', level: 'info' }] as RunEvent['lines']
    await tell(id, { revision: 1, steps: [running] as RunEvent['steps'], lines })
    const began = await one.next((message) => message.changes)
    expect(checkFrame.safeParse(began).error).toBeUndefined()
    expect(began.changes).toMatchObject({
      check: { overallStatus: 'running', currentStep: 1 },
      steps: [{ stepNumber: 1, status: 'running' }],
      lines: [{ text: 'GET /' }],
    })
    // Who comes later is shown the same, then told the same.
    two.send({ subscribe: [`check:${id}`] })
    const later = await two.next((message) => message.snapshot)
    expect(later.snapshot).toMatchObject({ overallStatus: 'running', steps: [{ status: 'running' }, {}] })
    expect(later.seq).toBe(began.seq)
    const done = { ...running, status: RunStatus.SUCCESS, endMs: BigInt(Date.now()), startMs: 1n, executionTime: 0.02 }
    await tell(id, { revision: 2, steps: [done] as RunEvent['steps'] })
    for (const client of [one, two]) {
      const next = await client.next((message) => message.changes)
      expect(next.changes).toMatchObject({ steps: [{ stepNumber: 1, status: 'success', executionTime: 20 }] })
      expect(next.changes.check).toBeUndefined()
      expect(next.changes.lines).toBeUndefined()
      expect(next.seq).toBe(began.seq + 1)
    }
  })

  it('refuse what nobody knows, also to other tenants', async () => {
    const id = await ask()
    const stranger = await open(kit.access.stranger)
    stranger.send({ subscribe: [`check:${id}`, 'flows'] })
    const refused = await stranger.next((message) => message.error)
    expect(refused).toMatchObject({ channel: `check:${id}`, error: { status: 404 } })
  })

  it('tell of flows when their runs begin and end', async () => {
    const client = await open()
    client.send({ subscribe: ['flows'] })
    const first = await client.next((message) => message.snapshot)
    expect(flowsFrame.safeParse(first).error).toBeUndefined()
    expect(first.snapshot.items.map((each: { id: string }) => each.id).sort()).toEqual([FLOW, OTHER])
    const id = await ask(OTHER)
    await tell(id, { revision: 1 }, OTHER)
    const began = await client.next((message) => message.changes?.items[0]?.openRun?.checkId === id)
    expect(flowsFrame.safeParse(began).error).toBeUndefined()
    const end = { revision: 2, status: RunStatus.SUCCESS, endMs: BigInt(Date.now() + 10), executionTime: 0.01 }
    await tell(id, end, OTHER)
    const ended = await client.next((message) => message.changes?.items[0]?.lastRun?.checkId === id)
    expect(ended.changes.items[0]).toMatchObject({ id: OTHER, openRun: null, lastRun: { status: 'success' } })
  })
})
