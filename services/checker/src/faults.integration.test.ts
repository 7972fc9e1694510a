import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { fromBinary } from '@bufbuild/protobuf'
import { createCheckQueue } from '@driftline/checks/check-queue'
import { createFlowStore } from '@driftline/checks/flow-store'
import { runOfProgress } from '@driftline/checks/run-model'
import { createCredentialStore } from '@driftline/checks/vault/credential-store'
import { createSealer } from '@driftline/platform/access/sealing'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { createFaultyBus } from '@driftline/platform/bus/faulty-bus'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import type { Component } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { type RunEvent, RunEventSchema, RunStatus, topics } from '@driftline/proto'
import Database from 'libsql'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readCheckerConfig } from './config.ts'
import { type Certificates, type KeyAndCertificate, makeCertificates } from './net/testing/certificates.ts'
import { type HostileServer, startHostileServer } from './net/testing/hostile-server.ts'
import { createChecker } from './service.ts'

const { SUCCESS, FAILED, TIMEOUT } = RunStatus
const T = 'default'
const BY = 'user:1'
/** What a run may take beside the time of its step. */
const MARGIN_SECONDS = 2
const WRONG_PASSWORD = 'canary-wrong-password'
const METADATA_REFUSED = /^Connecting to .*(169\.254\.169\.254|a9fe:a9fe).* is not allowed: it is .*link-local/

const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
const directory = mkdtempSync(join(tmpdir(), 'driftline-faults-'))
const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps)
const sealer = createSealer({ key: randomBytes(32) })
const vault = createCredentialStore({ metadata, sealer, clock: systemClock })
const flows = createFlowStore({ metadata, clock: systemClock })
const queue = createCheckQueue({ metadata, clock: systemClock })
const { bus, stored } = createFaultyBus(4, () => 'stored')
let checker: Component

interface Fault {
  readonly checkType?: 'rest' | 'sql'
  readonly config: Readonly<Record<string, unknown>>
  /** Of the one step. */
  readonly seconds?: number
}

interface Expected {
  readonly status?: RunStatus
  readonly reason: string
  readonly message: RegExp
}

beforeAll(async () => {
  await metadata.start()
  const basic = (name: string, username: string, password: string) =>
    vault.create(T, { name, kind: 'basic', hosts: ['127.0.0.1'], fields: { username, password } }, BY)
  await basic('reader', 'fault_reader', 'right-password')
  await basic('stranger', 'fault_stranger', WRONG_PASSWORD)
  const config = readCheckerConfig({
    env: { DRIFTLINE_ALLOWED_PRIVATE_NETWORKS: '127.0.0.0/8', DRIFTLINE_CHECKER_INSTANCE: 'test' },
    yaml: { checker: { allowed_roots: [directory], demo_target: false } },
    file: null,
  })
  const hotState = createInProcessHotState({ maxKeys: 10_000 }, deps)
  // No step here looks at what the product itself has measured.
  const analytics = {} as AnalyticsStore
  checker = createChecker(config, { ...deps, bus, metadata, sealer, hotState, analytics })
  await checker.start()
}, 60_000)
afterAll(async () => {
  await checker.stop()
  await metadata.stop()
  rmSync(directory, { recursive: true, force: true })
})

const until = (holds: () => unknown): Promise<void> =>
  expect.poll(async () => holds(), { timeout: 20_000, interval: 20 }).toBeTruthy()

let flowCount = 0

/** Makes a flow of one step, asks for a check as the button does, and waits for its end. */
async function run({ checkType = 'rest', config, seconds = 20 }: Fault): Promise<RunEvent> {
  const step = {
    stepName: 'Fault',
    checkType,
    checkConfiguration: { ...config },
    timeoutSeconds: seconds,
    retryCount: 0,
  }
  const flow = await flows.create(T, { name: `fault ${++flowCount}`, steps: [step] }, BY)
  const asked = { flow: flow.id, trigger: 'button', initiatedBy: BY, initiatedByName: 'admin' } as const
  const { checkId } = (await queue.request(T, asked))!
  let event: RunEvent | undefined
  await expect
    .poll(
      async () => {
        const row = (await queue.get(T, checkId))!
        if (row.state === 'ended') event = runOfProgress(row.progress)?.event
        return event !== undefined
      },
      { timeout: (seconds + 30) * 1000, interval: 20 },
    )
    .toBe(true)
  return event!
}

/** The last word of a run on the bus, which is whole. */
function lastPublished(id: string): RunEvent | undefined {
  return stored
    .filter(({ topic }) => topic === topics.runs.name)
    .map(({ value }) => fromBinary(RunEventSchema, value))
    .findLast((event) => event.run === id && event.endMs > 0n)
}

async function expectFault(fault: Fault, { status = FAILED, reason, message }: Expected): Promise<RunEvent> {
  const event = await run(fault)
  const [step] = event.steps
  const found = { run: RunStatus[event.status], step: RunStatus[step!.status], reason: step!.reason }
  expect({ ...found, message: step!.errorMessage }).toEqual({
    run: RunStatus[status],
    step: RunStatus[status],
    reason,
    message: expect.stringMatching(message),
  })
  expect(event.message).toContain(step!.errorMessage.slice(0, 60))
  expect(step!.hint).not.toBe('')
  expect(event.executionTime).toBeLessThan((fault.seconds ?? 20) + MARGIN_SECONDS)
  await until(() => lastPublished(event.run))
  const published = lastPublished(event.run)!
  expect([published.status, published.steps[0]!.reason]).toEqual([status, reason])
  const texts = [...event.lines, ...published.lines].map(({ text }) => text)
  expect(texts.join()).toContain(step!.errorMessage.slice(0, 60))
  expect([...texts, published.message, published.steps[0]!.result].join()).not.toContain(WRONG_PASSWORD)
  return event
}

async function closedPort(): Promise<number> {
  const gone = createTcpServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address() as AddressInfo
  gone.close()
  await once(gone, 'close')
  return port
}

describe('a target that is not there, or misbehaves', () => {
  let server: HostileServer
  beforeAll(async () => {
    server = await startHostileServer()
  })
  afterEach(() => until(() => server.open() <= 1))
  afterAll(() => server.stop())

  it('refuses the connection', async () => {
    const port = await closedPort()
    await expectFault(
      { config: { url: `http://127.0.0.1:${port}/` } },
      { reason: 'connection_refused', message: new RegExp(`^127\\.0\\.0\\.1:${port} refused the connection$`) },
    )
  })

  it.each<[string, Expected, number, Record<string, unknown>]>([
    ['/drip', { status: TIMEOUT, reason: 'timeout', message: /^Reading the body from .* \(\d bytes came\)/ }, 2.5, {}],
    ['/drip-headers', { status: TIMEOUT, reason: 'timeout', message: /^Waiting for the answer of/ }, 2, {}],
    ['/silent', { status: TIMEOUT, reason: 'timeout', message: /^Waiting for the answer of/ }, 2, {}],
    ['/endless', { reason: 'answer_too_large', message: /larger than 5,000,000 bytes/ }, 20, {}],
    ['/endless', { reason: 'answer_too_large', message: /larger than 1,000 bytes/ }, 20, { bodyBytesMax: 1000 }],
    ['/bomb', { reason: 'decompressed_too_large', message: /grew to more than 5,000,000/ }, 20, {}],
    ['/close-mid-body', { reason: 'connection_lost', message: /in the middle of the body, after 9 bytes/ }, 20, {}],
    ['/garbage', { reason: 'answer_invalid', message: /not HTTP/ }, 20, {}],
  ])('ends %s as %o and keeps no connection', async (path, expected, seconds, more) => {
    await expectFault({ config: { url: `${server.url}${path}`, ...more }, seconds }, expected)
    await until(() => server.open() === 0)
  })

  it.each<[string, Expected]>([
    ['/loop', { reason: 'redirect_loop', message: /^The redirects go round: .*\/loop to .*\/loop$/ }],
    ['/ping', { reason: 'redirect_loop', message: /ping to .*pong to .*ping$/ }],
    ['/many/0', { reason: 'redirects_too_many', message: /^There are more than 10 redirects/ }],
    ['/private', { reason: 'address_refused', message: /^Connecting to 10\.1\.2\.3 is not allowed/ }],
    ['/metadata', { reason: 'address_refused', message: METADATA_REFUSED }],
    ['/to/http%3A%2F%2F2852039166%2F', { reason: 'address_refused', message: METADATA_REFUSED }],
    ['/to/http%3A%2F%2F127.0.0.1@169.254.169.254%2F', { reason: 'address_refused', message: METADATA_REFUSED }],
  ])('does not follow %s', async (path, expected) => {
    await expectFault({ config: { url: `${server.url}${path}` }, seconds: 10 }, expected)
  })

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0xa9.0xfe.0xa9.0xfe/',
    'http://0251.0376.0251.0376/',
    'http://169.254.43518/',
    'http://169.254.169.254./',
    'http://１６９.254.169.254/',
    'http://%31%36%39.254.169.254/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::169.254.169.254]/',
    'https://169.254.169.254/',
  ])('does not ask %s', async (url) => {
    await expectFault({ config: { url }, seconds: 5 }, { reason: 'address_refused', message: METADATA_REFUSED })
  })

  it.each(['http://127.0.0.1@169.254.169.254/', 'http://user:word@2852039166:80/'])('does not keep %s', async (url) => {
    await expect(run({ config: { url } })).rejects.toMatchObject({ message: expect.stringMatching(/user name/) })
  })

  it('asks a good target all the same', async () => {
    expect((await run({ config: { url: `${server.url}/plain` } })).status).toBe(SUCCESS)
  })
})

describe('a target with a wrong certificate, or that refuses a credential', () => {
  const servers: Server[] = []
  const sockets = new Set<Duplex>()
  let certificates: Certificates

  beforeAll(async () => {
    certificates = makeCertificates()
    const { cert: certificate, key } = certificates.client
    const fields = { certificate, key, authorities: certificates.authority }
    await vault.create(T, { name: 'own-authority', kind: 'client_certificate', hosts: ['127.0.0.1'], fields }, BY)
  })
  afterEach(() => until(() => sockets.size <= 1))
  afterAll(async () => {
    for (const socket of sockets) socket.destroy()
    for (const server of servers) await new Promise((resolve) => server.close(resolve))
  })

  async function serve(identity: KeyAndCertificate, status = 200): Promise<string> {
    const server = createServer(identity, (_request, response) => void response.writeHead(status).end('{}'))
    servers.push(server)
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  it.each<[keyof Omit<Certificates, 'authority'>, string | undefined, RegExp]>([
    ['selfSigned', undefined, /self.signed|signed by itself/i],
    ['good', undefined, /authority|issuer/i],
    ['expired', 'own-authority', /expired|ended/i],
    ['otherHost', 'own-authority', /other\.example/],
  ])('does not trust %s (credential: %s)', async (name, credential, message) => {
    const url = await serve(certificates[name])
    await expectFault(
      { config: { url, ...(credential && { credential }) } },
      { reason: 'certificate_invalid', message },
    )
    await until(() => sockets.size === 0)
  })

  it('trusts a good one by its authority', async () => {
    const url = await serve(certificates.good)
    expect((await run({ config: { url, credential: 'own-authority' } })).status).toBe(SUCCESS)
  })

  it.each<[string, number, Expected]>([
    ['own-authority', 401, { reason: 'credentials_refused', message: /refused the credential own-authority: .*401/ }],
    ['own-authority', 403, { reason: 'credentials_refused', message: /refused the credential own-authority: .*403/ }],
    ['missing', 200, { reason: 'credential_unknown', message: /no credential missing$/ }],
  ])('says that %s was refused with %d', async (credential, status, expected) => {
    const url = await serve(certificates.good, status)
    await expectFault({ config: { url, credential } }, expected)
  })
})

describe('a database in a file that answers without end', () => {
  const file = join(directory, 'shop.db')
  const url = `sqlite:${file}`
  const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT'
  let database: Database.Database

  beforeAll(() => {
    database = new Database(file)
    database.exec('CREATE TABLE orders (id integer); INSERT INTO orders VALUES (1)')
  })
  afterAll(() => void database.close())
  afterEach(() => until(() => children().every((state) => !state.startsWith('R')) && children().length <= 4))

  it.each<[string, Expected, number]>([
    [`${endless} count(*) FROM n`, { status: TIMEOUT, reason: 'timeout', message: /time was over|not finished/ }, 3],
    [`${endless} i FROM n`, { reason: 'rows_too_many', message: /more than 1000 rows/ }, 20],
    ['DELETE FROM orders', { reason: 'statement_not_read_only', message: /begins with DELETE/ }, 20],
  ])('ends %s as %o', async (query, expected, seconds) => {
    await expectFault({ checkType: 'sql', config: { url, query }, seconds }, expected)
    expect(database.prepare('SELECT count(*) AS n FROM orders').all()).toMatchObject([{ n: 1 }])
  })

  it('names a lock', async () => {
    database.exec('BEGIN EXCLUSIVE')
    const fault = { checkType: 'sql', config: { url, query: 'SELECT count(*) FROM orders' }, seconds: 6 } as const
    await expectFault(fault, { reason: 'table_locked', message: /lock/ }).finally(() => database.exec('ROLLBACK'))
    expect((await run(fault)).status).toBe(SUCCESS)
  })
})

/** States of our children that read databases: `R` computes. Those that idle are kept for half a minute. */
function children(): string[] {
  const rows = execFileSync('ps', ['-o', 'stat=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
  return rows.split('\n').filter((row) => row.includes('database-child'))
}

describeWithServer('postgres', 'a database that is slow, locked or too talkative', (server) => {
  let admin: pg.Client
  let url: string

  beforeAll(async () => {
    const at = new URL(server().url)
    const first = new pg.Client({ connectionString: server().url })
    await first.connect()
    await first.query(`CREATE ROLE fault_reader LOGIN PASSWORD 'right-password'`)
    await first.query('CREATE DATABASE checker_faults')
    await first.end()
    admin = new pg.Client({ host: at.hostname, port: Number(at.port), user: 'driftline', database: 'checker_faults' })
    await admin.connect()
    await admin.query('CREATE TABLE orders (id bigint); INSERT INTO orders VALUES (1); GRANT ALL ON orders TO PUBLIC')
    await admin.query(`CREATE FUNCTION add_order() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
      $$ INSERT INTO orders VALUES (2) RETURNING id $$`)
    url = `postgresql://127.0.0.1:${at.port}/checker_faults`
  })
  afterEach(() =>
    until(async () => {
      const { rows } = await admin.query(`SELECT pid FROM pg_stat_activity WHERE usename = 'fault_reader'`)
      return rows.length === 0
    }),
  )
  afterAll(async () => {
    await admin?.end()
  })

  const fault = (query: string, seconds: number, credential = 'reader'): Fault => ({
    checkType: 'sql',
    config: { url, credential, query },
    seconds,
  })

  it.each<[string, Expected, number]>([
    ['SELECT pg_sleep(60)', { status: TIMEOUT, reason: 'timeout', message: /time was over|not finished/ }, 1.5],
    [
      'SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b',
      { status: TIMEOUT, reason: 'timeout', message: /time was over|not finished/ },
      1.5,
    ],
    ['SELECT * FROM generate_series(1, 10000000)', { reason: 'rows_too_many', message: /more than 1000 rows/ }, 20],
    [
      `SELECT repeat('x', 100000) FROM generate_series(1, 10000000)`,
      { reason: 'answer_too_large', message: /larger than 32 MB/ },
      20,
    ],
    ['DELETE FROM orders', { reason: 'statement_not_read_only', message: /begins with DELETE/ }, 20],
    ['SELECT 1; DROP TABLE orders', { reason: 'statement_not_read_only', message: /./ }, 20],
    [
      'WITH gone AS (DELETE FROM orders RETURNING 1) SELECT * FROM gone',
      { reason: 'statement_not_read_only', message: /./ },
      20,
    ],
    ['SELECT add_order()', { reason: 'statement_not_read_only', message: /refused a statement that writes/ }, 20],
  ])('ends %s as %o', async (query, expected, seconds) => {
    await expectFault(fault(query, seconds), expected)
    expect((await admin.query('SELECT count(*)::int AS n FROM orders')).rows).toEqual([{ n: 1 }])
  })

  it('names who was refused, and not the password', async () => {
    const event = await expectFault(fault('SELECT 1', 20, 'stranger'), {
      reason: 'credentials_refused',
      message: /refused the user "fault_stranger"/,
    })
    expect(event.steps[0]!.attempts).toHaveLength(1)
  })

  it('names a lock', async () => {
    await admin.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE')
    const expected = { reason: 'table_locked', message: /waited for a lock until its time was over/ }
    await expectFault(fault('SELECT count(*) FROM orders', 2), expected).finally(() => admin.query('ROLLBACK'))
    expect((await run(fault('SELECT count(*) FROM orders', 20))).status).toBe(SUCCESS)
  })
})
