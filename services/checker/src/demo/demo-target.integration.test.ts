import { createLogger } from '@driftline/platform/logger'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDemoTarget } from './demo-target.ts'

const target = createDemoTarget({ port: 0 }, { logger: createLogger('fatal') })
beforeAll(() => target.start())
afterAll(() => target.stop())

const get = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${target.url()}${path}`, { redirect: 'manual', ...init })

async function post(path: string, value: unknown, token = ''): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) }
  return get(path, { method: 'POST', headers, body: JSON.stringify(value) })
}

async function signIn(): Promise<string> {
  const answer = await post('/api/session', { username: 'demo', password: 'demo' })
  return ((await answer.json()) as { token: string }).token
}

describe('pages', () => {
  test('link to each other, and one link is broken', async () => {
    const seen = new Map<string, number>()
    const queue = ['/']
    while (queue.length > 0) {
      const path = queue.pop()!
      if (seen.has(path)) continue
      const answer = await get(path)
      seen.set(path, answer.status)
      for (const [, link] of (await answer.text()).matchAll(/href="(\/[^"]*)"/g)) queue.push(link!)
    }
    expect(seen.size).toBeGreaterThan(30)
    expect([...seen].filter(([, status]) => status >= 400)).toEqual([['/terms', 404]])
    expect(seen.get('/account')).toBe(302)
  })

  test('let people in who have the form, its cookie and the password', async () => {
    const form = async (): Promise<{ csrf: string; cookie: string }> => {
      const answer = await get('/login')
      const csrf = /name="csrf" value="([^"]+)"/.exec(await answer.text())![1]!
      return { csrf, cookie: answer.headers.getSetCookie()[0]!.split(';')[0]! }
    }
    const enter = async (fields: Record<string, string>, cookie: string): Promise<Response> =>
      get('/login', { method: 'POST', headers: { cookie }, body: new URLSearchParams(fields) })
    const login = { username: 'demo', password: 'demo' }
    const first = await form()
    expect((await enter({ ...login, csrf: first.csrf }, '')).status).toBe(403)
    expect((await enter({ ...login, csrf: 'made up' }, first.cookie)).status).toBe(403)
    const second = await form()
    expect((await enter({ ...login, password: 'wrong', csrf: second.csrf }, second.cookie)).status).toBe(401)
    const third = await form()
    const entered = await enter({ ...login, csrf: third.csrf }, third.cookie)
    expect([entered.status, entered.headers.get('location')]).toEqual([303, '/account'])
    const cookie = entered.headers.getSetCookie()[0]!.split(';')[0]!
    const account = await get('/account', { headers: { cookie } })
    expect(await account.text()).toContain('Signed in as demo')
    await get('/logout', { method: 'POST', headers: { cookie } })
    expect((await get('/account', { headers: { cookie } })).status).toBe(302)
  })
})

describe('the API', () => {
  test('is for those who signed in', async () => {
    expect((await get('/api/orders')).status).toBe(401)
    expect((await post('/api/session', { username: 'demo', password: 'x' })).status).toBe(401)
    expect((await get('/api/orders', { headers: { authorization: 'Bearer made-up' } })).status).toBe(401)
  })

  test('leads from an order to its entry in the journal, which is made once', async () => {
    const token = await signIn()
    const headers = { authorization: `Bearer ${token}` }
    const list = (await (await get('/api/orders?status=open&limit=1', { headers })).json()) as {
      items: { id: string }[]
      total: number
    }
    expect(list).toMatchObject({ items: [{ id: 'O-1001', status: 'open' }], total: 8 })
    const issued = await post('/api/invoices', { order: 'O-1001' }, token)
    const invoice = (await issued.json()) as { id: string; amount: number }
    expect([issued.status, invoice.id]).toEqual([201, 'I-1001'])
    const wrong = await post('/api/journal', { invoice: 'I-1001', amount: 1, reference: 'run-1' }, token)
    expect([wrong.status, await wrong.text()]).toEqual([
      422,
      expect.stringContaining(`amount must be ${invoice.amount}`),
    ])
    const body = { invoice: 'I-1001', amount: String(invoice.amount), reference: 'run-1' }
    const posted = await post('/api/journal', body, token)
    const { entry } = (await posted.json()) as { entry: string }
    expect(posted.status).toBe(201)
    const again = await post('/api/journal', body, token)
    expect([again.status, await again.json()]).toEqual([200, expect.objectContaining({ entry })])
    const kept = await get(`/api/journal/${entry}`, { headers })
    expect(await kept.json()).toMatchObject({ status: 'posted', reference: 'run-1' })
  })

  test.each<[string, string, object, object]>([
    [
      'one order with its customer',
      'query One($id: ID!) { order(id: $id) { id customer { name } invoice { id } } }',
      { id: 'O-1003' },
      { data: { order: { id: 'O-1003', customer: { name: 'Lindqvist Optics' }, invoice: { id: 'I-1003' } } } },
    ],
    [
      'an alias',
      '{ first: order(id: "O-1001") { __typename status } }',
      {},
      { data: { first: { __typename: 'Order', status: 'open' } } },
    ],
    [
      'a list',
      '{ orders(status: "open", first: 2) { id } }',
      {},
      { data: { orders: [{ id: 'O-1001' }, { id: 'O-1004' }] } },
    ],
    ['nothing', '{ order(id: "O-1") { id } }', {}, { data: { order: null } }],
    [
      'an unknown field',
      '{ order(id: "O-1001") { colour } }',
      {},
      { errors: [{ message: 'Cannot query field "colour" on type "Order"' }] },
    ],
    [
      'no fields of an object',
      '{ order(id: "O-1001") }',
      {},
      { errors: [{ message: 'Field "order" of type "Query" must have a selection of subfields' }] },
    ],
    ['a mutation', 'mutation { order }', {}, { errors: [{ message: 'There is no mutation here, only queries' }] }],
    [
      'half a query',
      '{ order(id: "O-1001") { id',
      {},
      { errors: [{ message: 'Syntax error: unexpected end of the query' }] },
    ],
    [
      'a variable without a value',
      '{ order(id: $id) { id } }',
      {},
      { errors: [{ message: 'Variable "$id" has no value' }] },
    ],
  ])('answers GraphQL: %s', async (_, query, variables, expected) => {
    const answer = await post('/graphql', { query, variables })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject(expected)
  })
})

describe('trouble that is asked for', () => {
  test('fails and delays, within bounds', async () => {
    expect((await get('/orders?status=503')).status).toBe(503)
    expect((await get('/orders?status=9999')).status).toBe(599)
    expect((await get('/api/orders?status=open')).status).toBe(401)
    const beganMs = performance.now()
    expect((await get('/about?delayMs=150')).status).toBe(200)
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(149)
  })

  test.each<[string, string, RequestInit, number]>([
    ['an address that is none', '/nowhere', {}, 404],
    ['another method', '/orders', { method: 'DELETE' }, 405],
    ['no JSON', '/api/session', { method: 'POST', body: '{' }, 400],
    ['a list for an object', '/graphql', { method: 'POST', body: '[1]' }, 400],
    ['a long body', '/graphql', { method: 'POST', body: 'x'.repeat(70_000) }, 413],
  ])('refuses %s', async (_, path, init, status) => {
    expect((await get(path, init)).status).toBe(status)
  })

  test('stops while an answer is delayed', async () => {
    const other = createDemoTarget({ port: 0 }, { logger: createLogger('fatal') })
    await other.start()
    const answer = fetch(`${other.url()}/?delayMs=60000`).then(
      () => 'answered',
      () => 'cut off',
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    await other.stop()
    expect(await answer).toBe('cut off')
  })
})
