import { Readable } from 'node:stream'
import { type ClickHouseClient, type ClickHouseSettings, createClient } from '@clickhouse/client'
import { AppError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { AnalyticsStore, InsertProtobuf, QueryParameters } from './analytics-store.ts'
import { readerLimits } from './embedded-config.ts'
import { currentInsertSettings, insertSettings } from './insert-settings.ts'
import { migrate, type Retention, readMigrations } from './migrations.ts'
import type { StoreEndpoint } from './store-endpoint.ts'
import { type StatementPurpose, translateStoreError } from './store-errors.ts'

export interface ClickHouseStoreConfig {
  readonly retention: Retention
  /** Directory with the numbered `.sql` files; null for services that only read. */
  readonly migrationsDir: string | null
  /** Per statement, milliseconds. */
  readonly requestTimeoutMs: number
  /** How long a start waits for the server, milliseconds. */
  readonly startTimeoutMs: number
}

export interface ClickHouseStoreDeps {
  /** Asked before each statement: the port of the embedded server changes when its old one is taken. */
  readonly endpoint: () => StoreEndpoint
  readonly logger: Logger
}

type Role = 'writer' | 'reader'

/** An insert body larger than this would no longer be one block, and a repeat of it no longer the same. */
const BODY_BYTES_MAX = 8 * 1024 * 1024
const START_POLL_MS = 200
/** Shorter than ClickHouse's own, so that it is this side that closes an idle connection. */
const IDLE_CONNECTION_MS = 2000

/** Reads answer 64-bit integers as text, for JSON numbers lose them; NaN and infinity as null. */
const readSettings: ClickHouseSettings = {
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_denormals: 0,
  max_execution_time: readerLimits.executionSecondsMax,
  max_memory_usage: String(readerLimits.memoryBytesMax),
  max_result_rows: String(readerLimits.resultRowsMax),
  result_overflow_mode: 'throw',
}

/** The analytics store over ClickHouse's HTTP interface, embedded or elsewhere. */
export function createClickHouseStore(config: ClickHouseStoreConfig, deps: ClickHouseStoreDeps): AnalyticsStore {
  const logger = deps.logger.child({ component: 'analytics-store' })
  const clients = new Map<Role, { key: string; client: ClickHouseClient }>()
  let stopped = false

  /** The client of a role; a new one when the endpoint has moved. */
  function clientOf(role: Role, database?: string): ClickHouseClient {
    if (stopped) throw new AppError('stopped', 'the analytics store is stopped')
    const endpoint = deps.endpoint()
    if (database !== undefined) return connect(endpoint, role, database, config.requestTimeoutMs)
    const key = `${endpoint.url} ${endpoint[role].username}`
    const known = clients.get(role)
    if (known?.key === key) return known.client
    void known?.client.close()
    const client = connect(endpoint, role, endpoint.database, config.requestTimeoutMs)
    clients.set(role, { key, client })
    return client
  }

  async function run<T>(purpose: StatementPurpose, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw translateStoreError(error, purpose)
    }
  }

  const store: AnalyticsStore = {
    name: 'analytics-store',
    query<Row>(sql: string, parameters: QueryParameters = {}): Promise<Row[]> {
      return run('query', async () => {
        const result = await clientOf('reader').query({
          query: sql,
          query_params: parameters,
          format: 'JSONEachRow',
          clickhouse_settings: readSettings,
        })
        return await result.json<Row>()
      })
    },
    execute(sql, parameters = {}) {
      return run('execute', async () => {
        const settings: ClickHouseSettings = { wait_end_of_query: 1 }
        await clientOf('writer').command({ query: sql, query_params: parameters, clickhouse_settings: settings })
      })
    },
    insertProtobuf: (insert) => run('insert', () => insertBody(clientOf('writer'), insert)),
    ping: async () => !stopped && (await complaintOf(clientOf('writer'))) === null,
    async start() {
      stopped = false
      await waitUntilThere(() => complaintOf(clientOf('writer')), config.startTimeoutMs)
      if (config.migrationsDir === null) return
      const migrations = readMigrations(config.migrationsDir)
      await createDatabase(clientOf('writer', 'default'), deps.endpoint().database)
      const query = <Row>(sql: string): Promise<Row[]> => readAsWriter<Row>(clientOf('writer'), sql)
      await run('execute', () => migrate({ execute: store.execute, query }, migrations, config.retention, logger))
    },
    async stop() {
      stopped = true
      await Promise.all([...clients.values()].map(({ client }) => client.close()))
      clients.clear()
    },
  }
  return store
}

function connect(endpoint: StoreEndpoint, role: Role, database: string, timeoutMs: number): ClickHouseClient {
  const { username, password } = endpoint[role]
  return createClient({
    url: endpoint.url,
    username,
    password,
    database,
    request_timeout: timeoutMs,
    max_open_connections: 10,
    application: 'driftline',
    compression: { request: false, response: false },
    keep_alive: { enabled: true, idle_socket_ttl: IDLE_CONNECTION_MS },
    log: { level: 127 },
  })
}

async function createDatabase(client: ClickHouseClient, database: string): Promise<void> {
  try {
    await client.command({
      query: 'CREATE DATABASE IF NOT EXISTS {database: Identifier}',
      query_params: { database },
    })
  } catch (error) {
    throw translateStoreError(error, 'execute')
  } finally {
    await client.close()
  }
}

async function readAsWriter<Row>(client: ClickHouseClient, sql: string): Promise<Row[]> {
  const result = await client.query({ query: sql, format: 'JSONEachRow' })
  return await result.json<Row>()
}

async function insertBody(client: ClickHouseClient, insert: InsertProtobuf): Promise<void> {
  const { table, schema, message, body, deduplicationToken } = insert
  if (!/^[a-z0-9_]+$/.test(table)) throw new AppError('store_rejected', 'not the name of a table')
  if (body.byteLength > BODY_BYTES_MAX) {
    throw new AppError('record_too_large', `an insert of ${body.byteLength} bytes is more than one block holds`)
  }
  const result = await client.exec({
    query: `INSERT INTO ${table} FORMAT Protobuf`,
    values: Readable.from([body], { objectMode: false }),
    clickhouse_settings: {
      ...insertSettings(insert.settingsVersion ?? currentInsertSettings),
      format_schema_source: 'string',
      format_schema: schema,
      format_schema_message_name: message,
      insert_deduplication_token: deduplicationToken,
    } as ClickHouseSettings,
  })
  for await (const _ of result.stream) {
    // An insert answers nothing; reading to the end gives the connection back.
  }
}

/** Null when the server answers this user, else why not: it may be away, or refuse the password. */
async function complaintOf(client: ClickHouseClient): Promise<AppError | null> {
  const answer = await client.ping({ select: true })
  return answer.success ? null : translateStoreError(answer.error, 'query')
}

async function waitUntilThere(ask: () => Promise<AppError | null>, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  for (let cause = await ask(); cause !== null; cause = await ask()) {
    if (performance.now() > deadlineMs) {
      const message = `ClickHouse could not be used within ${timeoutMs} ms: ${cause.message}`
      throw new AppError('store_unavailable', message, { retryable: true, cause })
    }
    await new Promise((resolve) => setTimeout(resolve, START_POLL_MS))
  }
}
