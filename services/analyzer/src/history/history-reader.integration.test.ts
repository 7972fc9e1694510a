import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { startTestStore } from '@driftline/platform/analytics/testing/store-test-kit'
import { kpiNumber } from '@driftline/proto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHistoryReader, type PastLine } from './history-reader.ts'

const MINUTE_MS = 60_000
/** The end of what is asked for: a full hour not long ago, so that nothing is too old to be kept. */
const END_MS = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000
const SERIES = 2n ** 63n + 5n

let ended: () => Promise<void>
let store: AnalyticsStore

beforeAll(async () => {
  const kit = await startTestStore()
  ended = kit.end
  store = kit.store
  // A sample every half minute over a day, of a host, of a group of it, and of others.
  const times = `SELECT fromUnixTimestamp64Milli({end: Int64} - (number + 1) * 30000, 'UTC') AS t FROM numbers(2880)`
  for (const [tenant, process] of [
    ['default', 'host:web-1'],
    ['default', 'os:web-1:nginx'],
    ['default', 'os:web-10:nginx'],
    ['other', 'os:web-1:nginx'],
  ] as const) {
    await store.execute(
      `INSERT INTO kpis (tenant, process, ts, bucket_ms, cpu_cores, throughput_per_second)
       SELECT {tenant: String}, {process: String}, t, 1000, toUnixTimestamp64Milli(t) % 60000 = 0 ? 1 : 3, NULL
       FROM (${times})`,
      { tenant, process, end: END_MS },
    )
  }
  await store.execute(`INSERT INTO samples SELECT {series: UInt64}, t, 7 FROM (${times})`, {
    series: String(SERIES),
    end: END_MS,
  })
}, 60_000)
afterAll(() => ended?.())

const ask = (process: string, series: readonly bigint[] = []): Promise<PastLine[]> =>
  createHistoryReader({ analytics: store }).read({
    tenant: 'default',
    process,
    series,
    fromMs: END_MS - 7 * 86_400_000,
    toMs: END_MS,
  })

test('of a host come its own KPIs and those of its groups: whole hours, and before them one minute in thirty', async () => {
  const lines = await ask('host:web-1')
  expect(lines.map(({ of }) => of)).toEqual([
    { process: 'host:web-1', kpi: kpiNumber('cpu') },
    { process: 'os:web-1:nginx', kpi: kpiNumber('cpu') },
  ])
  const [{ minuteMs, value }] = lines as [PastLine]
  expect(new Set(value)).toEqual(new Set([2]))
  expect(minuteMs).toHaveLength(120 + 22 * 2)
  expect(minuteMs.at(-1)).toBe(END_MS - MINUTE_MS)
  expect(minuteMs).toEqual([...minuteMs].sort((a, b) => a - b))
})

test('plain series come by their ids', async () => {
  const lines = await ask('device:plant:press', [SERIES, 1n])
  expect(lines.map(({ of }) => of)).toEqual([{ series: SERIES }])
  expect(new Set(lines[0]?.value)).toEqual(new Set([7]))
  expect(lines[0]?.minuteMs).toHaveLength(120 + 22 * 2)
})

test('of what was never seen comes nothing', async () => {
  expect(await ask('host:web-2')).toEqual([])
})
