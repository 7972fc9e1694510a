import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createCookieJar } from './cookies.ts'
import type { HttpRequest } from './guarded-http.ts'
import { type HostileServer, startHostileServer } from './testing/hostile-server.ts'
import { createNetRig, type NetRig } from './testing/net-rig.ts'

let server: HostileServer
let other: HostileServer
let rig: NetRig
beforeAll(async () => {
  server = await startHostileServer()
  other = await startHostileServer()
  rig = createNetRig()
})
afterEach(async () => {
  await rig.http.stop()
  await vi.waitFor(() => expect(server.open() + other.open()).toBe(0), { timeout: 5000 })
})
afterAll(async () => {
  await rig.stop()
  await Promise.all([server.stop(), other.stop()])
})

const ask = (path: string, more: Partial<HttpRequest> = {}) => {
  const url = path.startsWith('http') ? path : `${server.url}${path}`
  return rig.http.request({ tenant: 'acme', method: 'GET', url, signal: AbortSignal.timeout(15_000), ...more })
}

describe('HTTP through the guard, servers that misbehave', () => {
  it.each([
    ['/close-at-once', 'connection_lost', /^127\.0\.0\.1:\d+ closed the connection without an answer$/],
    ['/close-mid-body', 'connection_lost', /in the middle of the body, after 9 bytes$/],
    ['/reset-mid-body', 'connection_lost', /in the middle of the body, after 9 bytes$/],
    ['/close-mid-chunk', 'connection_lost', /in the middle of the body/],
    ['/odd-chunk', 'answer_invalid', /not HTTP/],
    ['/garbage', 'answer_invalid', /answered something that is not HTTP: /],
    ['/ssh', 'answer_invalid', /answered something that is not HTTP: /],
    ['/no-headers', 'answer_invalid', /not HTTP/],
    ['/two-lengths', 'answer_invalid', /not HTTP|does not have the length/],
    ['/odd-length', 'answer_invalid', /not HTTP/],
    ['/switching', 'answer_invalid', /a status that is no answer/],
    ['/line-of-100-mb', 'answer_invalid', /larger than 65,536 bytes/],
    ['/headers-without-end', 'answer_invalid', /larger than 65,536 bytes/],
    ['/not-gzip', 'answer_invalid', /not what its content-encoding gzip says/],
    ['/half-gzip', 'answer_invalid', /not what its content-encoding gzip says/],
    ['/four-encodings', 'answer_invalid', /compressed 4 times/],
    ['/bomb', 'decompressed_too_large', /bytes grew to more than 5,000,000$/],
    ['/bomb-in-bomb', 'decompressed_too_large', /bytes grew to more than 5,000,000$/],
    ['/loop', 'redirect_loop', /^The redirects go round: http:\/\/127\.0\.0\.1:\d+\/loop to /],
    ['/ping', 'redirect_loop', /ping to .*pong to .*ping$/],
    ['/many/0', 'redirects_too_many', /more than 10 redirects: .*\/many\/0 led to .*\/many\/11/],
    ['/private', 'address_refused', /10\.1\.2\.3 is not allowed/],
    ['/metadata', 'address_refused', /link-local/],
    ['/userinfo', 'address_refused', /10\.1\.2\.3 is not allowed/],
    ['/file', 'url_invalid', /redirects to file:, which is neither http nor https/],
    ['/nowhere', 'answer_invalid', /redirects to something that is no address/],
  ])('%s ends as %s', async (path, reason, message) => {
    await expect(ask(path)).rejects.toMatchObject({ reason, message: expect.stringMatching(message) })
  })

  it.each([
    ['/silent', /^Waiting for the answer of 127\.0\.0\.1:\d+ was not finished after \d\.\d s$/],
    ['/drip-headers', /^Waiting for the answer of/],
    ['/drip', /^Reading the body from 127\.0\.0\.1:\d+ \(\d bytes came\) was not finished after \d\.\d s$/],
  ])('%s ends with the signal', async (path, message) => {
    const startedMs = performance.now()
    await expect(ask(path, { signal: AbortSignal.timeout(1500) })).rejects.toMatchObject({
      reason: 'timeout',
      retry: 'always',
      message: expect.stringMatching(message),
    })
    expect(performance.now() - startedMs).toBeGreaterThan(1400)
  })

  it('cuts an endless body and closes the connection', async () => {
    const { status, body, bodyIsCut } = await ask('/endless', { bodyBytesMax: 100_000 })
    expect({ status, length: body.length, bodyIsCut }).toEqual({ status: 200, length: 100_000, bodyIsCut: true })
  })

  it.each(['/endless', '/silent', '/loop'])('does not begin %s when the signal has ended', async (path) => {
    await expect(ask(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({ reason: /timeout|host_busy/ })
  })

  it('says when nobody listens', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as { port: number }
    gone.close()
    await once(gone, 'close')
    await expect(ask(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({
      reason: 'connection_refused',
      retry: 'always',
      message: `127.0.0.1:${port} refused the connection`,
    })
  })

  it('says when a port speaks no TLS', async () => {
    await expect(ask(server.url.replace('http:', 'https:'))).rejects.toMatchObject({
      reason: expect.stringMatching(/answer_invalid|connection_lost|tls_failed/),
    })
  })

  it.each([
    ['ftp://127.0.0.1/', 'url_invalid'],
    ['not a url', 'url_invalid'],
    ['http://', 'url_invalid'],
    ['http://10.1.2.3:9/', 'address_refused'],
    ['http://127.0.0.1@10.1.2.3:9/', 'address_refused'],
    ['http://0xa.1.2.3:9/', 'address_refused'],
  ])('refuses %s', async (url, reason) => {
    await expect(ask(url.startsWith('http') ? url : url, { url })).rejects.toMatchObject({ reason, retry: 'never' })
  })

  it.each([
    [{ 'x-y': 'a\r\nb: c' }],
    [{ 'transfer-encoding': 'chunked' }],
    [{ connection: 'upgrade' }],
    [{ 'bad name': 'x' }],
  ])('refuses headers that would break the request: %j', async (headers) => {
    await expect(ask('/echo', { headers })).rejects.toMatchObject({ reason: 'config_invalid', retry: 'never' })
  })
})

describe('HTTP through the guard, answers', () => {
  it.each(['/gzip', '/x-gzip', '/deflate', '/deflate-raw', '/br', '/gzip-br'])('unpacks %s', async (path) => {
    const { body, bodyIsCut } = await ask(path)
    expect(body.toString()).toBe('hello in many words '.repeat(1000))
    expect(bodyIsCut).toBe(false)
    const cut = await ask(path, { bodyBytesMax: 5 })
    expect({ text: cut.body.toString(), isCut: cut.bodyIsCut }).toEqual({ text: 'hello', isCut: true })
  })

  it.each([
    ['/gzip-empty', ''],
    ['/other-encoding', 'as it is'],
    ['/empty', ''],
    ['/too-long', 'hello'],
    ['/large-headers', 'fine'],
    ['/close-after', 'bye'],
    ['/few/0', 'there'],
  ])('reads %s', async (path, text) => {
    expect((await ask(path)).body.toString()).toBe(text)
  })

  it('says who asks, and takes what it can read', async () => {
    const { body } = await ask('/echo', { headers: { 'X-Own': '1' } })
    const head = body.toString()
    expect(head).toMatch(/user-agent: Driftline\/1\.2\.3 \(\+https:\/\/driftline\.example\)/i)
    expect(head).toMatch(/accept-encoding: gzip, deflate, br\r\n/i)
    expect(head).toMatch(/X-Own: 1\r\n/)
    const named = await ask('/echo', { headers: { 'User-Agent': 'mine' } })
    expect(named.body.toString()).toMatch(/User-Agent: mine\r\n/)
    expect(named.body.toString()).not.toMatch(/Driftline/)
  })

  it('keeps a connection for the next request, and not for other tenants', async () => {
    const before = server.requests.length
    for (let turn = 0; turn < 5; turn++) await ask('/echo')
    expect(server.requests.length - before).toBe(5)
    expect(server.open()).toBe(1)
    await ask('/echo', { tenant: 'other' })
    expect(server.open()).toBe(2)
  })

  it('asks again over a new connection when a kept one turns out to be closed', async () => {
    expect((await ask('/once')).body.toString()).toBe('once')
    expect((await ask('/once')).body.toString()).toBe('once')
    await ask('/once')
    await expect(ask('/once', { method: 'POST', body: 'x' })).rejects.toMatchObject({ reason: 'connection_lost' })
  })

  it('carries 200 requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(`/echo?${index}`)))
    expect(answers.every(({ body }, index) => body.toString().startsWith(`GET /echo?${index} `))).toBe(true)
    expect(answers.every(({ latencyMs, waitedMs }) => latencyMs > 0 && waitedMs >= 0)).toBe(true)
  })
})

describe('HTTP through the guard, redirects', () => {
  it.each([
    [301, 'POST', 'GET', false],
    [302, 'POST', 'GET', false],
    [303, 'POST', 'GET', false],
    [303, 'PUT', 'GET', false],
    [307, 'POST', 'POST', true],
    [308, 'POST', 'POST', true],
    [301, 'PUT', 'PUT', true],
    [302, 'DELETE', 'DELETE', true],
  ])('%d makes %s a %s', async (status, method, then, keepsBody) => {
    const headers = { 'content-type': 'text/plain' }
    const answer = await ask(`/status/${status}`, { method, body: 'payload', headers })
    const request = answer.body.toString()
    expect(request.startsWith(`${then} /echo`)).toBe(true)
    expect(request.includes('payload')).toBe(keepsBody)
    expect(request.includes('content-type: text/plain')).toBe(keepsBody)
    expect(answer).toMatchObject({ redirects: 1, url: `${server.url}/echo` })
  })

  it.each([300, 304, 305, 306])('does not follow %d', async (status) => {
    expect((await ask(`/status/${status}`)).status).toBe(status)
  })

  it('follows none when told not to', async () => {
    expect(await ask('/ping', { followRedirects: false })).toMatchObject({ status: 302, redirects: 0 })
  })

  it('keeps headers within the origin, and takes them off at another', async () => {
    const headers = { Authorization: 'Bearer canary', 'X-Api-Key': 'canary', Cookie: 'a=canary', Accept: 'text/x' }
    const lines: string[] = []
    const log = (text: string): void => void lines.push(text)
    const same = (await ask(`/to/${encodeURIComponent('/echo')}`, { headers, log })).body.toString()
    expect(same.match(/canary/g)).toHaveLength(3)
    const away = await ask(`/to/${encodeURIComponent(`${other.url}/echo`)}`, { headers, log })
    expect(away.body.toString()).not.toMatch(/canary/)
    expect(away.body.toString()).toMatch(/Accept: text\/x/)
    expect(away.url).toBe(`${other.url}/echo`)
    expect(lines.join('\n')).toMatch(/credentials and headers of one’s own are not sent there/)
    expect(lines.join('\n')).not.toMatch(/canary/)
  })

  it('keeps cookies, so that a sign-in that leads back to itself is no loop', async () => {
    const cookies = createCookieJar()
    expect((await ask('/sign-in', { cookies })).body.toString()).toBe('signed in')
    expect((await ask('/echo', { cookies, headers: { cookie: 'own=1' } })).body.toString()).toMatch(
      /cookie: own=1; session=1; other=2\r\n/,
    )
    expect((await ask('/echo')).body.toString()).not.toMatch(/cookie/)
  })
})
