/** The push doors as a process of their own, on an embedded bus: tells its port, then four times a second what it takes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSourceMeter } from '@driftline/ingest/source-meter'
import { createPushServer } from '@driftline/intake/push/http/push-server'
import { createPush } from '@driftline/intake/push/push'
import { pushDefaults } from '@driftline/intake/push/push-config'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { topics } from '@driftline/proto'
import { memoryOf } from '../store/stack.ts'

export interface PushReport {
  readonly cpuSeconds: number
  /** All of it, and what is not mapped from files. */
  readonly rssMiB: number
  readonly ownMiB: number
}

/** Key that the doors take. */
export const BENCH_KEY = 'bench-key'
const REPORT_MS = 250

async function run(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-bench-push-'))
  const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
  const bus = createEmbeddedBus({ dataDir, topics }, deps)
  const permissions = new Set(['ingest'])
  const principal = { tenant: 'default', kind: 'api-key' as const, id: 'bench', name: 'bench', permissions }
  const access = { authenticate: async (token: string) => (token === BENCH_KEY ? principal : null) }
  const rows = { ensure: async () => ({ active: true }) }
  const board = { of: () => createSourceMeter(systemClock), drop: () => {} }
  const config = { ...pushDefaults, instance: 'bench', statusInstance: 'bench' }
  const push = createPush(config, { ...deps, bus, access, board, rows })
  const server = createPushServer({ bind: '127.0.0.1', port: 0, tls: null }, { http: push.http, logger: deps.logger })
  for (const each of [bus, push, server]) await each.start()
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage()
    const { rss, anonymous } = memoryOf(process.pid)
    if (process.connected)
      process.send!({ cpuSeconds: (user + system) / 1e6, rssMiB: rss, ownMiB: anonymous } satisfies PushReport)
  }, REPORT_MS)
  const stop = async (): Promise<void> => {
    clearInterval(timer)
    for (const each of [server, push, bus]) await each.stop()
    rmSync(dataDir, { recursive: true, force: true })
    process.exit(0)
  }
  // Also when the bench is ended from outside.
  process.once('disconnect', stop)
  process.send!({ port: server.port() })
}

if (process.send !== undefined) await run()
