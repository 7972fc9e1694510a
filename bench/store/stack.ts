import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { createEmbeddedStore } from '@driftline/platform/analytics/create-analytics-store'
import { createEmbeddedServer } from '@driftline/platform/analytics/embedded-server'
import { quietLogger } from '@driftline/platform/analytics/testing/store-test-kit'
import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { type Topic, topics } from '@driftline/proto'
import { readWriterConfig } from '@driftline/writer/config'
import { createPositionStore } from '@driftline/writer/positions'
import { createWriter } from '@driftline/writer/service'

const MIB = 1024 * 1024

/** Embedded bus, metadata, store and writer in a directory of their own. The writer is not started. */
export interface Stack {
  readonly bus: Bus
  readonly analytics: AnalyticsStore
  readonly writer: Component
  storePid(): number
  end(): Promise<void>
}

export async function startStack(migrationsDir = 'infra/clickhouse'): Promise<Stack> {
  const dir = mkdtempSync(join(tmpdir(), 'driftline-bench-'))
  const deps = { logger: quietLogger, clock: systemClock, metrics: createSelfMetrics() }
  const bus = createEmbeddedBus({ dataDir: dir, topics }, deps)
  const metadata = createSqliteMetadata({ file: join(dir, 'metadata.db') }, deps)
  const config = {
    dir: join(dir, 'clickhouse'),
    clickhouseUrl: null,
    memoryBytesMax: 400 * MIB,
    rawRetentionMs: 48 * 3_600_000,
    dataRetentionMs: 30 * 86_400_000,
    logRetentionMs: 30 * 86_400_000,
    migrationsDir,
  }
  const server = createEmbeddedServer(
    { ...config, database: 'driftline', startTimeoutMs: 20_000, healthIntervalMs: 5000 },
    deps,
  )
  const analytics = createEmbeddedStore(server, config, deps)
  const writer = createWriter(readWriterConfig({ env: {}, yaml: {}, file: null }), {
    ...deps,
    bus,
    analytics,
    positions: createPositionStore(metadata),
  })
  const components = [bus, metadata, analytics]
  for (const component of components) await component.start()
  return {
    bus,
    analytics,
    writer,
    storePid: () => server.childPid() ?? 0,
    async end() {
      await writer.stop()
      for (const component of components.toReversed()) await component.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A record as the intake would publish it. */
export function recordOf(topic: Topic, host: string, sequence: number, value: Uint8Array): OutgoingRecord {
  return {
    topic: topic.name,
    key: `default/host:${host}`,
    headers: {
      'content-type': 'application/protobuf',
      message: topic.message.typeName,
      tenant: 'default',
      source: host,
      epoch: '1',
      sequence: String(sequence),
    },
    value,
  }
}

/** CPU time that a process has used, seconds. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Resident memory of a process, MiB: all of it, and what is not mapped from files. */
export function memoryOf(pid: number): { rss: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const of = (name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024)
  return { rss: of('VmRSS'), anonymous: of('RssAnon') }
}

/** Bytes on disk of each table, active parts only. */
export async function bytesOnDisk(analytics: AnalyticsStore): Promise<Record<string, number>> {
  const rows = await analytics.query<{ table: string; bytes: string }>(
    'SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active GROUP BY table',
  )
  return Object.fromEntries(rows.map(({ table, bytes }) => [table, Number(bytes)]))
}

export function printTable(title: string, rows: readonly Record<string, string | number>[]): void {
  const lines = [title, '']
  const columns = Object.keys(rows[0] ?? {})
  lines.push(`| ${columns.join(' | ')} |`, `| ${columns.map(() => '---').join(' | ')} |`)
  for (const row of rows) lines.push(`| ${columns.map((column) => row[column]).join(' | ')} |`)
  process.stdout.write(`${lines.join('\n')}\n\n`)
}
