import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSealer } from '@driftline/platform/access/sealing'
import { protoText } from '@driftline/platform/analytics/proto-text'
import { delimited, startTestStore, type TestStore } from '@driftline/platform/analytics/testing/store-test-kit'
import type { Bus } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { topics } from '@driftline/proto'
import { readGatewayConfig } from '../config.ts'
import { createGateway, type Gateway, type GatewayDeps } from '../service.ts'
import type { TestRecord } from './records.ts'
import { createTestAccess, type TestAccess } from './test-access.ts'

/** A gateway over real engines in a directory of its own. */
export interface GatewayKit {
  readonly url: string
  readonly bus: Bus
  readonly store: TestStore
  readonly metadata: Metadata
  readonly access: TestAccess
  readonly gateway: Gateway
  /** For another gateway over the same engines. */
  readonly gatewayDeps: GatewayDeps
  /** Puts records on the bus, in order. */
  publish(...records: TestRecord[]): Promise<void>
  /** Puts records into the store, as the writer would. */
  keep(...records: TestRecord[]): Promise<void>
  /** Ends the gateway and starts another over the same engines. */
  restart(): Promise<void>
  request(path: string, options?: RequestOptions): Promise<Answer>
  end(): Promise<void>
}

export interface RequestOptions {
  readonly method?: string
  readonly token?: string | null
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape, and the OpenAPI test checks them.
  readonly body: any
  readonly text: string
}

export async function startGatewayKit(env: Record<string, string> = {}): Promise<GatewayKit> {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-gateway-'))
  const base = { logger: createLogger('fatal'), clock: systemClock }
  const bus = createEmbeddedBus({ dataDir, topics }, { ...base, metrics: createSelfMetrics() })
  const metadata = createSqliteMetadata({ file: join(dataDir, 'metadata.sqlite') }, base)
  const store = await startTestStore()
  await bus.start()
  await metadata.start()
  const access = await createTestAccess(metadata)
  const config = readGatewayConfig({
    env: { DRIFTLINE_HTTP_PORT: '0', DRIFTLINE_MONITOR_GRPC_PORT: '0', ...env },
    yaml: {},
    file: null,
  })
  const gatewayDeps: GatewayDeps = {
    ...base,
    bus,
    metadata,
    analytics: store.store,
    access: access.access,
    sealer: createSealer({ keyFile: join(dataDir, 'secret.key') }),
    metrics: createSelfMetrics(),
  }
  const open = (): Gateway => createGateway(config, { ...gatewayDeps, metrics: createSelfMetrics() })
  let gateway = open()
  await gateway.start()
  let tokens = 0
  const kit: GatewayKit = {
    get url() {
      return `http://127.0.0.1:${gateway.port()}`
    },
    bus,
    store,
    metadata,
    access,
    get gateway() {
      return gateway
    },
    gatewayDeps,
    publish: (...records) => bus.publish(records.map(({ record }) => record)),
    async keep(...records) {
      const byTable = new Map<string, TestRecord[]>()
      for (const each of records) byTable.set(each.table, [...(byTable.get(each.table) ?? []), each])
      for (const [table, ofTable] of byTable) {
        const { schema } = ofTable[0]!
        await store.store.insertProtobuf({
          table,
          schema: protoText(schema),
          message: schema.name,
          body: Buffer.concat(ofTable.map(({ record }) => delimited(record.value))),
          deduplicationToken: `kit-${++tokens}`,
        })
      }
    },
    async restart() {
      await gateway.stop()
      gateway = open()
      await gateway.start()
    },
    request: (path, options = {}) => ask(`http://127.0.0.1:${gateway.port()}`, path, access.admin, options),
    async end() {
      await gateway.stop()
      await bus.stop()
      await metadata.stop()
      await store.end()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  return kit
}

/** Asks as the administrator unless told otherwise; `token: null` asks as nobody. */
async function ask(url: string, path: string, admin: string, options: RequestOptions): Promise<Answer> {
  const token = options.token === undefined ? admin : options.token
  const response = await fetch(url + path, {
    method: options.method ?? 'GET',
    redirect: 'manual',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined
      ? {}
      : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : null,
  }
}
