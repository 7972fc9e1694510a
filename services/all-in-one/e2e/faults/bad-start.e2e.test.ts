import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually, freePort, type RunningChild, runService } from '../child.ts'
import { READY_WITHIN_MS } from './product.ts'

let directory: string
const children: RunningChild[] = []
const servers: Server[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'driftline-bad-start-'))
})
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end('SIGKILL')))
  for (const server of servers.splice(0)) server.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Free ports and a directory of its own, so that only what a test makes wrong is wrong. */
function launch(env: Record<string, string> = {}, service = 'all-in-one', args: readonly string[] = []): RunningChild {
  const defaults = {
    DRIFTLINE_DATA_DIR: join(directory, 'data'),
    DRIFTLINE_HTTP_PORT: '0',
    DRIFTLINE_GRPC_PORT: '0',
    DRIFTLINE_MQTT_PORT: '0',
    DRIFTLINE_MONITOR_GRPC_PORT: '0',
  }
  const child = runService(service, { ...defaults, ...env }, directory, args)
  children.push(child)
  return child
}

function writeSettings(yaml: string): void {
  writeFileSync(join(directory, 'driftline.yaml'), yaml)
}

/** It ended by itself, told why without showing its inside, and left no process behind. */
async function expectRefusal(child: RunningChild, ...reasons: (string | RegExp)[]): Promise<void> {
  expect(await child.ended, child.output()).toBe(1)
  for (const reason of reasons) expect(child.output()).toMatch(reason)
  expect(child.output()).not.toMatch(/^\s+at |\\n\s+at |stack|node:internal/m)
  await eventually('the end of its process group', 5000, async () => (isGroupAlive(child.pid) ? undefined : true))
}

function isGroupAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return true
  } catch {
    return false
  }
}

/** The sentence that was logged as the reason of the end. */
function lastSentence(child: RunningChild): string {
  const lines = child.output().trim().split('\n')
  expect(lines, 'one line says it').toHaveLength(1)
  const { level, message } = JSON.parse(lines[0]!) as { level: string; message: string }
  expect(level).toBe('fatal')
  return message
}

async function occupy(port: number): Promise<void> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
}

describe('settings that do not make sense', () => {
  test('are told all at once, each by its name', async () => {
    writeSettings(`http_port: 99999
process_monitor:
  real_time_monitoring:
    monitoring_interval: soon
  anomaly_detection:
    enabeld: true
alerts: everywhere
`)
    const child = launch({ DRIFTLINE_HTTP_PORT: '', DRIFTLINE_LOG_LEVEL: 'loud', DRIFTLINE_KAFKA_BROKERS: 'nowhere' })
    await expectRefusal(
      child,
      /^ {2}http_port: /m,
      /^ {2}process_monitor\.real_time_monitoring\.monitoring_interval: /m,
      /^ {2}process_monitor\.anomaly_detection\.enabeld: no such setting$/m,
      /^ {2}alerts: no such setting$/m,
      /^ {2}DRIFTLINE_LOG_LEVEL: /m,
      /^ {2}DRIFTLINE_KAFKA_BROKERS\S*: must be host:port/m,
    )
  })

  test('a file that is not YAML is named, with the line', async () => {
    writeSettings('http_port: [8080\nbind: }\n')
    await expectRefusal(launch(), `${join(directory, 'driftline.yaml')} is not valid YAML`, /line 2/)
  })

  test('a file that is not there is named', async () => {
    const file = join(directory, 'other.yaml')
    await expectRefusal(launch({ DRIFTLINE_CONFIG: file }), `${file}, which does not exist`)
  })

  test('a password that is too short', async () => {
    await expectRefusal(
      launch({ DRIFTLINE_ADMIN_PASSWORD: 'short' }),
      /DRIFTLINE_ADMIN_PASSWORD: must have at least 10/,
    )
  })

  test('--check-config tells the same and starts nothing', async () => {
    const good = launch({}, 'all-in-one', ['--check-config'])
    expect(await good.ended).toBe(0)
    expect(good.output()).toBe('The settings are valid.\n')
    const bad = launch({ DRIFTLINE_HTTP_PORT: '-1' }, 'all-in-one', ['--check-config'])
    await expectRefusal(bad, /DRIFTLINE_HTTP_PORT: /)
  })

  test.each([
    ['writer', ['DRIFTLINE_KAFKA_BROKERS', 'DRIFTLINE_CLICKHOUSE_URL', 'DRIFTLINE_DATABASE_URL']],
    ['intake', ['DRIFTLINE_KAFKA_BROKERS', 'DRIFTLINE_DATABASE_URL', 'DRIFTLINE_REDIS_URL']],
    ['analyzer', ['DRIFTLINE_KAFKA_BROKERS', 'DRIFTLINE_DATABASE_URL']],
    [
      'gateway',
      ['DRIFTLINE_KAFKA_BROKERS', 'DRIFTLINE_CLICKHOUSE_URL', 'DRIFTLINE_DATABASE_URL', 'DRIFTLINE_REDIS_URL'],
    ],
  ])('the %s alone without the engines that it shares', async (service, variables) => {
    const child = launch({}, service)
    await expectRefusal(
      child,
      ...variables.map((name) => new RegExp(`${service} shares this engine .* set ${name}$`, 'm')),
    )
  })
})

describe('a start that cannot succeed', () => {
  test.each(['HTTP', 'GRPC'])('because the %s port is taken', async (kind) => {
    const port = await freePort()
    await occupy(port)
    const child = launch({ [`DRIFTLINE_${kind}_PORT`]: String(port), DRIFTLINE_LOG_LEVEL: 'fatal' })
    await expectRefusal(child)
    expect(lastSentence(child)).toBe(`127.0.0.1:${port} is taken by another program; choose another port`)
  })

  test('because another instance has the data directory', async () => {
    const first = launch()
    await first.prints(/ready at/, READY_WITHIN_MS)
    const second = launch({ DRIFTLINE_LOG_LEVEL: 'fatal' })
    await expectRefusal(second)
    expect(lastSentence(second)).toMatch(
      new RegExp(`^process ${first.pid}, started \\S+, is using ${join(directory, 'data')}; stop it first`),
    )
    expect(await first.end('SIGTERM')).toBe(0)
  })

  test('because the data directory cannot be written to', async () => {
    writeFileSync(join(directory, 'file'), '')
    const path = join(directory, 'file', 'data')
    const child = launch({ DRIFTLINE_DATA_DIR: path })
    await expectRefusal(child)
    expect(lastSentence(child)).toMatch(`${path} cannot be used: ENOTDIR`)
  })

  test('because the data directory is a file', async () => {
    writeFileSync(join(directory, 'data'), '')
    const child = launch()
    await expectRefusal(child)
    expect(lastSentence(child)).toMatch(`${join(directory, 'data')} cannot be used`)
  })

  test('because a part of the data directory is in the way', async () => {
    mkdirSync(join(directory, 'data', 'metadata.sqlite'), { recursive: true })
    const child = launch()
    await expectRefusal(child)
    expect(lastSentence(child)).toContain(join(directory, 'data', 'metadata.sqlite'))
  })
})
