import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { networkPolicy } from '@driftline/checks/network-policy'
import { webBrowserConfig } from '@driftline/checks/types/web'
import { createLogger } from '@driftline/platform/logger'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type BrowserPool, createBrowserPool } from '../../browser/browser-pool.ts'
import type { CheckAnswer, CheckContext, CheckTools } from '../../check-type.ts'
import { createAddressGuard } from '../../net/address-guard.ts'
import { createWebBrowserType } from './web-browser.ts'

const PAGE = `<!doctype html><title>Orders</title><h1>Loading</h1>
<form action="/done" method="get"><input name="user"><input name="pass" type="password"><button>Sign in</button></form>
<a id="out" href="http://169.254.169.254/latest/meta-data">out</a>
<script>setTimeout(() => { document.querySelector('h1').textContent = 'Orders of today' }, 100)</script>`

const pages: Record<string, { status?: number; type?: string; body: string }> = {
  '/': { body: PAGE },
  '/done': { body: '<title>Done</title><p data-total="12">12 orders</p>' },
  '/broken': { status: 503, body: '<title>Down</title>' },
  '/metadata': { body: '<img src="http://169.254.169.254/latest"><p id="x">there</p>' },
}

describeWithServer('chromium', 'a page in a browser', (server) => {
  let site: Server
  let elsewhere: Server
  let pool: BrowserPool
  const sockets = new Set<Socket>()
  const hits: string[] = []
  const agents: string[] = []
  const lines: string[] = []
  let own = ''
  let other = ''

  const listen = async (): Promise<{ server: Server; url: string }> => {
    const made = createServer((request, response) => {
      hits.push(`${request.headers.host}${request.url}`)
      agents.push(request.headers['user-agent'] ?? '')
      const path = (request.url ?? '').split('?')[0] ?? ''
      if (path === '/hang') return
      if (path === '/loop') return void response.writeHead(302, { location: '/loop' }).end()
      if (path === '/away') return void response.writeHead(302, { location: `${other}/` }).end()
      const page = pages[path]
      response.writeHead(page === undefined ? 404 : (page.status ?? 200), { 'content-type': 'text/html' })
      response.end(page?.body ?? 'nothing here')
    })
    made.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
    return { server: made, url: `http://127.0.0.1:${(made.address() as AddressInfo).port}` }
  }

  beforeAll(async () => {
    const first = await listen()
    const second = await listen()
    site = first.server
    elsewhere = second.server
    own = first.url
    other = second.url
  })
  beforeAll(() => {
    const guard = guardOf()
    const logger = createLogger('fatal')
    const config = { executable: server().url, pagesMax: 2, idleMs: 60_000, userAgent: 'Driftline/test' }
    pool = createBrowserPool(config, { guard, logger })
  })
  beforeEach(() => {
    hits.length = 0
    lines.length = 0
  })
  afterAll(async () => {
    await pool?.stop()
    for (const each of [site, elsewhere]) {
      each.closeAllConnections()
      await new Promise((resolve) => each.close(resolve))
    }
  })

  /** Only the first site may be reached: everything else on this machine is private. */
  function guardOf() {
    const port = Number(new URL(own).port)
    return createAddressGuard({
      policies: { of: async () => networkPolicy.parse({}) },
      exempt: () => [{ host: '127.0.0.1', port }],
      presetNetworks: [],
    })
  }

  async function open(part: object, timeoutMs = 10_000): Promise<CheckAnswer> {
    const config = webBrowserConfig.parse({ url: `${own}/`, ...part })
    const guard = guardOf()
    const tools = {
      guard,
      http: {},
      policies: {
        of: async () => networkPolicy.parse({ ownHosts: ['127.0.0.1', '169.254.169.254', '::1', '10.0.0.1'] }),
      },
      limits: { enter: async () => () => {} },
      browsers: pool,
      credentials: {
        open: async (name: string, use: { host: string; secret(text: string): void }) => {
          use.secret('hunter22')
          return { kind: 'basic', name, fields: { username: 'anna', password: 'hunter22' } }
        },
      },
      clock: { nowMs: () => Date.now() },
    } as unknown as CheckTools
    const context: CheckContext = {
      tenant: 'default',
      process: 'flow:test',
      signal: AbortSignal.timeout(timeoutMs),
      deadlineMs: performance.now() + timeoutMs,
      startedMs: Date.now(),
      log: (text) => void lines.push(text),
      mask: (text) => text,
      secret: () => {},
    }
    return createWebBrowserType(tools).run(config, context)
  }

  const faultOf = (answer: CheckAnswer) => answer.faults?.[0]?.failure

  it('runs its scripts, and says what is there afterwards', async () => {
    const answer = await open({ actions: [{ do: 'wait', selector: 'text=Orders of today' }] })
    expect(answer.faults).toEqual([])
    expect(await answer.fact('title')).toBe('Orders')
    expect(await answer.fact('text', 'h1')).toBe('Orders of today')
    expect(await answer.fact('count', 'input')).toBe(2)
    expect(await answer.fact('attribute', 'input >> nth=1@type')).toBe('password')
    expect(await answer.fact('visible', '#missing')).toBe(false)
    expect(await answer.fact('text', '#missing')).toBeUndefined()
    expect(await answer.fact('status')).toBe(200)
    await answer.close?.()
    expect(agents.at(-1)).toContain('Driftline/test')
    expect(agents.at(-1)).not.toContain('Headless')
  })

  it('signs in with a credential, and nothing of it stands in the log', async () => {
    const actions = [
      { do: 'fill', selector: 'input[name=user]', value: '{{credential.username}}' },
      { do: 'fill', selector: 'input[name=pass]', value: '{{credential.password}}' },
      { do: 'click', selector: 'text=Sign in' },
      { do: 'wait_for_url', url: '**/done*' },
    ]
    const answer = await open({ credential: 'shop', actions })
    expect(answer.faults).toEqual([])
    expect(await answer.fact('attribute', 'p@data-total')).toBe('12')
    expect(hits.some((hit) => hit.includes('user=anna&pass=hunter22'))).toBe(true)
    expect(lines.join('\n')).not.toContain('hunter22')
    expect(JSON.stringify(answer.result)).not.toContain('hunter22')
    await answer.close?.()
  })

  it('has a screenshot of what went wrong', async () => {
    const answer = await open({ actions: [{ do: 'click', selector: '#missing' }] }, 3000)
    expect(faultOf(answer)).toMatchObject({ reason: 'timeout', message: expect.stringContaining('#missing') })
    const picture = await answer.screenshot?.()
    expect(Buffer.from(picture!).subarray(0, 2).toString('hex')).toBe('ffd8')
    await answer.close?.()
  })

  it.each([
    ['a status of 503', '/broken', 'status_unexpected', 'status was 503, expected below 400'],
    ['a redirect loop', '/loop', 'redirect_loop', 'in a circle'],
  ])('tells of %s', async (_title, path, reason, message) => {
    const answer = await open({ url: `${own}${path}` })
    expect(faultOf(answer)).toMatchObject({ reason, message: expect.stringContaining(message) })
    await answer.close?.()
  })

  it.each([
    ['the metadata service', () => 'http://169.254.169.254/latest/'],
    ['the same in decimal', () => 'http://2852039166/latest/'],
    ['another port of this machine', () => `${other}/`],
    ['a redirect there', () => `${own}/away`],
    ['this machine by its IPv6 address', () => `http://[::1]:${new URL(other).port}/`],
    ['https to a private address', () => 'https://10.0.0.1/'],
  ])('is kept from %s', async (_title, url) => {
    const answer = await open({ url: url() })
    expect(faultOf(answer)).toMatchObject({ reason: 'address_refused' })
    expect(hits.filter((hit) => hit.startsWith(new URL(other).host))).toEqual([])
    await answer.close?.()
  })

  it('is kept from what the page itself asks for, and goes on', async () => {
    const answer = await open({ url: `${own}/metadata` })
    expect(await answer.fact('text', '#x')).toBe('there')
    await answer.close?.()
  })

  it('is kept from scripts that connect elsewhere', async () => {
    const answer = await open({})
    const { page } = await pool.borrow('default', {
      viewport: { width: 400, height: 400 },
      signal: AbortSignal.timeout(10_000),
    })
    await page.goto(`${own}/`)
    const reached = await page.evaluate(
      `Promise.all(['${other}/', 'ws://${new URL(other).host}/'].map((url) => url.startsWith('ws')
        ? new Promise((resolve) => { const s = new WebSocket(url); s.onopen = () => resolve('open'); s.onerror = () => resolve('kept out') })
        : fetch(url, { mode: 'no-cors' }).then(({ type }) => type === 'opaque' ? 'answered' : type, () => 'kept out')))`,
    )
    expect(hits.filter((hit) => hit.startsWith(new URL(other).host))).toEqual([])
    expect((reached as string[])[1]).toBe('kept out')
    await page.context().close()
    await answer.close?.()
  })

  it('is ended at its time, with nothing left open', async () => {
    await expect(open({ url: `${own}/hang` }, 2500)).resolves.toMatchObject({
      faults: [{ failure: { reason: 'timeout' } }],
    })
    const controlled = open({ url: `${own}/hang` }, 300)
    await expect(controlled).rejects.toThrow()
    await expect
      .poll(() => [...sockets].filter((socket) => !socket.destroyed).length, { timeout: 5000 })
      .toBeLessThanOrEqual(4)
  })

  it('is opened again after the browser was ended', async () => {
    await (await open({})).close?.()
    await pool.stop()
    const answer = await open({})
    expect(await answer.fact('title')).toBe('Orders')
    await answer.close?.()
  })
})
