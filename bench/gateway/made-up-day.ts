import type { GatewayKit } from '@driftline/gateway/testing/gateway-kit'
import { idOf, seriesRecord, snapshotRecord, type TestRecord } from '@driftline/gateway/testing/records'
import { encodeTable, type Instance, type Values } from '@driftline/gateway/testing/tables'
import { AppError } from '@driftline/platform/errors'
import { createRandom } from '../store/scans.ts'

/** One host with 1,000 processes in 150 groups, of which one in ten is busy. */
export const PROCESSES = 1000
export const GROUPS = 150
const BUSY_EVERY = 10
const KEY_FRAME_EVERY_S = 60
/** Frames of this many seconds are made; longer stretches repeat them. */
const DISTINCT_S = 1800
const HOUR_MS = 3_600_000

export const HOST = 'bench-1'
export const METRICS = [
  'process.cpu.usage',
  'process.memory.usage',
  'process.memory.virtual',
  'process.disk.read',
  'process.disk.write',
  'process.thread.count',
  'process.unix.file_descriptor.count',
  'process.count',
] as const

export const groupId = (group: number): string => `os:${HOST}:group-${group}`

/** Instances as an ordinary server has them: long command lines, few parents. */
export function instances(startMs: number): Instance[] {
  return Array.from({ length: PROCESSES }, (_, index) => ({
    pid: index + 1,
    startMs: startMs - index * 1000,
    ppid: index < 30 ? 1 : (index % 30) + 1,
    name: `program-${index % GROUPS}`,
    command: `/usr/lib/program-${index % GROUPS}/bin/program --worker ${index} --configuration /etc/program/main.conf`,
    group: groupId(index % GROUPS),
  }))
}

/** Values of one scan: of all processes, or of the busy ones. */
export function scanValues(random: () => number, all: boolean): Values[] {
  const values: Values[] = []
  for (let index = 0; index < PROCESSES; index++) {
    if (!all && index % BUSY_EVERY !== 0) continue
    values.push({ pid: index + 1, cpu: Math.round(random() * 100) / 100, rss: 4096 * Math.floor(random() * 50_000) })
  }
  return values
}

/** Stores a stretch of history, as the writer would have: definitions, samples, KPIs and process tables. */
export async function storeHistory(kit: GatewayKit, hours: number, nowMs: number): Promise<void> {
  const names = Array.from({ length: GROUPS }, (_, group) =>
    METRICS.map((metric) => ({ process: groupId(group), metric })),
  )
  await kit.keep(seriesRecord(names.flat(), 'default', nowMs - hours * HOUR_MS))
  const ids = names.flat().map((name) => idOf(name))
  for (let hour = hours; hour > 0; hour--) {
    const fromMs = nowMs - hour * HOUR_MS
    await patiently(() => storeSamples(kit, ids, fromMs))
    await patiently(() => storeKpis(kit, fromMs, hour === 1 ? 1 : 60))
  }
  await storeFrames(kit, nowMs - hours * HOUR_MS, nowMs)
}

/** A store with 400 MiB that merges may be short of memory for a moment. What was half stored is then stored twice. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof AppError && error.retryable) || attempt === 10) throw error
      await new Promise((wake) => setTimeout(wake, 2000))
    }
  }
}

/** One hour of every series at 1 Hz, made by the store itself; the roll-up's view sees it like any insert. */
function storeSamples(kit: GatewayKit, ids: readonly bigint[], fromMs: number): Promise<void> {
  return kit.store.store.execute(
    `INSERT INTO samples SELECT arrayJoin({ids: Array(UInt64)}) AS series,
       fromUnixTimestamp64Milli(toInt64({from: Int64} + number * 1000), 'UTC') AS ts,
       toFloat64(cityHash64(series, intDiv(number, if(series % 10 = 0, 1, 30))) % 1000) / 10 AS value
     FROM system.numbers LIMIT {rows: UInt64}
     SETTINGS max_threads = 1, max_block_size = 100, max_insert_threads = 1,
       min_insert_block_size_rows = 200000`,
    { ids, from: fromMs, rows: ids.length * 3600 },
  )
}

function storeKpis(kit: GatewayKit, fromMs: number, everySeconds: number): Promise<void> {
  const rows = Math.floor(3600 / everySeconds)
  return kit.store.store.execute(
    `INSERT INTO kpis (tenant, process, ts, bucket_ms, cpu_cores, memory_bytes, cpu_share, memory_share, instances)
     SELECT 'default', concat('os:${HOST}:group-', toString(number % ${GROUPS})),
       fromUnixTimestamp64Milli(toInt64({from: Int64} + intDiv(number, ${GROUPS}) * {every: Int64}), 'UTC'), 1000,
       (cityHash64(number) % 100) / 100, 4096 * (cityHash64(number) % 50000), 0.1, 0.2, 6
     FROM system.numbers LIMIT {rows: UInt64} SETTINGS max_threads = 1`,
    { from: fromMs, every: everySeconds * 1000, rows: rows * GROUPS },
  )
}

async function storeFrames(kit: GatewayKit, fromMs: number, toMs: number): Promise<void> {
  const random = createRandom(7)
  const started = instances(fromMs)
  const tables = Array.from({ length: DISTINCT_S }, (_, second) => {
    const keyFrame = second % KEY_FRAME_EVERY_S === 0
    return encodeTable(keyFrame ? { started, values: scanValues(random, true) } : { values: scanValues(random, false) })
  })
  let body: TestRecord[] = []
  let bytes = 0
  for (let timeMs = fromMs; timeMs < toMs; timeMs += 1000) {
    const second = Math.floor((timeMs - fromMs) / 1000)
    const frame = frameOf(tables[second % DISTINCT_S]!, timeMs, second % KEY_FRAME_EVERY_S === 0)
    body.push(frame)
    bytes += frame.record.value.length
    if (bytes < 6_000_000) continue
    await kit.keep(...body)
    body = []
    bytes = 0
  }
  await kit.keep(...body)
}

/** A snapshot around a table that is encoded already. */
export function frameOf(table: Uint8Array, timeMs: number, keyFrame: boolean, sequence?: number): TestRecord {
  const options = { host: HOST, timeMs, keyFrame, ...(sequence === undefined ? {} : { sequence }) }
  return snapshotRecord(table, options)
}
