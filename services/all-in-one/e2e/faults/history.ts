import { readAnalyticsConfig } from '@driftline/platform/analytics/analytics-config'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { createAnalyticsStore } from '@driftline/platform/analytics/create-analytics-store'
import { createLogger } from '@driftline/platform/logger'
import { hostMetrics, processId, seriesId } from '@driftline/proto'
import { expect } from 'vitest'
import { eventually } from '../child.ts'
import type { CountingAgent } from './counting-agent.ts'
import { COUNTER_PID, pidsAfter } from './counting-reader.ts'
import type { SeededRandom } from './random.ts'
import type { RestClient } from './rest.ts'

export const STORED_WITHIN_MS = 180_000
const MOMENTS = 12

export const counterSeries = (host: string): string =>
  String(seriesId('default', processId('host', host), hostMetrics.load1.name, '{}'))

/** Lets the agent send what it still has, until all of it has come out at the other end; asked through the API. */
export async function drain(agent: CountingAgent, rest: RestClient): Promise<number> {
  agent.pause()
  const batches = agent.scans()
  await eventually(`acknowledging ${batches} batches`, STORED_WITHIN_MS, async () =>
    agent.acknowledged() >= batches ? true : undefined,
  )
  await eventually(`storing ${batches} batches`, STORED_WITHIN_MS, async () => {
    const stored = await rest.total(agent.host, hostMetrics.load1.name, 'count')
    if (stored < batches) throw new Error(`${stored} of ${batches} samples are stored`)
    return true
  })
  const sum = await rest.total(agent.host, hostMetrics.load1.name, 'sum')
  expect(sum).toBe((batches * (batches + 1)) / 2)
  return batches
}

/** Compares the table that is answered for random moments with the one that the scan before each must have made. */
export async function checkTables(agent: CountingAgent, rest: RestClient, random: SeededRandom): Promise<void> {
  for (let moment = 0; moment < MOMENTS; moment++) {
    const scan = 1 + Math.floor(random.below(agent.scans()))
    const atMs = agent.timesMs[scan]!
    const rows = await rest.tableAt(agent.host, atMs)
    const counted = rows.find(({ pid }) => pid === COUNTER_PID)?.threads
    const found = { scan: counted, pids: rows.map(({ pid }) => pid).sort((a, b) => a - b) }
    expect(found, `${agent.host} at ${new Date(atMs).toISOString()}`).toEqual({ scan, pids: pidsAfter(scan) })
  }
}

/** Reads the embedded store of a data directory that no server uses any more, or a ClickHouse by its URL. */
export async function withStore<T>(
  where: { readonly dataDir: string } | { readonly clickhouseUrl: string },
  look: (store: AnalyticsStore) => Promise<T>,
): Promise<T> {
  const env =
    'dataDir' in where ? { DRIFTLINE_DATA_DIR: where.dataDir } : { DRIFTLINE_CLICKHOUSE_URL: where.clickhouseUrl }
  const config = readAnalyticsConfig({ env, yaml: {}, file: null }, { migrationsDir: null })
  const store = createAnalyticsStore(config, { logger: createLogger('fatal') })
  await store.start()
  try {
    return await look(store)
  } finally {
    await store.stop()
  }
}

/** What is in the store of a host whose agent counted: each number once in every place. */
export async function expectWhole(store: AnalyticsStore, host: string, batches: number): Promise<void> {
  const series = counterSeries(host)
  const [samples] = await store.query(
    `SELECT toFloat64(count()) AS samples, toFloat64(uniqExact(ts)) AS times, toFloat64(uniqExact(value)) AS numbers,
      min(value) AS first, max(value) AS last FROM samples WHERE series = {series: UInt64}`,
    { series },
  )
  const [minutes] = await store.query(
    'SELECT toFloat64(sum(count)) AS samples, sum(sum) AS total FROM samples_1m WHERE series = {series: UInt64}',
    { series },
  )
  const [frames] = await store.query(
    `SELECT toFloat64(count()) AS frames, toFloat64(uniqExact(ts)) AS times FROM snapshots
     WHERE host = {host: String}`,
    { host },
  )
  expect({ samples, minutes, frames }).toEqual({
    samples: { samples: batches, times: batches, numbers: batches, first: 1, last: batches },
    minutes: { samples: batches, total: (batches * (batches + 1)) / 2 },
    frames: { frames: batches, times: batches },
  })
}

/** Nothing of anybody is there twice, and nothing was refused. */
export async function expectNothingTwice(store: AnalyticsStore): Promise<void> {
  const twice = (table: string, key: string) =>
    store.query(`SELECT ${key}, toFloat64(count()) AS times FROM ${table} GROUP BY ${key} HAVING times > 1 LIMIT 5`)
  expect({
    samples: await twice('samples', 'series, ts'),
    snapshots: await twice('snapshots', 'host, ts'),
    kpis: await twice('kpis', 'process, ts'),
    deadLetters: await store.query('SELECT reason, detail FROM dead_letters LIMIT 5'),
  }).toEqual({ samples: [], snapshots: [], kpis: [], deadLetters: [] })
}
