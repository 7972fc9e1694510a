import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from '../testing/gateway-kit.ts'
import { endedRun } from '../testing/run-records.ts'

const FLOW = 'flow:invoice-to-cash'
const step = (stepName: string, more: Record<string, unknown> = {}) => ({
  stepName,
  checkType: 'api_call',
  checkConfiguration: { url: 'http://127.0.0.1:9/customers' },
  ...more,
})
const definition = {
  name: 'Invoice to cash',
  category: 'Finance',
  description: 'From the invoice to the money',
  owner: 'Accounting',
  tags: ['money'],
  steps: [step('Sign in'), step('Find the invoice')],
}

let kit: GatewayKit

beforeAll(async () => {
  kit = await startGatewayKit()
})
afterAll(() => kit?.end())

const post = (path: string, body?: unknown, token?: string) =>
  kit.request(path, {
    method: 'POST',
    ...(body === undefined ? {} : { body }),
    ...(token === undefined ? {} : { token }),
  })

describe('the definition of a flow', () => {
  it('is made with aliases, read, changed and told apart by version', async () => {
    const made = await post('/api/v1/flows', definition)
    expect(made).toMatchObject({ status: 201, body: { id: FLOW, version: 1 } })
    expect((await post('/api/v1/flows', definition)).status).toBe(409)
    const read = await kit.request(`/api/v1/flows/${FLOW}`)
    expect(read.body).toMatchObject({ ...definition, steps: [{ checkType: 'rest' }, {}], updatedBy: 'admin' })
    const changed = await kit.request(`/api/v1/flows/${FLOW}`, {
      method: 'PUT',
      body: { ...read.body, description: 'Changed' },
    })
    expect(changed).toMatchObject({ status: 200, body: { version: 2, description: 'Changed' } })
    const late = await kit.request(`/api/v1/flows/${FLOW}`, { method: 'PUT', body: { ...definition, version: 1 } })
    expect(late.status).toBe(409)
    const versions = await kit.request(`/api/v1/flows/${FLOW}/versions`)
    expect(versions.body.items).toMatchObject([{ version: 2, createdBy: 'admin' }, { version: 1 }])
    const restored = await post(`/api/v1/flows/${FLOW}/versions/1/restore`)
    expect(restored.body).toMatchObject({ version: 3, description: definition.description })
  })

  it('is refused with all that is wrong with it', async () => {
    const refused = await post('/api/v1/flows', {
      name: 'Wrong',
      steps: [step('a', { checkType: 'nothing' })],
      more: 1,
    })
    expect(refused.status).toBe(400)
    expect(refused.body.errors.map(({ parameter }: { parameter: string }) => parameter)).toEqual(
      expect.arrayContaining(['steps.0.checkType', 'more']),
    )
    const draft = await post('/api/v1/flows/validate', { yaml: 'name: A\nsteps:\n  - stepName: x\n' })
    expect(draft.body).toMatchObject({ ok: false, definition: null })
    expect(draft.body.problems[0].line).toBeGreaterThan(0)
  })

  it('goes out as YAML and comes in again', async () => {
    const yaml = await kit.request(`/api/v1/flows/${FLOW}/yaml`)
    expect(yaml.headers.get('content-type')).toContain('text/yaml')
    const other = yaml.text.replace('Invoice to cash', 'Order to cash')
    expect((await post('/api/v1/flows/import', { yaml: other })).body).toEqual({
      created: ['flow:order-to-cash'],
      updated: [],
    })
    expect((await post('/api/v1/flows/import', { yaml: other })).status).toBe(409)
    const again = await post('/api/v1/flows/import', { yaml: other, replace: true })
    expect(again.body).toEqual({ created: [], updated: ['flow:order-to-cash'] })
    expect((await post('/api/v1/flows/import', { yaml: 'a: [' })).status).toBe(400)
  })

  it('is cloned, and taken from the gallery under a free name', async () => {
    const cloned = await post(`/api/v1/flows/${FLOW}/clone`, { name: 'Another' })
    expect(cloned).toMatchObject({ status: 201, body: { id: 'flow:another' } })
    const { items } = (await kit.request('/api/v1/flow-gallery')).body
    const first = await post(`/api/v1/flow-gallery/${items[0].id}`)
    const second = await post(`/api/v1/flow-gallery/${items[0].id}`)
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.body.id).not.toBe(first.body.id)
    const types = (await kit.request('/api/v1/check-types')).body.items
    expect(types.map(({ name }: { name: string }) => name)).toContain('rest')
  })

  it('is for those who may: viewers read, nobody sees those of another tenant', async () => {
    const { viewer, operator, stranger } = kit.access
    expect((await post('/api/v1/flows', { ...definition, name: 'No' }, viewer)).status).toBe(403)
    expect((await post('/api/v1/flows', { ...definition, name: 'Yes' }, operator)).status).toBe(201)
    expect((await post(`/api/v1/processes/${FLOW}/checks`, undefined, viewer)).status).toBe(403)
    expect((await kit.request(`/api/v1/flows/${FLOW}`, { token: viewer })).status).toBe(200)
    expect((await kit.request(`/api/v1/flows/${FLOW}`, { token: stranger })).status).toBe(404)
    expect((await kit.request('/api/v1/flows', { token: stranger })).body.items).toEqual([])
    expect((await post(`/api/v1/processes/${FLOW}/checks`, undefined, stranger)).status).toBe(404)
    expect((await kit.request(`/api/v1/processes/${FLOW}/checks`, { token: stranger })).status).toBe(404)
  })
})

describe('a flow in the estate', () => {
  it('is a process from its definition on', async () => {
    const { body } = await kit.request(`/api/v1/processes/${FLOW}`)
    expect(body).toMatchObject({
      processId: FLOW,
      kind: 'flow',
      name: 'Invoice to cash',
      category: 'Finance',
      tags: ['money'],
      owner: 'Accounting',
      status: 'learning',
      active: true,
    })
    const overview = await kit.request('/api/v1/overview')
    expect(overview.body.processes.map((each: { processId: string }) => each.processId)).toContain(FLOW)
    const found = await kit.request('/api/v1/processes?kind=flow&category=Finance&q=accounting')
    expect(found.body.items.map((each: { processId: string }) => each.processId)).toContain(FLOW)
  })

  it('is changed in its definition when it is changed as a process', async () => {
    const patched = await kit.request(`/api/v1/processes/${FLOW}`, {
      method: 'PATCH',
      body: { category: 'Sales', tags: ['a', 'b'] },
    })
    expect(patched.body).toMatchObject({ category: 'Sales', tags: ['a', 'b'] })
    expect((await kit.request(`/api/v1/flows/${FLOW}`)).body).toMatchObject({ category: 'Sales', tags: ['a', 'b'] })
    await kit.request(`/api/v1/flows/${FLOW}`, { method: 'PUT', body: definition })
    expect((await kit.request(`/api/v1/processes/${FLOW}`)).body.category).toBe('Finance')
  })

  it('is there with its last run after a restart, and is as that went', async () => {
    const requestedMs = Date.now() - 60_000
    await kit.keep(
      endedRun({ process: FLOW, run: 'earlier', requestedMs: requestedMs - 1000 }),
      endedRun({ process: FLOW, run: 'last', requestedMs }, { status: 4 }),
    )
    await kit.restart()
    const { items } = (await kit.request('/api/v1/flows?q=accounting&category=Finance')).body
    const flow = items.find(({ id }: { id: string }) => id === FLOW)
    expect(flow).toMatchObject({
      health: 'critical',
      lastRun: { checkId: 'last', status: 'failed', executionTime: 100 },
      openRun: null,
      stepCount: 2,
      successRate: 0.5,
      medianTime: 100,
    })
    expect((await kit.request(`/api/v1/processes/${FLOW}`)).body).toMatchObject({
      status: 'critical',
      reason: 'status was 503, expected 200',
    })
  })

  it('keeps its history when it is removed, and leaves the overview', async () => {
    expect((await kit.request(`/api/v1/flows/${FLOW}`, { method: 'DELETE' })).status).toBe(204)
    expect((await kit.request(`/api/v1/flows/${FLOW}`)).status).toBe(404)
    expect((await kit.request('/api/v1/checks/last')).body).toMatchObject({ overallStatus: 'failed' })
    const history = await kit.request(`/api/v1/processes/${FLOW}/checks`)
    expect(history.body.items).toHaveLength(2)
    await eventually(
      () => kit.request('/api/v1/overview'),
      ({ body }) => expect(body.processes.map((each: { processId: string }) => each.processId)).not.toContain(FLOW),
    )
    expect((await post('/api/v1/flows', definition)).status).toBe(201)
    expect((await kit.request(`/api/v1/processes/${FLOW}`)).body).toMatchObject({
      active: true,
      name: 'Invoice to cash',
    })
  })
})
