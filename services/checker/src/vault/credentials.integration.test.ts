import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { createNetworkPolicyStore } from '@driftline/checks/network-policy-store'
import { type CredentialStore, createCredentialStore } from '@driftline/checks/vault/credential-store'
import { createSealer } from '@driftline/platform/access/sealing'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OAUTH2_SECRET } from '../../../../infra/servers/oauth2.ts'
import { CheckFailure } from '../check-type.ts'
import { createDemoTarget } from '../demo/demo-target.ts'
import { createAddressGuard } from '../net/address-guard.ts'
import { createCookieJar } from '../net/cookies.ts'
import { createGuardedHttp, type GuardedHttp } from '../net/guarded-http.ts'
import { createHostLimits, type HostLimits } from '../net/host-limits.ts'
import { createNetworkPolicies } from '../net/network-policies.ts'
import { createCredentials } from './create-credentials.ts'
import type { Credentials } from './credentials.ts'

const CANARY = 'canary-77aa with / signs &'
const by = 'user:admin'
const directory = mkdtempSync(join(tmpdir(), 'driftline-checker-vault-'))
const logger = createLogger('fatal')
let skippedMs = 0
const clock = { nowMs: () => Date.now() + skippedMs }
const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, { logger, clock })
const hotState = createInProcessHotState({ maxKeys: 10_000 }, { clock })
let store: CredentialStore
let http: GuardedHttp
let limits: HostLimits
let credentials: Credentials

beforeAll(async () => {
  await metadata.start()
  await hotState.start()
  store = createCredentialStore({ metadata, sealer: createSealer({ key: randomBytes(32) }), clock })
  const policies = createNetworkPolicies({ store: createNetworkPolicyStore({ metadata, clock }), clock })
  const guard = createAddressGuard({ policies, exempt: () => [], presetNetworks: ['127.0.0.0/8'] })
  limits = createHostLimits({ policies, hotState, guard, clock })
  http = createGuardedHttp({ version: 'test' }, { guard, limits })
  credentials = createCredentials({ store, http, clock, logger })
})
afterAll(async () => {
  await http.stop()
  await limits.stop()
  await hotState.stop()
  await metadata.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** One run: what it declared as secrets and what it wrote to its log. */
function useAt(host = '127.0.0.1', signal: AbortSignal = AbortSignal.timeout(20_000)) {
  const secrets = new Set<string>()
  const lines: string[] = []
  const cookies = createCookieJar()
  const use = {
    ...{ tenant: 'default', host, signal, cookies },
    secret: (text: string) => void secrets.add(text),
    log: (text: string) => void lines.push(text),
  }
  return { use, secrets, lines, cookies }
}

const keep = (name: string, kind: string, fields: Record<string, string>, hosts = ['127.0.0.1']) =>
  store.create('default', { name, kind, hosts, fields }, by)

async function failureOf(work: Promise<unknown>): Promise<CheckFailure> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(CheckFailure)
  expect(inspect(error, { depth: 5 })).not.toContain('canary')
  return error as CheckFailure
}

describe('credentials for requests', () => {
  it('become headers, parameters and certificates, and every secret is declared', async () => {
    await keep('basic', 'basic', { username: 'robot', password: CANARY })
    await keep('bearer', 'bearer', { token: CANARY })
    await keep('header', 'api_key', { name: 'X-Api-Key', value: CANARY })
    await keep('query', 'api_key', { in: 'query', name: 'key', value: CANARY })
    const pair = Buffer.from(`robot:${CANARY}`).toString('base64')
    const expected = {
      basic: { headers: { authorization: `Basic ${pair}` } },
      bearer: { headers: { authorization: `Bearer ${CANARY}` } },
      header: { headers: { 'X-Api-Key': CANARY } },
      query: { query: { key: CANARY } },
    }
    for (const [name, given] of Object.entries(expected)) {
      const { use, secrets } = useAt()
      const auth = await credentials.forRequest(name, 'http://127.0.0.1/x', use)
      expect(auth).toEqual({ headers: {}, query: {}, identity: null, ...given })
      expect(secrets, name).toContain(CANARY)
      if (name === 'basic') expect(secrets).toContain(pair)
    }
  })

  it('are for their hosts only, wherever the address says it is', async () => {
    const { use } = useAt()
    for (const url of [
      'http://evil.example/',
      'http://127.0.0.1@evil.example/',
      'http://evil.example/#127.0.0.1',
      'x',
    ]) {
      const failure = await failureOf(credentials.forRequest('bearer', url, use))
      expect(failure.reason).toBe('credential_not_for_host')
    }
    expect(await failureOf(credentials.open('bearer', { ...use, host: 'evil.example' }))).toMatchObject({
      message: 'The credential bearer is not for evil.example: it is for 127.0.0.1',
    })
    expect(await credentials.open('bearer', use)).toEqual({ kind: 'bearer', name: 'bearer', fields: { token: CANARY } })
  })

  it('say what is wrong: unknown, of another tenant, of another kind, no longer readable', async () => {
    const { use } = useAt()
    expect(await failureOf(credentials.open('nothing', use))).toMatchObject({ reason: 'credential_unknown' })
    const other = { ...use, tenant: 'other' }
    expect(await failureOf(credentials.open('bearer', other))).toMatchObject({ reason: 'credential_unknown' })
    await keep('bucket', 's3', { accessKeyId: 'AK', secretAccessKey: CANARY })
    const wrongKind = await failureOf(credentials.forRequest('bucket', 'http://127.0.0.1/', use))
    expect(wrongKind).toMatchObject({ reason: 'config_invalid', retry: 'never' })
    await metadata.db.updateTable('credentials').set({ sealed: 'v1:x:y' }).where('name', '=', 'bucket').execute()
    expect(await failureOf(credentials.open('bucket', use))).toMatchObject({ reason: 'credential_unreadable' })
  })

  it('note when they were used', async () => {
    await expect.poll(async () => (await store.get('default', 'bearer')).lastUsedAt).not.toBeNull()
  })
})

describeWithServer('oauth2', 'OAuth2 client credentials', (server) => {
  const asked = async (): Promise<number> => {
    const { asked } = (await (await fetch(`${server().url}/stats`)).json()) as { asked: number }
    return asked
  }
  const keepClient = (name: string, more: Record<string, string> = {}) =>
    keep(name, 'oauth2', {
      ...{ tokenUrl: `${server().url}/token`, clientId: 'driftline', clientSecret: OAUTH2_SECRET, scope: 'read' },
      ...more,
    })
  const resource = async (headers: Readonly<Record<string, string>>) =>
    (await fetch(`${server().url}/resource`, { headers })).json()

  it('fetches a token once for all who ask, and again when it was refused or expires', async () => {
    await keepClient('client')
    const before = await asked()
    const url = `${server().url}/resource`
    const runs = Array.from({ length: 20 }, () => useAt())
    const answers = await Promise.all(runs.map(({ use }) => credentials.forRequest('client', url, use)))
    expect(await asked()).toBe(before + 1)
    const [first] = answers
    expect(await resource(first!.headers)).toEqual({ client: 'driftline', scope: 'read' })
    const token = first!.headers['authorization']!.slice('Bearer '.length)
    for (const { secrets } of runs) expect(secrets).toContain(token)
    credentials.refused('default', 'client')
    await credentials.forRequest('client', url, useAt().use)
    expect(await asked()).toBe(before + 2)
    skippedMs += 571_000
    await credentials.forRequest('client', url, useAt().use)
    expect(await asked()).toBe(before + 3)
    await store.update('default', 'client', null, { fields: { scope: 'write' } }, by)
    const changed = await credentials.forRequest('client', url, useAt().use)
    expect(await resource(changed.headers)).toMatchObject({ scope: 'write' })
  })

  it('sends the secret in the body where it is wanted there', async () => {
    await keepClient('body', { clientId: 'driftline-body', send: 'body' })
    const { headers } = await credentials.forRequest('body', 'http://127.0.0.1/', useAt().use)
    expect(await resource(headers)).toMatchObject({ client: 'driftline-body' })
  })

  it('names why there is no token, without the secret', async () => {
    await keepClient('wrong', { clientSecret: CANARY })
    const failure = await failureOf(credentials.forRequest('wrong', 'http://127.0.0.1/', useAt().use))
    expect(failure.reason).toBe('credentials_refused')
    expect(failure.message).toMatch(
      /gave no token for the credential wrong: status was 401 invalid_client, expected 200/,
    )
  })

  it('lets one who leaves go without spoiling it for others', async () => {
    await keepClient('left')
    const abort = new AbortController()
    const leaving = credentials.forRequest('left', 'http://127.0.0.1/', useAt('127.0.0.1', abort.signal).use)
    const staying = credentials.forRequest('left', 'http://127.0.0.1/', useAt().use)
    abort.abort()
    expect((await failureOf(leaving)).reason).toBe('timeout')
    expect((await staying).headers['authorization']).toMatch(/^Bearer /)
  })
})

describe('a token endpoint that misbehaves', () => {
  const answers: Record<string, [number, string, Record<string, string>?]> = {
    '/no-json': [200, 'hello'],
    '/no-token': [200, '{"token":"x"}'],
    '/mac': [200, '{"access_token":"x","token_type":"mac"}'],
    '/echo': [400, JSON.stringify({ error: CANARY, error_description: `bad secret ${CANARY}` })],
    '/down': [503, CANARY],
    '/moved': [302, '', { location: 'http://evil.example/' }],
  }
  it.each([
    ['/no-json', 'answer_invalid'],
    ['/no-token', 'answer_invalid'],
    ['/mac', 'answer_invalid'],
    ['/echo', 'credentials_refused'],
    ['/down', 'status_unexpected'],
    ['/moved', 'credentials_refused'],
  ])('%s is %s, said without what it answered', async (path, reason) => {
    const base = await serve((request, response) => {
      const [status, body, headers] = answers[request.url!]!
      response.writeHead(status, headers).end(body)
    })
    await keep(path.slice(1), 'oauth2', { tokenUrl: base + path, clientId: 'c', clientSecret: CANARY })
    const failure = await failureOf(credentials.forRequest(path.slice(1), base, useAt().use))
    expect(failure.reason).toBe(reason)
  })

  it('is named when it is not there', async () => {
    await keep('gone', 'oauth2', { tokenUrl: 'http://127.0.0.1:9/token', clientId: 'c', clientSecret: CANARY })
    const failure = await failureOf(credentials.forRequest('gone', 'http://127.0.0.1/', useAt().use))
    expect(failure.reason).toBe('connection_refused')
    expect(failure.message).toMatch(/^Asking 127\.0\.0\.1:9 for a token: /)
  })
})

const servers: { close(): void }[] = []
afterAll(() => {
  for (const server of servers) server.close()
})

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle).listen(0, '127.0.0.1')
  servers.push({ close: () => server.close().closeAllConnections() })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('signing in through a form', () => {
  const demo = createDemoTarget({ port: 0 }, { logger })
  beforeAll(() => demo.start())
  afterAll(() => demo.stop())

  it('keeps hidden fields, signs in once for a run, and declares the cookies', async () => {
    const loginUrl = `${demo.url()}/login`
    await keep('demo', 'form_login', { loginUrl, username: 'demo', password: 'demo', successText: 'Signed in as demo' })
    const { use, lines, secrets, cookies } = useAt()
    await credentials.forRequest('demo', demo.url(), use)
    await Promise.all([1, 2, 3].map(() => credentials.forRequest('demo', demo.url(), use)))
    expect(lines.filter((line) => line.startsWith('signed in at'))).toHaveLength(1)
    const sent = cookies.headerFor(demo.url())
    expect(sent).not.toBe('')
    expect([...secrets].some((secret) => sent.includes(secret))).toBe(true)
    credentials.refused('default', 'demo')
    await credentials.forRequest('demo', demo.url(), use)
    expect(lines.filter((line) => line.startsWith('signed in at'))).toHaveLength(2)
  })

  it('says that it was refused', async () => {
    const loginUrl = `${demo.url()}/login`
    await keep('demo-wrong', 'form_login', { loginUrl, username: 'demo', password: CANARY })
    const failure = await failureOf(credentials.forRequest('demo-wrong', demo.url(), useAt().use))
    expect(failure.reason).toBe('credentials_refused')
    expect(failure.message).toMatch(/^Signing in at 127\.0\.0\.1:\d+ failed: /)
  })

  const form = (attributes: string, inputs = '<input name=username><input type=password name=password>') =>
    `<form ${attributes}>${inputs}<input type=hidden name=csrf value=c1></form>`
  it.each([
    ['elsewhere', form('method=post action="http://evil.example/steal"'), 'credential_not_for_host'],
    ['script', form('method=post action="javascript:x"'), 'credential_not_for_host'],
    ['get', form('action="/in"'), 'credentials_refused'],
    ['none', '<p>Please wait</p>', 'value_missing'],
    ['again', form('method=post'), 'credentials_refused'],
  ])('refuses the form %s', async (name, page, reason) => {
    const posted: string[] = []
    const base = await serve((request, response) => {
      request.on('data', (part: Buffer) => posted.push(String(part)))
      request.on('end', () => response.end(page))
    })
    const fields = { loginUrl: `${base}/login`, username: 'u', password: CANARY }
    await keep(`form-${name}`, 'form_login', fields)
    const failure = await failureOf(credentials.forRequest(`form-${name}`, base, useAt().use))
    expect(failure.reason).toBe(reason)
    expect(posted.length).toBe(name === 'again' ? 1 : 0)
    if (name === 'again') expect(new URLSearchParams(posted[0]).get('csrf')).toBe('c1')
  })
})
