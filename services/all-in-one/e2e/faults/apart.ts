import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type RunningChild, runService } from '../child.ts'
import { EAGER_WRITER, READY_WITHIN_MS } from './product.ts'
import { ADMIN_PASSWORD } from './rest.ts'

/** Those that what hosts send goes through. */
export const SERVICES = ['writer', 'analyzer', 'intake', 'gateway'] as const
export type ServiceName = (typeof SERVICES)[number]
const ALL = [...SERVICES, 'alerter', 'mqtt', 'tailer', 'checker'] as const
export type AnyServiceName = (typeof ALL)[number]

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
  /** Where the intake takes what is pushed over HTTP. */
  readonly push: string
  /** What stands in front of its topics on the shared broker. */
  readonly topicPrefix: string
  launch(name: AnyServiceName): RunningChild
  /** The life of a service that was launched last. */
  current(name: AnyServiceName): RunningChild
  ready(child: RunningChild): Promise<void>
  /** Whether its metrics, as Prometheus reads them, match. */
  shows(name: AnyServiceName, pattern: RegExp): Promise<boolean>
  remove(): Promise<void>
}

export async function createApart(engines: EngineUrls): Promise<Apart> {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-faults-apart-'))
  const [httpPort, grpcPort, pushPort] = [await freePort(), await freePort(), await freePort()]
  const topicPrefix = `faults-${randomBytes(4).toString('hex')}.`
  const opsPorts = new Map<AnyServiceName, number>()
  for (const name of ALL) opsPorts.set(name, await freePort())
  const lives = new Map<AnyServiceName, RunningChild>()
  const everything: RunningChild[] = []
  const env = {
    DRIFTLINE_KAFKA_BROKERS: engines.kafka,
    DRIFTLINE_KAFKA_TOPIC_PREFIX: topicPrefix,
    DRIFTLINE_DATABASE_URL: engines.postgres,
    DRIFTLINE_REDIS_URL: engines.redis,
    DRIFTLINE_CLICKHOUSE_URL: engines.clickHouse,
    DRIFTLINE_HTTP_PORT: String(httpPort),
    DRIFTLINE_GRPC_PORT: String(grpcPort),
    DRIFTLINE_INTAKE_HTTP_PORT: String(pushPort),
    DRIFTLINE_MONITOR_GRPC_PORT: '0',
    DRIFTLINE_MQTT_EMBEDDED: 'false',
    DRIFTLINE_CHECKER_PRODUCT_URL: `http://127.0.0.1:${httpPort}`,
    DRIFTLINE_SECRET_KEY: randomBytes(32).toString('base64'),
    DRIFTLINE_DATA_DIR: join(directory, 'data'),
    DRIFTLINE_ADMIN_PASSWORD: ADMIN_PASSWORD,
    ...EAGER_WRITER,
  }
  return {
    address: `http://127.0.0.1:${httpPort}`,
    intake: `http://127.0.0.1:${grpcPort}`,
    push: `http://127.0.0.1:${pushPort}`,
    topicPrefix,
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
