import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { graphqlConfig, restConfig } from '@driftline/checks/types/api'
import { webPageConfig } from '@driftline/checks/types/web'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { judge } from '../../assess/assertions.ts'
import type { CheckAnswer, CheckTools } from '../../check-type.ts'
import { type HostileServer, startHostileServer } from '../../net/testing/hostile-server.ts'
import { createContext, createNetRig, createOneCredential } from '../../net/testing/net-rig.ts'
import { createGraphqlType } from '../graphql/graphql-type.ts'
import { createRestType } from '../rest/rest-type.ts'
import { createWebPageType } from '../web-page/web-page-type.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void

let server: Server
let url = ''
let hostile: HostileServer
let handlers: Record<string, Handler> = {}
const asked: string[] = []
let rig = createNetRig({ policy: { ownHosts: ['127.0.0.1'] } })
let tools = rig as unknown as CheckTools

beforeAll(async () => {
  hostile = await startHostileServer()
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    asked.push(`${request.method} ${request.url}`)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const handle = handlers[path]
      if (handle !== undefined) return handle(request, response, Buffer.concat(chunks).toString())
      response.statusCode = 404
      return response.end('nothing here')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(() => {
  handlers = {}
  asked.length = 0
})
afterAll(async () => {
  await rig.stop()
  await hostile.stop()
  server.closeAllConnections()
  server.close()
})

const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
const html =
  (body: string, status = 200): Handler =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(body)

const rest = (config: object, from: CheckTools = tools) =>
  createRestType(from).run(restConfig.parse({ url, ...config }), createContext().context)
const graphql = (config: object) =>
  createGraphqlType(tools).run(
    graphqlConfig.parse({ url: `${url}/graphql`, query: '{ a }', ...config }),
    createContext().context,
  )
const page = (config: object, context = createContext().context, from: CheckTools = tools) =>
  createWebPageType(from).run(webPageConfig.parse({ url, ...config }), context)
const reasons = (answer: CheckAnswer): string[] => answer.faults?.map(({ failure }) => failure.reason) ?? []

describe('the rest check', () => {
  it('answers facts', async () => {
    handlers['/orders'] = json(
      {
        items: [
          { id: 7, open: true },
          { id: 8, open: false },
        ],
      },
      200,
      { 'X-Total': '2' },
    )
    const answer = await rest({ url: `${url}/orders`, query: { page: '1 & 2' } })
    expect(asked).toEqual(['GET /orders?page=1+%26+2'])
    expect(answer.fact('status')).toBe(200)
    expect(answer.fact('header', 'x-total')).toBe('2')
    expect(answer.fact('header', 'X-None')).toBeUndefined()
    expect(answer.fact('json', '$.items[?@.open == true].id')).toBe(7)
    expect(answer.fact('json', 'items[*].id')).toEqual([7, 8])
    expect(answer.fact('json', '$.nothing')).toBeUndefined()
    expect(answer.fact('body')).toMatch(/^\{"items"/)
    expect(answer.fact('url')).toBe(`${url}/orders?page=1+%26+2`)
    expect(answer.fact('latency')).toBeGreaterThan(0)
    expect(answer.result).toMatchObject({ status: 200, url: `${url}/orders`, bytes: 54, redirects: 0 })
    expect(reasons(answer)).toEqual([])
  })

  it.each([
    [{ json: { a: [1] } }, 'application/json', '{"a":[1]}'],
    [{ form: { a: '1 2', b: '&' } }, 'application/x-www-form-urlencoded', 'a=1+2&b=%26'],
    [{ body: '<x/>', headers: { 'Content-Type': 'text/xml' } }, 'text/xml', '<x/>'],
  ])('sends %j', async (config, type, body) => {
    handlers['/in'] = (request, response, sent) =>
      json([request.headers['content-type'], sent])(request, response, sent)
    const answer = await rest({ url: `${url}/in`, method: 'POST', ...config })
    expect(answer.fact('json')).toEqual([type, body])
  })

  it.each([
    [503, 'status was 503, expected below 400', 'always', { 'retry-after': '7' }, 7000],
    [429, 'status was 429, expected below 400', 'always', { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0],
    [404, 'status was 404, expected below 400', 'asked', { 'retry-after': '7' }, 0],
    [500, 'status was 500, expected below 400', 'asked', {}, 0],
  ])('fails on %d, unless an assertion is about it', async (status, message, retry, headers, retryAfterMs) => {
    handlers['/x'] = json({}, status, headers)
    const answer = await rest({ url: `${url}/x`, schema: { type: 'string' } })
    expect(await judge(answer, [])).toMatchObject({ reason: 'status_unexpected', message, retry, retryAfterMs })
    expect(await judge(answer, [{ of: 'status', is: 'equals', value: status }])).toBeNull()
  })

  it('holds the answer against a schema', async () => {
    handlers['/s'] = json({ items: [{ id: 'seven' }], secret: 'canary' })
    const schema = {
      type: 'object',
      required: ['items', 'total'],
      properties: { items: { items: { properties: { id: { type: 'number' } } } }, secret: { const: 'x' } },
    }
    const failure = await judge(await rest({ url: `${url}/s`, schema }), [])
    expect(failure).toMatchObject({ reason: 'schema_mismatch' })
    expect(failure?.message).toMatch(/total/)
    expect(failure?.message).toMatch(/\/items\/0\/id: /)
    expect(failure?.message).not.toMatch(/canary/)
  })

  it.each([
    ['$.a[', 'config_invalid'],
    ['$.a[?@.b ==]', 'config_invalid'],
    ['$.items[?nothing(@)]', 'config_invalid'],
    ['$[?match(@.a, "(")]', 'config_invalid'],
  ])('says that %s is no path', async (path, reason) => {
    handlers['/p'] = json([{ a: 'x' }])
    const answer = await rest({ url: `${url}/p` })
    expect(() => answer.fact('json', path)).toThrow(expect.objectContaining({ reason }))
  })

  it('ends paths and schemas that take for ever', async () => {
    let deep: unknown = 1
    for (let depth = 0; depth < 40; depth++) deep = { a: deep, b: deep === 1 ? 2 : [1] }
    handlers['/deep'] = json({ deep, text: `${'a'.repeat(50)}!` })
    const answer = await rest({ url: `${url}/deep` })
    expect(() => answer.fact('json', '$..*..*..*..*..*..*..*[?@.none]')).toThrow(/takes too long|more than/)
    const schema = { properties: { text: { pattern: '^(a+)+$' } } }
    await expect(rest({ url: `${url}/deep`, schema })).rejects.toMatchObject({ reason: 'answer_too_large' })
  })

  it('says when the answer is no JSON, or too large', async () => {
    handlers['/h'] = html('<p>sign in, canary</p>')
    const answer = await rest({ url: `${url}/h` })
    expect(() => answer.fact('json', '$.a')).toThrow('The body was text/html; charset=utf-8 and no JSON, expected JSON')
    await expect(rest({ url: `${url}/h`, bodyBytesMax: 10 })).rejects.toMatchObject({
      reason: 'answer_too_large',
      message: 'The body is larger than 10 bytes',
    })
    await expect(rest({ url: `${hostile.url}/endless` })).rejects.toMatchObject({ reason: 'answer_too_large' })
  })

  it.each([
    ['oauth2', 2, 200, []],
    ['oauth2', 3, 401, ['credentials_refused']],
    ['bearer', 2, 401, ['credentials_refused']],
  ] as const)('renews a refused credential of kind %s once', async (kind, goodFrom, status, expected) => {
    const { calls, credentials } = createOneCredential(kind, (turn) => ({
      headers: { authorization: `Bearer ${turn}` },
    }))
    handlers['/c'] = (request, response, body) => {
      const turn = Number(request.headers.authorization?.slice(7))
      json({}, turn >= goodFrom ? 200 : 401)(request, response, body)
    }
    const answer = await rest({ url: `${url}/c`, credential: 'crm' }, { ...tools, credentials })
    expect(answer.fact('status')).toBe(status)
    expect(reasons(answer)).toEqual(expected)
    expect(calls).toEqual({ opened: kind === 'bearer' ? 1 : 2, refused: 1 })
  })

  it('puts the credential into header and query, and its name wins over the step’s', async () => {
    handlers['/k'] = (request, response, body) => json([request.url, request.headers['x-key']])(request, response, body)
    const { credentials } = createOneCredential('api_key', () => ({
      headers: { 'X-Key': 'good' },
      query: { key: 'q' },
    }))
    const config = { url: `${url}/k?a=1`, credential: 'crm', headers: { 'x-key': 'own' } }
    expect((await rest(config, { ...tools, credentials })).fact('json')).toEqual(['/k?a=1&key=q', 'good'])
  })
})

describe('the graphql check', () => {
  it('asks and answers', async () => {
    handlers['/graphql'] = (request, response, body) => json({ data: JSON.parse(body) })(request, response, body)
    const answer = await graphql({ query: 'query A { a }', variables: { x: 1 }, operationName: 'A' })
    expect(answer.fact('json', '$.data')).toEqual({ query: 'query A { a }', variables: { x: 1 }, operationName: 'A' })
    expect(answer.fact('errors')).toBe(0)
    expect(reasons(answer)).toEqual([])
  })

  it.each([
    [200, { errors: [{ message: 'No field a' }] }, 'query_failed', 'The answer has an error: No field a'],
    [400, { errors: [{}, {}] }, 'query_failed', 'The answer has 2 errors'],
    [500, 'not json at all', 'status_unexpected', 'status was 500, expected below 400'],
  ])('fails on %d with %j', async (status, value, reason, message) => {
    handlers['/graphql'] = json(value, status)
    const answer = await graphql({})
    expect(await judge(answer, [])).toMatchObject({ reason, message })
    if (reason === 'query_failed' && status === 200) {
      expect(await judge(answer, [{ of: 'errors', is: 'at_least', value: 1 }])).toBeNull()
    }
  })
})

const links = (...paths: string[]): string => paths.map((path) => `<a href="${path}">x</a>`).join('')

describe('the web page check', () => {
  it('answers facts', async () => {
    handlers['/'] = html(
      `<title> Shop  &amp; more </title><script>var hidden = 1</script><h1>Hello <b>you</b></h1><ul><li>1<li>2</ul>${links('/a#x', 'b', 'mailto:x@y.example')}`,
    )
    const answer = await page({})
    expect(answer.fact('title')).toBe('Shop & more')
    expect(answer.fact('text', 'h1')).toBe('Hello you')
    expect(answer.fact('text', '.none')).toBeUndefined()
    expect(answer.fact('text')).toBe('Hello you12xxx')
    expect(answer.fact('count', 'li')).toBe(2)
    expect(answer.fact('attribute', 'a@href')).toBe(`${url}/a`)
    expect(answer.fact('attribute', 'a@none')).toBeUndefined()
    expect(answer.fact('links')).toEqual([`${url}/a`, `${url}/b`])
    expect(() => answer.fact('count', 'li[')).toThrow(expect.objectContaining({ reason: 'config_invalid' }))
    expect(() => answer.fact('attribute', 'a')).toThrow(expect.objectContaining({ reason: 'config_invalid' }))
  })

  it('follows the links of its origin, and reports what is broken and what lacks its text', async () => {
    handlers['/'] = html(`Shop ${links('/a', '/b', '/a#again', '/logout', `${hostile.url}/echo`, 'javascript:x()')}`)
    handlers['/a'] = html(`Shop ${links('/gone', '/c', '/')}`)
    handlers['/b'] = html('nothing', 200)
    handlers['/c'] = html(`Shop ${links('/d')}`)
    const crawl = { depthMax: 2, mustContain: 'Shop', ignore: ['/log'] }
    const answer = await page({ crawl })
    expect(answer.fact('broken_links')).toBe(1)
    expect(answer.result).toMatchObject({
      pages: 5,
      brokenLinks: [{ link: `${url}/gone`, page: `${url}/a`, why: '404' }],
      pagesWithoutText: [`${url}/b`],
    })
    expect(reasons(answer)).toEqual(['links_broken', 'content_missing'])
    expect((await judge(answer, []))?.message).toBe(`1 of 4 links is broken: ${url}/gone answered 404, linked from /a`)
    expect(asked.filter((each) => !each.includes('robots')).sort()).toEqual([
      'GET /',
      'GET /a',
      'GET /b',
      'GET /c',
      'GET /gone',
    ])
  })

  it.each([
    [{ pagesMax: 5 }, 5, 'pages'],
    [{ pagesMax: 50, depthMax: 3 }, 4, undefined],
  ])('is bounded by %j', async (crawl, pages, stoppedBy) => {
    for (let number = 0; number < 100; number++) {
      handlers[number === 0 ? '/' : `/${number}`] = html(`page ${links(`/${number + 1}`)}`)
    }
    const answer = await page({ crawl: { depthMax: 10, ...crawl } })
    expect(answer.result['pages']).toBe(pages)
    expect(answer.result['stoppedBy']).toBe(stoppedBy)
  })

  it('is bounded by the time of the attempt, and tells what it found', async () => {
    handlers['/'] = html(links('/slow', '/gone'))
    handlers['/slow'] = () => {}
    const answer = await page({ crawl: {} }, createContext(1500).context)
    expect(answer.result).toMatchObject({ stoppedBy: 'time' })
    expect(answer.fact('broken_links')).toBe(1)
  })

  it('asks whether links to other origins answer, without what is for the own one', async () => {
    handlers['/'] = html(links(`${hostile.url}/echo`, `${hostile.url}/close-at-once`))
    const before = hostile.requests.length
    const answer = await page({ headers: { 'X-Key': 'canary' }, crawl: { checkExternal: true } })
    expect(answer.fact('broken_links')).toBe(1)
    expect(hostile.requests.slice(before).join('')).not.toMatch(/canary/)
  })
})

describe('robots.txt', () => {
  const fresh = (ownHosts: string[] = []): CheckTools => {
    rig = createNetRig({ policy: { ownHosts } })
    tools = rig as unknown as CheckTools
    return tools
  }
  const robots =
    (text: string, status = 200): Handler =>
    (_request, response) =>
      void response.writeHead(status, { 'content-type': 'text/plain' }).end(text)

  it.each([
    ['allows what is not named', 'User-agent: *\nDisallow: /secret', 200, null],
    ['refuses what is named', 'User-agent: *\nDisallow: /', 200, 'robots_refused'],
    [
      'refuses what is named for us',
      'User-agent: driftline\nDisallow: /\n\nUser-agent: *\nAllow: /',
      200,
      'robots_refused',
    ],
    ['allows what is named for others', 'User-agent: other\nDisallow: /', 200, null],
    ['allows all where there is none', '', 404, null],
    ['allows all where it is not shown', '', 403, null],
    ['is careful where it fails', '', 503, 'robots_refused'],
    ['reads what is no robots.txt', '<html>'.repeat(1000), 200, null],
  ])('%s', async (_title, text, status, reason) => {
    handlers['/'] = html('fine')
    handlers['/robots.txt'] = robots(text, status)
    const asking = page({}, undefined, fresh())
    if (reason === null) expect((await asking).fact('status')).toBe(200)
    else await expect(asking).rejects.toMatchObject({ reason })
  })

  it('is read once for an origin, and not for hosts of one’s own', async () => {
    handlers['/'] = html('fine')
    handlers['/robots.txt'] = robots('User-agent: *\nDisallow: /secret')
    const shared = fresh()
    await page({}, undefined, shared)
    await page({}, undefined, shared)
    await expect(page({ url: `${url}/secret`, respectRobots: false }, undefined, shared)).rejects.toMatchObject({
      reason: 'robots_refused',
      retry: 'never',
      message: `The robots.txt of ${url} does not allow Driftline to fetch /secret`,
    })
    expect(asked.filter((each) => each.includes('robots'))).toHaveLength(1)
    handlers['/secret'] = html('own')
    expect((await page({ url: `${url}/secret` }, undefined, fresh(['127.0.0.1']))).fact('status')).toBe(200)
  })

  it('keeps its pace and its bounds in crawls', async () => {
    handlers['/robots.txt'] = robots('User-agent: *\nCrawl-delay: 0.2\nDisallow: /no')
    handlers['/'] = html(links('/a', '/b', '/no', '/no/more'))
    handlers['/a'] = html('a')
    handlers['/b'] = html('b')
    const startedMs = performance.now()
    const answer = await page({ crawl: {} }, undefined, fresh())
    expect(answer.result).toMatchObject({ pages: 3, leftForRobots: 2 })
    expect(performance.now() - startedMs).toBeGreaterThan(390)
  })
})

describeWithServer('nginx', 'checks of nginx', (nginx) => {
  it('reads pages and says what is wrong', async () => {
    const { origin } = new URL(nginx().url)
    const good = await page({ url: origin })
    expect(good.fact('body')).toBe('here')
    expect(await judge(await page({ url: `${origin}/broken` }), [])).toMatchObject({
      message: 'status was 500, expected below 400',
    })
    expect(await judge(await rest({ url: `${origin}/none` }), [])).toMatchObject({
      message: 'status was 404, expected below 400',
    })
  })
})
