import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accessDefaults, createAccess } from '@driftline/platform/access/access'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { eventually, freePort, observe, type RunningChild, root, runService } from '../child.ts'
import { EAGER_WRITER, READY_WITHIN_MS } from '../faults/product.ts'
import { ADMIN_PASSWORD } from '../faults/rest.ts'

/** Bounds of the product under trial: small, so that every one of them is reached, and memory that grows kills it. */
export const limits = {
  heapMb: 320,
  pushSeries: 3000,
  mqttSeriesOfSource: 800,
  retained: 50,
  filesOfSource: 100,
  lineBytes: 65_536,
  tailerSeriesOfSource: 500,
} as const

export interface ApiAnswer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: answers of the API are looked into by the tests themselves
  readonly body: any
}

export interface ApiKey {
  readonly id: string
  readonly key: string
}

/** The product in one process, with two tenants. */
export interface World {
  readonly httpPort: number
  readonly grpcPort: number
  readonly mqttPort: number
  /** An empty directory that the product may read. */
  readonly directory: string
  readonly dataDir: string
  readonly pid: number
  /** A key that may do anything in the second tenant but send data, and one that may do only that. */
  readonly strangerKey: string
  readonly strangerIngestKey: string
  api(method: string, path: string, body?: unknown, token?: string): Promise<ApiAnswer>
  makeKey(name: string, role?: string): Promise<ApiKey>
  /** Sum of the counters whose name and labels begin with and hold what is given. */
  counter(name: string, labels?: Readonly<Record<string, string>>): Promise<number>
  output(): string
  stop(): Promise<void>
}

const OTHER_TENANT = 'other'

export async function startWorld(): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-hostile-'))
  const dataDir = join(directory, 'data')
  mkdirSync(dataDir)
  mkdirSync(join(directory, 'files'))
  const strangers = await foundOtherTenant(dataDir)
  const [httpPort, grpcPort, mqttPort] = [await freePort(), await freePort(), await freePort()]
  const child = launch(directory, dataDir, { httpPort, grpcPort, mqttPort })
  try {
    await child.prints(/ready at (\S+)/, READY_WITHIN_MS)
    const address = `http://127.0.0.1:${httpPort}`
    const signedIn = await ask(address, 'POST', '/api/v1/sessions', { username: 'admin', password: ADMIN_PASSWORD })
    const adminToken = signedIn.body.token as string
    const api: World['api'] = (method, path, body, token = adminToken) => ask(address, method, path, body, token)
    return {
      httpPort,
      grpcPort,
      mqttPort,
      directory: join(directory, 'files'),
      dataDir,
      pid: child.pid,
      ...strangers,
      api,
      async makeKey(name, role = 'ingest') {
        const { status, body } = await api('POST', '/api/v1/api-keys', { name, role })
        if (status !== 201) throw new Error(`no key: ${status} ${JSON.stringify(body)}`)
        return { id: body.id ?? body.apiKey?.id, key: body.key }
      },
      counter: async (name, labels = {}) =>
        name.startsWith('status.')
          ? statusCount(api, name.slice('status.'.length), labels['reason'] ?? '')
          : sumOf(await metricsText(address), name, labels),
      output: child.output,
      async stop() {
        await child.end('SIGTERM')
        rmSync(directory, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await child.end('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
}

function launch(
  directory: string,
  dataDir: string,
  { httpPort, grpcPort, mqttPort }: Pick<World, 'httpPort' | 'grpcPort' | 'mqttPort'>,
): RunningChild {
  const env = {
    ...EAGER_WRITER,
    NODE_OPTIONS: `--max-old-space-size=${limits.heapMb}`,
    DRIFTLINE_DATA_DIR: dataDir,
    DRIFTLINE_HTTP_PORT: String(httpPort),
    DRIFTLINE_GRPC_PORT: String(grpcPort),
    DRIFTLINE_MQTT_PORT: String(mqttPort),
    DRIFTLINE_MONITOR_GRPC_PORT: '0',
    DRIFTLINE_ADMIN_PASSWORD: ADMIN_PASSWORD,
    DRIFTLINE_REAL_TIME_MONITORING_ENABLED: 'false',
    DRIFTLINE_INTAKE_PUSH_MAX_SERIES: String(limits.pushSeries),
    DRIFTLINE_INTAKE_PUSH_MAX_BYTES_IN_FLIGHT: String(64 * 1024 * 1024),
    DRIFTLINE_MQTT_MAX_SERIES: String(limits.mqttSeriesOfSource),
    DRIFTLINE_MQTT_MAX_SERIES_PER_TENANT: String(limits.mqttSeriesOfSource * 2),
    DRIFTLINE_MQTT_MAX_RETAINED: String(limits.retained),
    DRIFTLINE_TAILER_MAX_FILES: String(limits.filesOfSource),
    DRIFTLINE_TAILER_MAX_LINE_BYTES: String(limits.lineBytes),
    DRIFTLINE_TAILER_MAX_SERIES: String(limits.tailerSeriesOfSource),
  }
  // Root may read everything, so that nothing could be refused to it: then the product runs as nobody.
  if (process.getuid?.() !== 0) return runService('all-in-one', env, directory)
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, directory])
  const child = spawn(
    'setpriv',
    [
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      '--clear-groups',
      process.execPath,
      join(root, 'services/all-in-one/dist/main.js'),
    ],
    {
      cwd: directory,
      env: { PATH: process.env.PATH, HOME: directory, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  return observe('all-in-one', child)
}

const NOBODY = 65_534

/** Tenants are made by whoever runs the installation, in its database: here before the first start. */
async function foundOtherTenant(dataDir: string): Promise<Pick<World, 'strangerKey' | 'strangerIngestKey'>> {
  const [logger, clock] = [createLogger('fatal'), systemClock]
  const metadata = createSqliteMetadata({ file: join(dataDir, 'metadata.sqlite') }, { logger, clock })
  const hotState = createInProcessHotState({ maxKeys: 100 }, { clock })
  await metadata.start()
  await hotState.start()
  await metadata.db
    .insertInto('tenants')
    .values({ tenant: OTHER_TENANT, name: 'Other', created_at: new Date() })
    .execute()
  const access = createAccess(accessDefaults, { metadata, hotState, clock, logger })
  const issue = (role: 'admin' | 'ingest'): Promise<string> =>
    access.apiKeys.issueSystemKey({ tenant: OTHER_TENANT, name: `stranger ${role}`, role })
  const keys = { strangerKey: await issue('admin'), strangerIngestKey: await issue('ingest') }
  await hotState.stop()
  await metadata.stop()
  return keys
}

async function ask(address: string, method: string, path: string, body?: unknown, token?: string): Promise<ApiAnswer> {
  const response = await fetch(`${address}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
}

/** How often the MQTT source refused something, or left it out on purpose, for a reason, as the product tells it. */
async function statusCount(api: World['api'], list: string, reason: string): Promise<number> {
  const { body } = await api('GET', '/api/v1/sources?kind=mqtt')
  const { body: detail } = await api('GET', `/api/v1/sources/${body.items[0].source}`)
  const counts = (detail.instances as Record<string, { reason: string; count: number }[]>[]).flatMap(
    (instance) => instance[list] ?? [],
  )
  return counts.reduce((sum, each) => sum + (each.reason === reason ? each.count : 0), 0)
}

async function metricsText(address: string): Promise<string> {
  return eventually('the metrics', 15_000, async () => {
    const response = await fetch(`${address}/metrics`)
    return response.ok ? response.text() : undefined
  })
}

function sumOf(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
  let sum = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue
    const rest = line.slice(name.length)
    if (rest[0] !== '{' && rest[0] !== ' ') continue
    if (wanted.every((each) => rest.includes(each))) sum += Number(rest.slice(rest.lastIndexOf(' ')))
  }
  return sum
}

/** Memory of a process in MiB: what it takes now, and the most since `forgetPeak`. */
export function memoryOf(pid: number): { readonly nowMb: number; readonly peakMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { nowMb: of('VmRSS'), peakMb: of('VmHWM') }
}

/** The kernel begins to look for the highest memory anew (proc(5), clear_refs). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
