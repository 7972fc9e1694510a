import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEmbeddedStore } from '@driftline/platform/analytics/create-analytics-store'
import { createEmbeddedServer } from '@driftline/platform/analytics/embedded-server'
import { migrationsDir, quietLogger, testConfig } from '@driftline/platform/analytics/store-test-kit'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { SampleBatchSchema, topics } from '@driftline/proto'
import { createPositionStore } from '@driftline/writer/positions'
import { createWriter } from '@driftline/writer/service'
import { createHost, type Estate, encodeScan, estates, samplesPerScan } from './scans.ts'

/** Bus to ClickHouse with every view attached: how many samples a second, and how many bytes each takes on disk. */
const HOSTS = 5
const SAMPLES = Number(process.argv[2] ?? 12_000_000)
const MIB = 1024 * 1024

async function measure(estate: Estate): Promise<Record<string, string | number>> {
  const dir = mkdtempSync(join(tmpdir(), 'driftline-bench-'))
  const deps = { logger: quietLogger, clock: systemClock, metrics: createSelfMetrics() }
  const bus = createEmbeddedBus({ dataDir: dir, topics }, deps)
  const metadata = createSqliteMetadata({ file: join(dir, 'metadata.db') }, deps)
  const config = testConfig({ dir: join(dir, 'clickhouse'), migrationsDir })
  const server = createEmbeddedServer(
    {
      dir: config.dir,
      database: 'driftline',
      memoryBytesMax: config.memoryBytesMax,
      startTimeoutMs: 20_000,
      healthIntervalMs: 5000,
    },
    deps,
  )
  const analytics = createEmbeddedStore(server, config, deps)
  await bus.start()
  await metadata.start()
  await analytics.start()
  const published = await publishScans(estate, bus)
  const writer = createWriter(
    { lingerMs: 1000, bodyBytesMax: 4 * MIB, recordsMax: 5000, sourcesMax: 1000, settleAfterMs: 5000 },
    { ...deps, bus, analytics, positions: createPositionStore(metadata) },
  )
  const cpuBefore = cpuSeconds(server.childPid())
  const ownBefore = process.cpuUsage()
  const startedAt = performance.now()
  await writer.start()
  let rows = 0
  while (rows < published) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    rows = Number(
      (
        await analytics.query<{ n: string }>(
          "SELECT sum(rows) AS n FROM system.parts WHERE active AND table = 'samples'",
        )
      )[0]!.n,
    )
  }
  const seconds = (performance.now() - startedAt) / 1000
  const own = process.cpuUsage(ownBefore)
  const storeCpu = cpuSeconds(server.childPid()) - cpuBefore
  const rss = rssMib(server.childPid())
  await writer.stop()
  const disk = await bytesOnDisk(analytics)
  await analytics.stop()
  await metadata.stop()
  await bus.stop()
  rmSync(dir, { recursive: true, force: true })
  return {
    estate: estate.name,
    'samples/s': Math.round(published / seconds),
    seconds: seconds.toFixed(2),
    'store CPU s': storeCpu.toFixed(1),
    'writer and bus CPU s': ((own.user + own.system) / 1e6).toFixed(1),
    'store RSS MiB': rss,
    'bytes/sample': (disk.samples! / published).toFixed(2),
    'roll-up bytes/sample': (disk.samples_1m! / published).toFixed(2),
  }
}

async function publishScans(estate: Estate, bus: ReturnType<typeof createEmbeddedBus>): Promise<number> {
  const hosts = Array.from({ length: HOSTS }, (_, i) => createHost(estate, i + 1))
  const scans = Math.floor(SAMPLES / (HOSTS * samplesPerScan(estate)))
  const startMs = Date.now() - scans * 1000
  for (let scan = 0; scan < scans; scan++) {
    await bus.publish(
      hosts.map((host, i) => ({
        topic: topics.samples.name,
        key: `default/host:bench-${i}`,
        headers: {
          'content-type': 'application/protobuf' as const,
          message: SampleBatchSchema.typeName,
          tenant: 'default',
          source: `bench-${i}`,
          epoch: '1',
          sequence: String(scan + 1),
        },
        value: encodeScan(host.series, host.scan(), startMs + scan * 1000 + ((scan * 7 + i * 13) % 5)),
      })),
    )
  }
  return scans * HOSTS * samplesPerScan(estate)
}

/** After all merges, so that figures compare. */
async function bytesOnDisk(analytics: ReturnType<typeof createEmbeddedStore>): Promise<Record<string, number>> {
  for (const table of ['samples', 'samples_1m']) await analytics.execute(`OPTIMIZE TABLE ${table} FINAL`)
  const rows = await analytics.query<{ table: string; bytes: string }>(
    'SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active GROUP BY table',
  )
  return Object.fromEntries(rows.map(({ table, bytes }) => [table, Number(bytes)]))
}

function cpuSeconds(pid: number | null): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function rssMib(pid: number | null): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Math.round(Number(match?.[1]) / 1024)
}

const results = []
for (const estate of estates) results.push(await measure(estate))
process.stdout.write(
  `${results
    .map((result) =>
      Object.entries(result)
        .map(([k, v]) => `${k}: ${v}`)
        .join('\n'),
    )
    .join('\n\n')}\n`,
)
