import { topics } from '@driftline/proto'
import { createHost, type Estate, encodeScan, estates, samplesPerScan } from './scans.ts'
import { bytesOnDisk, cpuSecondsOf, memoryOf, printTable, recordOf, type Stack, startStack } from './stack.ts'

/** Bus to ClickHouse with every view attached: how many samples a second, and how many bytes each takes on disk. */
const HOSTS = 5
const SAMPLES = Number(process.argv[2] ?? 12_000_000)

async function measure(estate: Estate): Promise<Record<string, string | number>> {
  const stack = await startStack()
  try {
    const published = await publishScans(estate, stack)
    const storeBefore = cpuSecondsOf(stack.storePid())
    const ownBefore = process.cpuUsage()
    const startedAt = performance.now()
    await stack.writer.start()
    while ((await storedSamples(stack)) < published) await new Promise((resolve) => setTimeout(resolve, 20))
    const seconds = (performance.now() - startedAt) / 1000
    const own = process.cpuUsage(ownBefore)
    const storeSeconds = cpuSecondsOf(stack.storePid()) - storeBefore
    const ownSeconds = (own.user + own.system) / 1e6
    const { rss } = memoryOf(stack.storePid())
    for (const table of ['samples', 'samples_1m']) await stack.analytics.execute(`OPTIMIZE TABLE ${table} FINAL`)
    const disk = await bytesOnDisk(stack.analytics)
    return {
      'five hosts of': estate.name,
      'samples/s': Math.round(published / seconds),
      'samples per CPU second': Math.round(published / (storeSeconds + ownSeconds)),
      'CPU s, store': storeSeconds.toFixed(1),
      'CPU s, bus and writer': ownSeconds.toFixed(1),
      'store RSS, MiB': rss,
      'bytes/sample, raw': (disk.samples! / published).toFixed(2),
      'bytes/sample, roll-up': (disk.samples_1m! / published).toFixed(2),
    }
  } finally {
    await stack.end()
  }
}

async function publishScans(estate: Estate, { bus }: Stack): Promise<number> {
  const hosts = Array.from({ length: HOSTS }, (_, i) => createHost(estate, i + 1))
  const scans = Math.floor(SAMPLES / (HOSTS * samplesPerScan(estate)))
  const startMs = Date.now() - scans * 1000
  for (let scan = 0; scan < scans; scan++) {
    const timeMs = startMs + scan * 1000
    await bus.publish(
      hosts.map(({ series, scan: next }, i) =>
        recordOf(topics.samples, `bench-${i}`, scan + 1, encodeScan(series, next(), timeMs + ((scan * 7 + i) % 5))),
      ),
    )
  }
  return scans * HOSTS * samplesPerScan(estate)
}

async function storedSamples({ analytics }: Stack): Promise<number> {
  const [row] = await analytics.query<{ n: string }>(
    "SELECT sum(rows) AS n FROM system.parts WHERE active AND table = 'samples'",
  )
  return Number(row?.n)
}

const results = []
for (const estate of estates) results.push(await measure(estate))
printTable('Bus to ClickHouse, embedded, with roll-ups', results)
