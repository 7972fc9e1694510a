import { create, toBinary } from '@bufbuild/protobuf'
import { protoText } from '@driftline/platform/analytics/proto-text'
import { delimited } from '@driftline/platform/analytics/testing/store-test-kit'
import { PackedSnapshotSchema, SampleBatchSchema, SeriesBatchSchema } from '@driftline/proto'
import { createFrames } from './frames.ts'
import { createHost, createRandom, encodeScan, estates, samplesPerScan } from './scans.ts'
import { bytesOnDisk, printTable, startStack } from './stack.ts'

/** How long the reads of the product take over a day of one host with 1,000 processes. */
const HOURS = Number(process.argv[2] ?? 24)
const RUNS = 100
const SCANS_PER_INSERT = 150
const scans = HOURS * 3600
const endMs = Math.floor(Date.now() / 60_000) * 60_000
const startMs = endMs - scans * 1000

const estate = estates[0]!
const stack = await startStack()
const host = createHost(estate, 1)
let inserts = 0

async function insert(
  table: string,
  schema: typeof SampleBatchSchema | typeof PackedSnapshotSchema | typeof SeriesBatchSchema,
  body: Uint8Array,
): Promise<void> {
  await stack.analytics.insertProtobuf({
    table,
    schema: protoText(schema),
    message: schema.name,
    body,
    deduplicationToken: `bench-${++inserts}`,
  })
}

async function fill(): Promise<void> {
  const series = Array.from(host.series, (id, i) => ({
    id,
    tenant: 'default',
    process: `os:bench:group-${Math.floor(i / 8)}`,
    metric: `metric-${i % 8}`,
    attributes: '{}',
    definedAtMs: BigInt(startMs),
  }))
  await insert(
    'series_in',
    SeriesBatchSchema,
    delimited(toBinary(SeriesBatchSchema, create(SeriesBatchSchema, { series }))),
  )
  const frame = createFrames('bench')
  for (let at = 0; at < scans; at += SCANS_PER_INSERT) {
    const times = Array.from({ length: Math.min(SCANS_PER_INSERT, scans - at) }, (_, i) => at + i)
    const samples = times.map((n) => delimited(encodeScan(host.series, host.scan(), startMs + n * 1000 + (n % 5))))
    await insert('samples_in', SampleBatchSchema, Buffer.concat(samples))
    const frames = times.map((n) => delimited(frame(n, startMs + n * 1000)))
    await insert('snapshots_in', PackedSnapshotSchema, Buffer.concat(frames))
  }
}

const random = createRandom(3)
const moment = (marginMs: number): number => startMs + marginMs + Math.floor(random() * (scans * 1000 - 2 * marginMs))
const aProcess = (): Record<string, unknown> => ({
  tenant: 'default',
  process: `os:bench:group-${Math.floor(random() * estate.groups)}`,
  metric: `metric-${Math.floor(random() * 2)}`,
})

const SERIES = `(SELECT id FROM series WHERE tenant = {tenant: String} AND process = {process: String} AND metric = {metric: String})`
const RAW = `SELECT toUnixTimestamp(toStartOfInterval(ts, toIntervalSecond({step: UInt32}))) AS at, avg(value) AS v FROM samples
  WHERE series IN ${SERIES} AND ts >= fromUnixTimestamp64Milli({from: Int64}) AND ts < fromUnixTimestamp64Milli({to: Int64})
  GROUP BY at ORDER BY at`
const ROLLED = `SELECT toUnixTimestamp(toStartOfInterval(minute, toIntervalSecond({step: UInt32}))) AS at, sum(sum) / sum(count) AS v
  FROM samples_1m WHERE series IN ${SERIES} AND minute >= fromUnixTimestamp64Milli({from: Int64})
  AND minute < fromUnixTimestamp64Milli({to: Int64}) GROUP BY at ORDER BY at`
const FRAMES = `WITH fromUnixTimestamp64Milli({at: Int64}) AS moment,
  (SELECT max(ts) FROM snapshots WHERE tenant = {tenant: String} AND host = {host: String} AND key_frame
   AND ts <= moment AND ts > moment - toIntervalMinute(5)) AS key
  SELECT toUnixTimestamp64Milli(ts) AS at, key_frame, base64Encode(\`table\`) AS frame FROM snapshots
  WHERE tenant = {tenant: String} AND host = {host: String} AND ts >= key AND ts <= moment ORDER BY ts`

const HOUR_MS = 3_600_000
const range = (hours: number, step: number) => () => {
  const from = endMs - Math.min(hours, HOURS) * HOUR_MS
  return { ...aProcess(), from, to: endMs, step }
}
const reads: readonly [string, string, () => Record<string, unknown>][] = [
  ['/query, 1 h of seconds, step 10 s', RAW, range(1, 10)],
  ['/query, 24 h of seconds, step 5 min', RAW, range(24, 300)],
  ['/query, 24 h of minutes, step 5 min', ROLLED, range(24, 300)],
  ['?at=, key frame and changes', FRAMES, () => ({ tenant: 'default', host: 'bench', at: moment(120_000) })],
]

async function measure([name, sql, parameters]: (typeof reads)[number]): Promise<Record<string, string | number>> {
  const times: number[] = []
  let rows = 0
  for (let run = 0; run < RUNS; run++) {
    const bound = parameters()
    const startedAt = performance.now()
    rows += (await stack.analytics.query(sql, bound)).length
    times.push(performance.now() - startedAt)
  }
  times.sort((a, b) => a - b)
  const at = (share: number): string => times[Math.floor(RUNS * share)]!.toFixed(1)
  return {
    read: name,
    'rows, mean': Math.round(rows / RUNS),
    'p50, ms': at(0.5),
    'p95, ms': at(0.95),
    'p99, ms': at(0.99),
  }
}

const filledAt = performance.now()
await fill()
const seconds = ((performance.now() - filledAt) / 1000).toFixed(0)
const samples = scans * samplesPerScan(estate)
const disk = await bytesOnDisk(stack.analytics)
const results = []
for (const read of reads) results.push(await measure(read))
printTable(`Reads over ${HOURS} h of ${estate.name} (${samples} samples, made in ${seconds} s)`, results)
printTable('On disk', [
  {
    'samples, MB': (disk.samples! / 1e6).toFixed(1),
    'bytes/sample': (disk.samples! / samples).toFixed(2),
    'samples_1m, MB': (disk.samples_1m! / 1e6).toFixed(1),
    'snapshots, MB': (disk.snapshots! / 1e6).toFixed(1),
    'bytes/frame': Math.round(disk.snapshots! / scans),
  },
])
await stack.end()
