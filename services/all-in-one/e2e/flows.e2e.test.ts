import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  keepInMariadb,
  keepInPostgres,
  keepInS3,
  keepInSftp,
  keepInSqlite,
  type StoredOrder,
} from '@driftline/checker/testing/order-stores'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { OAUTH2_SECRET } from '../../../infra/servers/oauth2.ts'
import { eventually, freePort, type RunningChild, runService } from './child.ts'
import { ADMIN_PASSWORD } from './faults/rest.ts'
import { describeWithServers } from './flows/servers.ts'
import { type Places, STEP_KEYS, twelveSteps } from './flows/twelve-steps.ts'
import { openSession, type Session } from './sources/session.ts'

const READY_WITHIN_MS = 180_000
const ENDED_WITHIN_MS = 300_000
const LISTED_WITHIN_MS = 60_000
const FLOW = 'From door to warehouse'
/** The first order that the demo shop has open. */
const ORDER = 'O-1001'

interface Step {
  readonly key: string
  readonly status: string
  readonly errorMessage: string | null
  readonly reason: string | null
  readonly values: readonly { readonly name: string; readonly value: string; readonly secret: boolean }[]
}

interface Check {
  readonly checkId: string
  readonly overallStatus: string
  readonly endTime: string | null
  readonly currentStep: number
  readonly message: string | null
  readonly steps: readonly Step[]
}

interface LiveFrame {
  readonly channel?: string
  readonly snapshot?: Check
  readonly changes?: { readonly check?: Partial<Check>; readonly steps?: readonly Step[] }
}

/** What a run comes down to: each step's status, with what is wrong where something is. */
const outcomes = ({ steps }: Check): string[] =>
  steps.map(({ key, status, reason, errorMessage }) =>
    [`${key} ${status}`, reason, errorMessage].filter((part) => part !== null && part !== '').join(': '),
  )

const servers = ['nginx', 'oauth2', 'postgres', 'mariadb', 'sftp', 's3', 'chromium'] as const

describeWithServers(servers, 'a flow of twelve steps over real parts', (url) => {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-flows-'))
  const word = randomBytes(6).toString('hex')
  const order: StoredOrder = {
    id: ORDER,
    pickupCode: `pickup-${randomBytes(12).toString('hex')}`,
    reader: { username: 'flow_reader', password: `reader-${word}` },
  }
  let child: RunningChild
  let address: string
  let session: Session
  let sftp: ReturnType<typeof keepInSftp>
  let s3: Awaited<ReturnType<typeof keepInS3>>
  let places: Places
  let flow: string
  let socket: WebSocket
  const frames: string[] = []

  beforeAll(async () => {
    const allowed = join(directory, 'allowed')
    mkdirSync(allowed)
    sftp = keepInSftp(url('sftp'), `flow-${word}`, order)
    s3 = await keepInS3(url('s3'), `flow-${word}`, order)
    places = {
      nginx: new URL(url('nginx')).origin,
      oauth2: url('oauth2'),
      postgres: await keepInPostgres(url('postgres'), `flow_${word}`, order),
      mariadb: await keepInMariadb(url('mariadb'), `flow_${word}`, order),
      sqlite: keepInSqlite(join(allowed, 'till.db'), order),
      sftp: sftp.url,
      s3,
      host: hostname(),
    }
    await startProduct(allowed)
    await keepCredentials()
  })
  afterAll(async () => {
    socket?.terminate()
    await child?.end('SIGKILL')
    sftp?.remove()
    rmSync(directory, { recursive: true, force: true })
  })

  async function startProduct(allowed: string): Promise<void> {
    const port = await freePort()
    address = `http://127.0.0.1:${port}`
    child = runService(
      'all-in-one',
      {
        DRIFTLINE_DATA_DIR: join(directory, 'data'),
        DRIFTLINE_HTTP_PORT: String(port),
        DRIFTLINE_GRPC_PORT: '0',
        DRIFTLINE_MQTT_PORT: '0',
        DRIFTLINE_MONITOR_GRPC_PORT: '0',
        DRIFTLINE_ADMIN_PASSWORD: ADMIN_PASSWORD,
        DRIFTLINE_ALLOWED_PRIVATE_NETWORKS: '127.0.0.0/8,::1/128',
        DRIFTLINE_CHECKER_ALLOWED_ROOTS: `[${allowed}]`,
        DRIFTLINE_CHECKER_BROWSER_EXECUTABLE: url('chromium'),
      },
      directory,
    )
    await child.prints(/ready at (\S+)/, READY_WITHIN_MS)
    session = await openSession(address)
    const signedIn = await session.post<{ token: string }>('sessions', { username: 'admin', password: ADMIN_PASSWORD })
    const headers = { authorization: `Bearer ${signedIn.token}`, origin: address }
    socket = new WebSocket(`${address.replace('http', 'ws')}/api/v1/live`, { headers })
    socket.on('message', (message: Buffer) => frames.push(String(message)))
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  }

  async function keepCredentials(): Promise<void> {
    const keep = (name: string, kind: string, fields: object): Promise<unknown> =>
      session.post('credentials', { name, kind, hosts: ['127.0.0.1'], fields })
    await keep('shop', 'basic', { username: 'demo', password: 'demo' })
    await keep('reader', 'basic', order.reader)
    const client = { clientId: 'driftline', clientSecret: OAUTH2_SECRET, scope: 'read' }
    await keep('partner', 'oauth2', { tokenUrl: `${places.oauth2}/token`, ...client })
    const { username, hostKey, keyFile } = sftp
    await keep('carrier', 'ssh_key', { username, hostKey, privateKey: readFileSync(keyFile, 'utf8') })
    await keep('archive', 's3', s3.fields)
  }

  /** Presses the button, follows the run as the page does, and answers it when it has ended. */
  async function runFlow(): Promise<Check> {
    const { checkId } = await session.post<{ checkId: string }>(`processes/${encodeURIComponent(flow)}/checks`, {})
    socket.send(JSON.stringify({ subscribe: [`check:${checkId}`] }))
    return eventually(`the end of ${checkId}`, ENDED_WITHIN_MS, async () => {
      const check = await session.get<Check>(`checks/${checkId}`)
      return check.endTime === null ? undefined : check
    })
  }

  /** Steps that a page has seen at work, and the last that it was told of the run as a whole. */
  function followed(checkId: string): { running: string[]; status: string | undefined } {
    const running = new Set<string>()
    let status: string | undefined
    for (const frame of frames.map((text) => JSON.parse(text) as LiveFrame)) {
      if (frame.channel !== `check:${checkId}`) continue
      status = frame.changes?.check?.overallStatus ?? frame.snapshot?.overallStatus ?? status
      const steps = frame.changes?.steps ?? frame.snapshot?.steps ?? []
      for (const step of steps) if (step.status === 'running') running.add(step.key)
    }
    return { running: [...running], status }
  }

  /** Newest first, once the run has come into the history. */
  const history = (checkId: string): Promise<string[]> =>
    eventually(`${checkId} in the history`, LISTED_WITHIN_MS, async () => {
      const items = await session.list<Check>(`processes/${encodeURIComponent(flow)}/checks`)
      const isThere = items.some((item) => item.checkId === checkId && item.endTime !== null)
      return isThere ? items.map(({ overallStatus }) => overallStatus) : undefined
    })

  it('succeeds, step by step, with values of one step in others', async () => {
    flow = (await session.post<{ id: string }>('flows', twelveSteps(FLOW, places, 1))).id
    const check = await runFlow()
    expect(outcomes(check)).toEqual(STEP_KEYS.map((key) => `${key} success`))
    expect(check).toMatchObject({ overallStatus: 'success', message: null })
    const values = Object.fromEntries(check.steps.flatMap(({ values }) => values.map((each) => [each.name, each])))
    expect(values['server']?.value).toMatch(/^nginx/)
    expect(values['id']).toMatchObject({ value: ORDER, secret: false })
    expect(values['code']).toMatchObject({ value: '***', secret: true })
    expect(await history(check.checkId)).toEqual(['success'])

    await eventually('the end of the run on the page', LISTED_WITHIN_MS, async () =>
      followed(check.checkId).status === 'success' ? true : undefined,
    )
    // The first steps may be over before the page follows; the browser's takes long after that.
    expect(followed(check.checkId).running).toEqual(expect.arrayContaining(['account', 'load']))
  })

  it('says at which step it failed, what was found and what was expected', async () => {
    await session.put(`flows/${encodeURIComponent(flow)}`, twelveSteps(FLOW, places, 2))
    const check = await runFlow()
    const at = STEP_KEYS.indexOf('warehouse')
    expect(outcomes(check)).toEqual([
      ...STEP_KEYS.slice(0, at).map((key) => `${key} success`),
      'warehouse failed: assertion_failed: rows was 1, expected 2',
      ...STEP_KEYS.slice(at + 1).map((key) => `${key} skipped`),
    ])
    expect(check).toMatchObject({ overallStatus: 'failed', currentStep: at + 1 })
    expect(check.message).toContain('rows was 1, expected 2')
    expect(await history(check.checkId)).toEqual(['failed', 'success'])
    await eventually('the end of the run on the page', LISTED_WITHIN_MS, async () =>
      followed(check.checkId).status === 'failed' ? true : undefined,
    )
  })

  it('tells nobody the code that one step gave to the next', async () => {
    const checks = await session.list<Check>('checks')
    const whole = await Promise.all(checks.map(({ checkId }) => session.get(`checks/${checkId}`)))
    const told = [JSON.stringify(whole), frames.join('\n'), child.output()].join('\n')
    expect(checks).toHaveLength(2)
    expect(told).toContain('***')
    for (const secret of [order.pickupCode, order.reader.password, OAUTH2_SECRET]) expect(told).not.toContain(secret)
  })
})
