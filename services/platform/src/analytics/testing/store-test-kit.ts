import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { createLogger, type Logger } from '../../logger.ts'
import type { AnalyticsConfig } from '../analytics-config.ts'
import type { AnalyticsStore } from '../analytics-store.ts'
import { createEmbeddedStore } from '../create-analytics-store.ts'
import { createEmbeddedServer, type EmbeddedServer } from '../embedded-server.ts'
import type { Retention } from '../migrations.ts'

const MIB = 1024 * 1024

export const migrationsDir = fileURLToPath(new URL('../../../../../infra/clickhouse', import.meta.url))
export const quietLogger: Logger = createLogger('fatal')
/** How long the stores of tests keep what, unless a test says otherwise. */
export const testRetention: Retention = {
  rawRetentionMs: 48 * 3_600_000,
  dataRetentionMs: 30 * 86_400_000,
  logRetentionMs: 30 * 86_400_000,
}

/** A real embedded store in a directory of its own, for tests and measurements. */
export interface TestStore {
  readonly store: AnalyticsStore
  readonly server: EmbeddedServer
  readonly config: AnalyticsConfig
  /** Stops the server and removes its directory. */
  end(): Promise<void>
}

export function testConfig(changes: Partial<AnalyticsConfig> = {}): AnalyticsConfig {
  return {
    dir: mkdtempSync(join(tmpdir(), 'driftline-store-')),
    clickhouseUrl: null,
    memoryBytesMax: 400 * MIB,
    ...testRetention,
    migrationsDir,
    ...changes,
  }
}

export async function startTestStore(changes: Partial<AnalyticsConfig> = {}): Promise<TestStore> {
  const config = testConfig(changes)
  const server = createEmbeddedServer(
    {
      dir: config.dir,
      database: 'driftline',
      memoryBytesMax: config.memoryBytesMax,
      startTimeoutMs: 20_000,
      healthIntervalMs: 1000,
    },
    { logger: quietLogger },
  )
  const store = createEmbeddedStore(server, config, { logger: quietLogger })
  const end = async (): Promise<void> => {
    await store.stop()
    rmSync(config.dir, { recursive: true, force: true })
  }
  try {
    await store.start()
  } catch (error) {
    await end()
    throw error
  }
  return { store, server, config, end }
}

/** A record as it stands in a body: its length as a varint, then its bytes. */
export function delimited(bytes: Uint8Array): Uint8Array {
  const prefix: number[] = []
  let rest = bytes.length
  for (; rest > 127; rest >>>= 7) prefix.push((rest & 127) | 128)
  return Buffer.concat([Uint8Array.from([...prefix, rest]), bytes])
}

/** A body of messages. */
export function bodyOf<D extends DescMessage>(schema: D, messages: readonly MessageInitShape<D>[]): Uint8Array {
  return Buffer.concat(messages.map((message) => delimited(toBinary(schema, create(schema, message)))))
}
