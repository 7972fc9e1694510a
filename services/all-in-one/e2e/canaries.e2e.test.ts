import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startClickHouse } from '../../../infra/servers/clickhouse.ts'
import type { TrialServer } from '../../../infra/servers/server-process.ts'
import { type Canary, filesBelow, searchFor } from './canaries/canary-forms.ts'
import { type EchoTarget, startEchoTarget } from './canaries/echo-target.ts'
import { eventually, freePort, type RunningChild, runService } from './child.ts'
import { ADMIN_PASSWORD } from './faults/rest.ts'

const READY_WITHIN_MS = 180_000
const ENDED_WITHIN_MS = 60_000

const directory = mkdtempSync(join(tmpdir(), 'driftline-canaries-'))
const dataDir = join(directory, 'data')
const canaries: Canary[] = []
/** Signs that are written differently in every encoding. */
const plant = (name: string, text = `cnry-${name}-${randomBytes(6).toString('hex')} ä/"+&`): string => {
  canaries.push({ name, text })
  return text
}

let address: string
let token: string
let store: TrialServer
let target: EchoTarget
let child: RunningChild
const frames: string[] = []
let socket: WebSocket

async function ask(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
  const response = await fetch(`${address}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, text: Buffer.from(await response.arrayBuffer()).toString('latin1') }
}

async function must<T>(method: string, path: string, body?: object): Promise<T> {
  const { status, text } = await ask(method, `/api/v1${path}`, body)
  if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${text}`)
  return (text === '' ? null : JSON.parse(text)) as T
}

beforeAll(async () => {
  const ascii = (name: string): string => plant(name, `cnry-${name}-${randomBytes(8).toString('hex')}+/=`)
  const cookie = `cnry-session-${randomBytes(8).toString('hex')}`
  const secrets = { extracted: plant('extracted'), token: ascii('token'), session: plant('session', cookie) }
  target = await startEchoTarget(secrets)
  store = await startClickHouse()
  const port = await freePort()
  address = `http://127.0.0.1:${port}`
  child = runService(
    'all-in-one',
    {
      DRIFTLINE_DATA_DIR: dataDir,
      DRIFTLINE_HTTP_PORT: String(port),
      DRIFTLINE_GRPC_PORT: '0',
      DRIFTLINE_MQTT_PORT: '0',
      DRIFTLINE_MONITOR_GRPC_PORT: '0',
      DRIFTLINE_ADMIN_PASSWORD: ADMIN_PASSWORD,
      DRIFTLINE_CLICKHOUSE_URL: store.url,
      DRIFTLINE_ALLOWED_PRIVATE_NETWORKS: '127.0.0.0/8',
      DRIFTLINE_LOG_LEVEL: 'trace',
      // Answers that were refused for their number would have nothing to be found in.
      DRIFTLINE_RATE_LIMITS_PER_SESSION: '100000',
    },
    directory,
  )
  await child.prints(/ready at (\S+)/, READY_WITHIN_MS)
  const session = { username: 'admin', password: ADMIN_PASSWORD }
  token = (await must<{ token: string }>('POST', '/sessions', session)).token
  const headers = { authorization: `Bearer ${token}`, origin: address }
  socket = new WebSocket(`${address.replace('http', 'ws')}/api/v1/live`, { headers })
  socket.on('message', (message: Buffer) => frames.push(String(message)))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  await plantCredentials()
})
afterAll(async () => {
  socket?.terminate()
  await child?.end('SIGKILL')
  await target?.stop()
  await store?.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function plantCredentials(): Promise<void> {
  const keep = (name: string, kind: string, fields: Record<string, string>): Promise<unknown> =>
    must('POST', '/credentials', { name, kind, hosts: ['127.0.0.1'], fields })
  const printable = (name: string): string => plant(name, `cnry-${name}-${randomBytes(6).toString('hex')} /"+&`)
  const oauth = { clientId: 'robot', clientSecret: plant('oauth2') }
  await keep('basic', 'basic', { username: 'robot', password: plant('basic') })
  await keep('bearer', 'bearer', { token: printable('bearer') })
  await keep('header', 'api_key', { name: 'x-api-key', value: printable('header') })
  await keep('query', 'api_key', { in: 'query', name: 'key', value: plant('query') })
  await keep('oauth2', 'oauth2', { ...oauth, tokenUrl: `${target.url}/token` })
  await keep('oauth2-refused', 'oauth2', { ...oauth, tokenUrl: `${target.url}/token-refuses` })
  const login = { loginUrl: `${target.url}/login`, username: 'robot', password: plant('form_login') }
  await keep('form_login', 'form_login', login)
  const sessionToken = printable('s3-session')
  await keep('s3', 's3', { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: plant('s3'), sessionToken })
  await keep('certificate', 'client_certificate', certificate())
  const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const pem = String(privateKey.export({ type: 'pkcs1', format: 'pem' }))
  plant('ssh_key', pem.split('\n')[3])
  await keep('ssh_key', 'ssh_key', { username: 'robot', privateKey: pem, passphrase: plant('ssh-passphrase') })
}

function certificate(): Record<string, string> {
  const [keyFile, certificateFile] = [join(directory, 'client.key'), join(directory, 'client.pem')]
  const passphrase = plant('passphrase', `cnry-${randomBytes(8).toString('hex')}`)
  const subject = ['-subj', '/CN=robot', '-days', '2', '-passout', `pass:${passphrase}`]
  const files = ['-keyout', keyFile, '-out', certificateFile]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...files, ...subject], { stdio: 'ignore' })
  const key = readFileSync(keyFile, 'utf8')
  plant('certificate', key.split('\n')[3])
  const fields = { certificate: readFileSync(certificateFile, 'utf8'), key, passphrase }
  for (const file of [keyFile, certificateFile]) rmSync(file)
  return fields
}

interface Step {
  readonly stepName: string
  readonly checkType: string
  readonly checkConfiguration: object
  readonly timeoutSeconds: number
  readonly retryCount: number
}

const step = (stepName: string, checkType: string, checkConfiguration: object): Step => ({
  ...{ stepName, checkType, checkConfiguration, timeoutSeconds: 3, retryCount: 1 },
})

const rest = (path: string, more: object = {}): Step =>
  step(`Ask ${path}`, 'rest', { url: `${target.url}${path}`, ...more })

/** Flows that use every credential where it is echoed, and an extracted secret in every place that takes one. */
function flows(): Map<string, Step[]> {
  const made = new Map<string, Step[]>()
  const paths = ['/ok', '/gone', '/echo-header', '/echo-status', '/redirect', '/loop', '/cut', '/broken', '/slow']
  for (const credential of ['basic', 'bearer', 'header', 'query', 'oauth2', 'form_login']) {
    for (const path of paths) made.set(`${credential} ${path.slice(1)}`, [rest(path, { credential })])
    made.set(`${credential} page`, [step('Look', 'web_page', { url: `${target.url}/gone`, credential })])
    const query = '{ a }'
    made.set(`${credential} graphql`, [step('Query', 'graphql', { url: `${target.url}/ok`, credential, query })])
    const assertions = [{ of: 'json', path: '$.worn', is: 'equals', value: 'something else' }]
    made.set(`${credential} assertion`, [rest('/ok', { credential, assertions })])
    const extract = { worn: { of: 'json', path: '$.worn' } }
    made.set(`${credential} extracted`, [rest('/ok', { credential, extract }), rest('/gone')])
  }
  made.set('refused', [rest('/ok', { credential: 'oauth2-refused' })])
  made.set('elsewhere', [rest('/ok', { credential: 'basic', url: 'http://localhost:9/' })])
  const s3 = { url: 's3://bucket/key', endpoint: `${target.url}/xml`, credential: 's3' }
  made.set('s3', [step('Object', 'file', s3)])
  const sftp = { url: `${target.url.replace('http', 'sftp')}/file`, credential: 'ssh_key' }
  made.set('sftp', [step('File', 'file', { ...sftp, hostKey: `SHA256:${'a'.repeat(43)}` })])
  const tls = { url: `${target.url.replace('http', 'https')}/ok`, credential: 'certificate' }
  made.set('certificate', [step('Certificate', 'rest', tls)])
  const sql = { url: `${target.url.replace('http', 'postgresql')}/db`, credential: 'basic', query: 'select 1' }
  made.set('sql', [step('Rows', 'sql', sql)])
  const first = {
    ...rest('/hand-out', { extract: { token: { of: 'json', path: '$.token', secret: true } } }),
    key: 'first',
  }
  const used = '{{steps.first.token}}'
  made.set('in a query', [first, rest('/gone', { query: { q: used } })])
  made.set('in an address', [first, rest(`/gone?q=${used}`)])
  made.set('in a body', [first, rest('/cut', { method: 'POST', json: { q: used } })])
  made.set('in a form', [first, rest('/gone', { method: 'POST', form: { q: used } })])
  made.set('in an assertion', [
    first,
    rest('/ok', { assertions: [{ of: 'json', path: '$.worn', is: 'equals', value: used }] }),
  ])
  made.set('as a host', [first, step('Look up', 'dns', { name: used })])
  return made
}

interface Check {
  readonly checkId: string
  readonly endTime: string | null
  readonly overallStatus: string
}

const ids = { flows: [] as string[], checks: [] as string[] }

it('runs flows that use every secret, and targets that give them away', async () => {
  for (const [name, steps] of flows()) {
    const { id } = await must<{ id: string }>('POST', '/flows', { name, steps })
    ids.flows.push(id)
    const asked = await must<{ checkId: string }>('POST', `/processes/${encodeURIComponent(id)}/checks`, {})
    ids.checks.push(asked.checkId)
    const channels = [`check:${asked.checkId}`, `process:${id}`]
    socket.send(JSON.stringify({ subscribe: ids.checks.length === 1 ? ['flows', 'overview', ...channels] : channels }))
  }
  const ended: Check[] = []
  for (const id of ids.checks) {
    ended.push(
      await eventually(`the end of ${id}`, ENDED_WITHIN_MS, async () => {
        const check = await must<Check>('GET', `/checks/${id}`)
        return check.endTime === null ? undefined : check
      }),
    )
  }
  expect(new Set(ended.map(({ overallStatus }) => overallStatus))).toContain('success')
  expect(ended.filter(({ overallStatus }) => overallStatus !== 'success').length).toBeGreaterThan(40)

  // What is never sent cannot be given away: the target must have seen what is looked for.
  const travelled = new Set(canaries.filter((canary) => searchFor([canary])(target.received()).length > 0))
  const names = [...travelled].map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['extracted', 'token', 'session', 'basic', 'bearer', 'header', 'query']))
  expect(names).toEqual(expect.arrayContaining(['oauth2', 'form_login', 's3-session']))
})

it('answers them nowhere in the API', async () => {
  const { paths } = await must<{ paths: Record<string, Record<string, unknown>> }>('GET', '/openapi.json')
  const search = searchFor(canaries)
  const leaks: string[] = []
  let asked = 0
  let masked = 0
  for (const [path, operations] of Object.entries(paths)) {
    if (!('get' in operations)) continue
    for (const filled of filledPaths(path)) {
      const { status, text } = await ask('GET', filled)
      asked++
      if (status >= 500 || status === 429) throw new Error(`${filled} answered ${status}: ${text}`)
      if (text.includes('***')) masked++
      // Bytes were read as Latin-1, so that files are searched as they are.
      leaks.push(...search(Buffer.from(text, 'latin1')).map((leak) => `${filled}: ${leak}`))
    }
  }
  for (const path of ['/metrics', `/api/v1/checks/compare?a=${ids.checks[0]}&b=${ids.checks[0]}`]) {
    const { text } = await ask('GET', path)
    leaks.push(...search(Buffer.from(text, 'latin1')).map((leak) => `${path}: ${leak}`))
  }
  expect(leaks).toEqual([])
  expect(asked).toBeGreaterThan(ids.checks.length)
  expect(masked).toBeGreaterThan(10)
})

/** The path with every id that it may have here; queries that a route needs are added. */
function filledPaths(path: string): string[] {
  const flowIds = ids.flows.map(encodeURIComponent)
  if (path.includes('/checks/{')) {
    return ids.checks.flatMap((id) =>
      [1, 2].map((number) => path.replace('{id}', id).replace('{stepNumber}', String(number))),
    )
  }
  if (path.startsWith('/api/v1/credentials/'))
    return ['basic', 'ssh_key', 'oauth2'].map((name) => path.replace('{name}', name))
  if (/\/(flows|processes)\/\{id\}/.test(path)) {
    // What they say of one flow they say of all: one of each kind, and those that failed in other ways.
    return flowIds.filter((_, index) => index % 5 === 0).map((id) => path.replace('{id}', id).replace('{version}', '1'))
  }
  if (path.startsWith('/api/v1/reports/')) return flowIds.slice(0, 5).map((id) => `${path}?process=${id}`)
  return path.includes('{') ? [] : [path, `${path}?limit=1000`]
}

it('tells them to no screen', () => {
  expect(frames.join('\n')).toContain('check:')
  expect(searchFor(canaries)(frames.join('\n'))).toEqual([])
})

it('writes them neither to logs nor to files nor to tables', async () => {
  const search = searchFor(canaries)
  const rows = await eventually('the runs in the store', ENDED_WITHIN_MS, async () => {
    const text = await everyRow()
    return ids.checks.every((id) => text.includes(id)) ? text : undefined
  })
  expect(search(rows)).toEqual([])
  expect(await child.end('SIGTERM')).toBe(0)
  expect(child.output()).toContain('"level":"debug"')
  expect(search(child.output())).toEqual([])
  const leaks: string[] = []
  let files = 0
  for (const { path, bytes } of filesBelow(directory)) {
    files++
    leaks.push(...search(bytes).map((leak) => `${path}: ${leak}`))
  }
  expect(leaks).toEqual([])
  expect(files).toBeGreaterThan(5)
})

/** Every row of every table, as ClickHouse answers it. */
async function everyRow(): Promise<string> {
  const url = new URL(store.url)
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)]
  const query = async (sql: string): Promise<string> => {
    const response = await fetch(`${url.origin}/?database=${database}`, {
      method: 'POST',
      headers: { 'x-clickhouse-user': user, 'x-clickhouse-key': password },
      body: sql,
    })
    return response.text()
  }
  const tables = await query(
    `SELECT name FROM system.tables WHERE database = '${database}' AND engine LIKE '%MergeTree' FORMAT TSV`,
  )
  const names = tables.trim().split('\n')
  const texts = await Promise.all(names.map((name) => query(`SELECT * FROM \`${name}\` FORMAT JSONEachRow`)))
  return texts.join('\n')
}
