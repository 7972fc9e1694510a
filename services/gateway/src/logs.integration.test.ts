import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { logTailFrame } from './schemas/live.ts'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { openLive } from './testing/live-client.ts'
import { logRecord, patternRecord, type TestLine } from './testing/log-records.ts'

const SHOP = 'log:shop'
const now = Date.now()
const at = (secondsAgo: number): number => now - secondsAgo * 1000

/** From the oldest to the newest. */
const lines: TestLine[] = [
  { timeMs: at(1800), body: 'GET /old HTTP/1.1 200', pattern: 1n, origin: '/var/log/old.log' },
  {
    timeMs: at(600),
    body: 'GET /checkout HTTP/1.1 500 upstream timed out',
    severity: 17,
    pattern: 2n,
    attributes: { 'http.response.status_code': 500, 'url.path': '/checkout', 'log.duration': 1.5, ok: false },
  },
  {
    timeMs: at(500),
    body: 'GET /checkout HTTP/1.1 200',
    pattern: 1n,
    attributes: { 'http.response.status_code': 200, 'url.path': '/checkout', 'log.duration': 0.25, ok: true },
  },
  { timeMs: at(400), body: '{"msg":"Payment déclined","order":{"id":77,"total":120500.5},"tags":["a"]}', severity: 13 },
  { timeMs: at(300), body: 'Ünïcode 100%_done', severity: 0, pattern: 0xffffffffffffffffn },
  // Three of one moment: their order is that of the file.
  { timeMs: at(200), body: 'first of three', pattern: 3n },
  { timeMs: at(200), body: 'second of three', pattern: 3n },
  { timeMs: at(200), body: 'third of three', pattern: 3n },
]

let kit: GatewayKit

beforeAll(async () => {
  kit = await startGatewayKit()
  await kit.keep(
    logRecord(lines, { process: SHOP }),
    logRecord([{ timeMs: at(100), body: 'of the related log' }], { process: 'log:nginx', source: 'source-2' }),
    logRecord([{ timeMs: at(90), body: 'GET /secret of others' }], { process: SHOP, tenant: 'other' }),
    patternRecord({ id: 1n, template: 'GET <*> HTTP/1.1 <*>', firstSeenMs: at(90_000) }, { process: SHOP }),
    patternRecord({ id: 3n, template: '<*> of three', firstSeenMs: at(200), severity: 17 }, { process: SHOP }),
    patternRecord({ id: 2n, template: 'learnt <*>', firstSeenMs: at(600), learning: true }, { process: SHOP }),
  )
})
afterAll(() => kit?.end())

const bodies = async (query: string): Promise<string[]> => {
  const answer = await kit.request(`/api/v1/logs?process=${SHOP}&${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.body.items.map(({ body }: { body: string }) => body)
}
const PLAIN = lines.map(({ body }) => body).reverse()
const has = (...texts: string[]): string[] => PLAIN.filter((body) => texts.some((text) => body.includes(text)))

describe('searching lines', () => {
  it.each<[string, string[]]>([
    ['', PLAIN],
    ['q=checkout', has('/checkout')],
    ['q=CHECKOUT', has('/checkout')],
    ['q=check', []],
    ['q=check*', has('/checkout')],
    ['q=checkout -timed', has('/checkout HTTP/1.1 200')],
    ['q="timed out"', has('timed out')],
    ['q="out timed"', []],
    ['q=-"timed out" checkout', has('/checkout HTTP/1.1 200')],
    ['q=/checkout', has('/checkout')],
    ['q=HTTP/1.1', has('HTTP/1.1')],
    ['q=déclined', has('Payment')],
    ['q=ünïcode', has('Ünïcode')],
    ['q=ÜNÏCODE', has('Ünïcode')],
    ['q=100%_done', has('100%')],
    ['q=100%*', has('100%')],
    ['q=1%0*', []],
    ['q=nothere', []],
    ['severity=error', has('timed out')],
    ['severity=warn%2B', has('timed out', 'Payment')],
    ['severity=none,17', has('timed out', 'Ünïcode')],
    ['pattern=0000000000000003', has('of three')],
    ['pattern=ffffffffffffffff', has('Ünïcode')],
    ['field.http.response.status_code=500', has('timed out')],
    ['field[http.response.status_code]=500', has('timed out')],
    ['field.http.response.status_code=500.0', has('timed out')],
    ['field.http.response.status_code=!500', has('/checkout HTTP/1.1 200')],
    ['field.http.response.status_code=*', has('/checkout')],
    ['field.log.duration=>=0.25&field.log.duration=<1', has('/checkout HTTP/1.1 200')],
    ['field.log.duration=>1', has('timed out')],
    ['field.url.path=/checkout&field.ok=true', has('/checkout HTTP/1.1 200')],
    ['field.url.path=~CHECK', has('/checkout')],
    ['field.order.id=77', has('Payment')],
    ['field.order.total=>1e5', has('Payment')],
    ['field.msg=Payment d%C3%A9clined', has('Payment')],
    ['field.constructor=1', []],
    ['origin=/var/log/old.log', has('/old')],
    ['source=source-2', []],
    [`from=${at(550)}&to=${at(450)}`, has('/checkout HTTP/1.1 200')],
    ["q=') OR 1=1 --", []],
  ])('%s', async (query, expected) => {
    expect(await bodies(query)).toEqual(expected)
  })

  it.each([
    ['severity=loud', 'severity'],
    ['severity=99', 'severity'],
    ['pattern=xyz', 'pattern'],
    [`from=${now}&to=${now - 1000}`, 'from'],
    ['field.a=>b', 'field.a'],
    ['feild.a=1', 'feild.a'],
    ['field.__proto__=1', 'field.__proto__'],
    ['cursor=abc', 'cursor'],
    [`q=${'a '.repeat(30)}`, 'q'],
    ['limit=0', 'limit'],
    ['from=1970-01-01T00:00:00Z', 'from'],
  ])('refuses %s', async (query, parameter) => {
    const answer = await kit.request(`/api/v1/logs?${query}`)
    expect(answer.status).toBe(400)
    expect(answer.body.errors[0].parameter).toBe(parameter)
  })

  it('pages through all of them without a gap, newest first', async () => {
    const seen: string[] = []
    let cursor = ''
    for (let page = 0; page < 20 && cursor !== null; page++) {
      const answer = await kit.request(`/api/v1/logs?process=${SHOP}&limit=3${cursor && `&cursor=${cursor}`}`)
      seen.push(...answer.body.items.map(({ body }: { body: string }) => body))
      cursor = answer.body.nextCursor
    }
    expect(seen).toEqual(PLAIN)
  })

  it('tells what was read of a line', async () => {
    const { items } = (await kit.request(`/api/v1/logs?process=${SHOP}&q=payment`)).body
    expect(items[0]).toMatchObject({
      processId: SHOP,
      severity: 13,
      level: 'warn',
      fields: { msg: 'Payment déclined', 'order.id': 77, 'order.total': 120500.5, tags: '["a"]' },
      pattern: null,
      origin: '/var/log/a.log',
      source: 'source-1',
      truncated: false,
    })
  })

  it('keeps tenants apart, also in what all processes have', async () => {
    const mine = await kit.request('/api/v1/logs?q=secret')
    expect(mine.body).toMatchObject({ items: [], processes: null })
    const theirs = await kit.request('/api/v1/logs', { token: kit.access.stranger })
    expect(theirs.body.items).toHaveLength(1)
  })

  it('is refused to a key that only sends', async () => {
    expect((await kit.request('/api/v1/logs', { token: kit.access.ingest })).status).toBe(403)
    expect((await kit.request('/api/v1/logs', { token: kit.access.viewer })).status).toBe(200)
  })
})

describe('around lines', () => {
  it('shows what came before and after in the same file', async () => {
    const { items } = (await kit.request(`/api/v1/logs?process=${SHOP}&q=second`)).body
    const answer = await kit.request(`/api/v1/logs/${items[0].id}/context?before=2&after=5`)
    expect(answer.body.before.map(({ body }: { body: string }) => body)).toEqual([
      'Ünïcode 100%_done',
      'first of three',
    ])
    expect(answer.body.line.body).toBe('second of three')
    expect(answer.body.after.map(({ body }: { body: string }) => body)).toEqual(['third of three'])
    const foreign = await kit.request(`/api/v1/logs/${items[0].id}/context`, { token: kit.access.stranger })
    expect(foreign.status).toBe(404)
    expect((await kit.request('/api/v1/logs/nothing/context')).status).toBe(404)
  })

  it('counts lines by interval and level', async () => {
    const { body } = await kit.request(
      `/api/v1/logs/histogram?process=${SHOP}&from=${at(700)}&to=${at(0)}&step=100s&field.log.duration=*`,
    )
    expect(body.total).toBe(2)
    expect(body.levels.map(({ level, total }: { level: string; total: number }) => [level, total])).toEqual([
      ['info', 1],
      ['error', 1],
    ])
    expect(body.levels[0].counts).toHaveLength(body.times.length)
    const { body: whole } = await kit.request(`/api/v1/logs/histogram?process=${SHOP}`)
    expect(whole.total).toBe(lines.length)
    expect((await kit.request('/api/v1/logs/histogram?step=1s&from=0&to=100000000000')).status).toBe(400)
  })

  it('lists fields with their most frequent values', async () => {
    const { body } = await kit.request(`/api/v1/logs/fields?process=${SHOP}&values=1`)
    expect(body.sampled).toBe(lines.length)
    const path = body.fields.find(({ name }: { name: string }) => name === 'url.path')
    expect(path).toEqual({
      name: 'url.path',
      type: 'text',
      count: 2,
      distinct: 1,
      min: null,
      max: null,
      values: [{ value: '/checkout', count: 2 }],
    })
    const duration = body.fields.find(({ name }: { name: string }) => name === 'log.duration')
    expect(duration).toMatchObject({ type: 'number', min: 0.25, max: 1.5, distinct: 2 })
  })

  it('says which templates are new, rising or gone', async () => {
    const { body } = await kit.request(`/api/v1/logs/patterns?process=${SHOP}&from=${at(900)}&to=${now}`)
    expect(body.total).toBe(7)
    expect(body.items.map((each: { id: string }) => each.id)).toEqual([
      '0000000000000003',
      '0000000000000001',
      '0000000000000002',
    ])
    expect(body.items[0]).toMatchObject({ isNew: true, trend: 'new', count: 3, before: 0, level: 'error' })
    expect(body.items[1]).toMatchObject({ isNew: false, trend: 'steady', count: 1, before: 1 })
    expect(body.items[2]).toMatchObject({ isNew: false, count: 1 })
    expect(body.items[0].counts.reduce((a: number, b: number) => a + b)).toBe(3)
    const { body: found } = await kit.request(`/api/v1/logs/patterns?process=${SHOP}&q=THREE`)
    expect(found.items).toHaveLength(1)
  })
})

describe('lines as they come', () => {
  const PLACE = { process: 'log:tail' }
  const line = (body: string): TestLine => ({ timeMs: Date.now(), body, severity: 17 })

  it('are pushed to those who follow, of their tenant and process only', async () => {
    const live = await openLive(kit.url, { token: kit.access.viewer })
    live.send({ subscribe: ['logs:log:tail'] })
    expect((await live.next((message) => message.snapshot)).snapshot).toEqual({ processes: ['log:tail'] })
    const seen: { body: string }[] = []
    // The tail begins a moment after the subscription; lines before it are for the search.
    await eventually(
      async () => {
        await kit.publish(
          logRecord([line('of others')], { ...PLACE, tenant: 'other' }),
          logRecord([line('of another log')], { process: 'log:other' }),
          logRecord([line('first'), line('second')], PLACE),
        )
        const frame = await live.next((message) => message.changes)
        expect(logTailFrame.safeParse(frame).error?.issues ?? []).toEqual([])
        seen.push(...frame.changes.lines)
      },
      () => expect(seen.length).toBeGreaterThan(0),
    )
    expect(seen.slice(0, 2)).toMatchObject([
      { body: 'first', level: 'error', processId: 'log:tail' },
      { body: 'second', level: 'error' },
    ])
    expect(new Set(seen.map(({ body }) => body))).toEqual(new Set(['first', 'second']))
    live.close()
  })

  it('are the newest ones when there are more than anybody reads, and the rest is counted', async () => {
    const live = await openLive(kit.url, { token: kit.access.viewer })
    live.send({ subscribe: ['logs:log:flood'] })
    await live.next((message) => message.snapshot)
    const many = Array.from({ length: 1000 }, (_, index) => line(`line ${index}`))
    const flood = logRecord(many, { process: 'log:flood' })
    let changes: { lines: { body: string; id: string }[]; dropped: number } | undefined
    await eventually(
      async () => {
        await kit.publish(flood)
        changes = (await live.next((message) => message.changes)).changes
      },
      () => expect(changes).toBeDefined(),
    )
    expect(changes?.lines).toHaveLength(200)
    expect(changes?.lines.at(-1)?.body).toBe('line 999')
    expect((changes?.dropped ?? 0) % 1000).toBe(800)
    live.close()
    await kit.keep(flood)
    const path = `/api/v1/logs/${changes?.lines.at(-1)?.id}/context?before=1&after=0`
    const context = await kit.request(path)
    expect(context.body.line.body).toBe('line 999')
    expect(context.body.before[0].body).toBe('line 998')
  })
})

describe('logs that belong to a process', () => {
  it('are found under it, and the process says which they are', async () => {
    const definition = { paths: ['/var/log/nginx/*.log'], relatedProcess: 'os:web-1:nginx' }
    const body = { kind: 'file', name: 'nginx', definition }
    expect((await kit.request('/api/v1/sources', { method: 'POST', body })).status).toBe(201)
    await eventually(
      async () => (await kit.request('/api/v1/logs?process=os:web-1:nginx')).body,
      (found) => {
        expect(found.processes).toEqual(['os:web-1:nginx', 'log:nginx'])
        expect(found.items).toMatchObject([{ body: 'of the related log', processId: 'log:nginx' }])
      },
    )
  })
})
