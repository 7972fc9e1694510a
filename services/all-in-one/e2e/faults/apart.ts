import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type RunningChild, runService } from '../child.ts'
import { EAGER_WRITER, READY_WITHIN_MS } from './product.ts'
import { ADMIN_PASSWORD } from './rest.ts'

export const SERVICES = ['writer', 'analyzer', 'intake', 'gateway'] as const
export type ServiceName = (typeof SERVICES)[number]

/** Addresses of the engines that the services share. */
export interface EngineUrls {
  readonly kafka: string
  readonly postgres: string
  readonly redis: string
  readonly clickHouse: string
}

/** Every service as a process of its own, at addresses that stay the same over their lives. */
export interface Apart {
  readonly address: string
  readonly intake: string
  launch(name: ServiceName): RunningChild
  /** The life of a service that was launched last. */
  current(name: ServiceName): RunningChild
  ready(child: RunningChild): Promise<void>
  /** Whether its metrics, as Prometheus reads them, match. */
  shows(name: ServiceName, pattern: RegExp): Promise<boolean>
  remove(): Promise<void>
}

export async function createApart(engines: EngineUrls): Promise<Apart> {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-faults-apart-'))
  const [httpPort, grpcPort] = [await freePort(), await freePort()]
  const opsPorts = new Map<ServiceName, number>()
  for (const name of SERVICES) opsPorts.set(name, await freePort())
  const lives = new Map<ServiceName, RunningChild>()
  const everything: RunningChild[] = []
  const env = {
    DRIFTLINE_KAFKA_BROKERS: engines.kafka,
    DRIFTLINE_KAFKA_TOPIC_PREFIX: `faults-${randomBytes(4).toString('hex')}.`,
    DRIFTLINE_DATABASE_URL: engines.postgres,
    DRIFTLINE_REDIS_URL: engines.redis,
    DRIFTLINE_CLICKHOUSE_URL: engines.clickHouse,
    DRIFTLINE_HTTP_PORT: String(httpPort),
    DRIFTLINE_GRPC_PORT: String(grpcPort),
    DRIFTLINE_MONITOR_GRPC_PORT: '0',
    DRIFTLINE_ADMIN_PASSWORD: ADMIN_PASSWORD,
    ...EAGER_WRITER,
  }
  return {
    address: `http://127.0.0.1:${httpPort}`,
    intake: `http://127.0.0.1:${grpcPort}`,
    launch(name) {
      const child = runService(name, { ...env, DRIFTLINE_OPS_PORT: String(opsPorts.get(name)) }, directory)
      lives.set(name, child)
      everything.push(child)
      return child
    },
    current: (name) => lives.get(name)!,
    async ready(child) {
      await child.prints(/"message":"ready"/, READY_WITHIN_MS)
    },
    async shows(name, pattern) {
      const answer = await fetch(`http://127.0.0.1:${opsPorts.get(name)}/metrics`).catch(() => null)
      return answer?.ok === true && pattern.test(await answer.text())
    },
    async remove() {
      await Promise.all(everything.map((child) => child.end('SIGKILL')))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
