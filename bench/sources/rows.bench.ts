/**
 * From a file to rows that a search finds, as the product runs it on one machine: tailer, embedded bus and writer in one
 * process, and the embedded store; then searches over a day of 5 M lines: `npx tsx bench/sources/rows.bench.ts [lines] [lines of the day]`.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createSourceStore } from '@driftline/ingest/source-store'
import { createSealer } from '@driftline/platform/access/sealing'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { conditionOf, type LogRange, readLogBars, readLogs } from '../../services/gateway/src/queries/logs.ts'
import { readTailerConfig } from '../../services/tailer/src/config.ts'
import { createTailer } from '../../services/tailer/src/service.ts'
import { bytesOnDisk, cpuSecondsOf, memoryOf, printTable, type Stack, startStack } from '../store/stack.ts'
import { BLOCK_LINES, linesAt } from '../tailer/lines.ts'

const LINES = Number(process.argv[2] ?? 1_000_000)
const DAY_LINES = Number(process.argv[3] ?? 5_000_000)
const DAY_MS = 86_400_000
const WRITTEN_PER_SECOND = 5000
const TENANT = 'default'
const DEADLINE_MS = 90_000
/** Searches of one kind end after so many, or so long. */
const RUNS = 50
const SEARCH_MS_MAX = 4000
const MERGE_MS_MAX = 20_000
const QUIET_LOOKS = 8

const writtenFromMs = Date.now() - Math.ceil(LINES / WRITTEN_PER_SECOND + 60) * 1000
const momentOf = (line: number): number => writtenFromMs + Math.floor(line / BLOCK_LINES) * (BLOCK_LINES / 5)

function writeFile(path: string): void {
  const descriptor = openSync(path, 'w')
  for (let line = 0; line < LINES; line += BLOCK_LINES) writeSync(descriptor, linesAt(momentOf(line)))
  closeSync(descriptor)
}

async function storedRows({ analytics }: Stack): Promise<number> {
  const [row] = await analytics.query<{ n: string }>(
    "SELECT sum(rows) AS n FROM system.parts WHERE active AND table = 'logs'",
  )
  return Number(row?.n)
}

async function fill(stack: Stack, root: string): Promise<void> {
  const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
  const metadata = createSqliteMetadata({ file: join(root, 'metadata.sqlite') }, deps)
  const sealer = createSealer({ key: Buffer.alloc(32, 7) })
  const tailer = createTailer(readTailerConfig({ yaml: {}, env: {}, file: null }), {
    ...deps,
    bus: stack.bus,
    metadata,
    sealer,
    dataDir: join(root, 'data'),
  })
  const path = join(root, 'logs', 'access.log')
  mkdirSync(join(root, 'logs'))
  writeFile(path)
  await metadata.start()
  await stack.writer.start()
  await tailer.start()
  const sources = createSourceStore({ metadata, sealer, clock: systemClock })
  const definition = { paths: [path], from: 'beginning', reading: { format: 'combined' } }
  const ownBefore = process.cpuUsage()
  const storeBefore = cpuSecondsOf(stack.storePid())
  const startedAt = performance.now()
  await sources.create(TENANT, { kind: 'file', name: 'web', definition, secrets: {}, active: true }, 'bench')
  let [own, storeRss] = [0, 0]
  while ((await storedRows(stack)) < LINES) {
    if (performance.now() - startedAt > DEADLINE_MS) throw new Error('not all lines are in the store in time')
    own = Math.max(own, memoryOf(process.pid).anonymous)
    storeRss = Math.max(storeRss, memoryOf(stack.storePid()).rss)
    await delay(100)
  }
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(ownBefore)
  const ownSeconds = (user + system) / 1e6
  const store = cpuSecondsOf(stack.storePid()) - storeBefore
  await tailer.stop()
  await metadata.stop()
  const disk = await bytesOnDisk(stack.analytics)
  printTable(`${LINES / 1e6} M lines of a file to rows of the store`, [
    {
      'rows/s': Math.round(LINES / seconds),
      'rows/CPU s': Math.round(LINES / (ownSeconds + store)),
      'CPU s, tailer, bus, writer': ownSeconds.toFixed(1),
      'CPU s, store': store.toFixed(1),
      'memory of its own, MiB': own,
      'store RSS, MiB': storeRss,
      'bytes/row on disk': Math.round((disk.logs ?? 0) / LINES),
    },
  ])
}

/** The same lines again with other moments, spread over the day before them, until there are 5 M; then merges settle. */
async function spread({ analytics }: Stack, endMs: number): Promise<void> {
  const span = writtenFromMs - (endMs - DAY_MS)
  for (let copy = 1; copy < Math.ceil(DAY_LINES / LINES); copy++) {
    await analytics.execute(
      `INSERT INTO logs SELECT tenant, process,
         fromUnixTimestamp64Milli(${endMs - DAY_MS} + toInt64(rand(${copy}) % ${span}), 'UTC') AS moment, ordinal,
         source, origin, severity, pattern, replaceOne(body, was, is), replaceOne(attributes, was, is) FROM
       (SELECT *, extract(body, '/([0-9]{13})/') AS was, toString(toInt64(was) - 1000000000 * ${copy}) AS is
        FROM logs WHERE process = 'log:web' AND ts >= fromUnixTimestamp64Milli(${writtenFromMs}, 'UTC'))
       SETTINGS max_threads = 1, max_block_size = 8192, min_insert_block_size_rows = 40000,
         min_insert_block_size_bytes = 25000000`,
    )
  }
  const startedAt = performance.now()
  const count = "SELECT count() AS n FROM system.parts WHERE active AND table = 'logs'"
  let before = ''
  for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() - startedAt < MERGE_MS_MAX; await delay(500)) {
    const [row] = await analytics.query<{ n: string }>(count)
    quiet = row?.n === before ? quiet + 1 : 0
    before = row?.n ?? ''
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  const [parts] = await analytics.query<{ parts: string; indexed: string; bytes: string; idx: string; share: number }>(
    `SELECT count() AS parts, countIf(secondary_indices_compressed_bytes > 0) AS indexed, sum(bytes_on_disk) AS bytes,
       sum(secondary_indices_compressed_bytes) AS idx,
       sumIf(rows, secondary_indices_compressed_bytes > 0) / sum(rows) AS share FROM system.parts WHERE active AND table = 'logs'`,
  )
  process.stdout.write(
    `${parts?.parts} parts, ${parts?.indexed} of them with an index (${Math.round(Number(parts?.share) * 100)} % of the rows), after ${seconds} s of merges; ` +
      `${Math.round(Number(parts?.bytes) / 1e6)} MB on disk, ${Math.round(Number(parts?.idx) / 1e6)} MB of it the index\n\n`,
  )
}

type Search = Parameters<typeof conditionOf>[1]

async function searches({ analytics }: Stack, endMs: number): Promise<void> {
  const day: LogRange = { fromMs: endMs - DAY_MS, toMs: endMs }
  const conditionIn = (search: Search) => (range: LogRange) => conditionOf(TENANT, search, ['log:web'], range)
  const page = (search: Search) => () => readLogs(analytics, conditionIn(search), day, { limit: 100, after: null })
  const bars = (search: Search) => () => readLogBars(analytics, conditionIn(search)(day), DAY_MS / 100)
  let turn = 0
  const aMoment = (): string => String(momentOf((turn++ * 37_000) % LINES) - 1_000_000_000)
  const kinds: readonly [string, () => Promise<readonly unknown[]>][] = [
    ['newest 100 lines', page({})],
    ['a word of one line in 8', page({ q: 'users' })],
    ['a word of 1,000 lines', () => page({ q: aMoment() })()],
    ['two words', () => page({ q: `login ${aMoment()}` })()],
    ['a word that is in no line', page({ q: 'quetzal' })],
    ['a field, 2 % of lines', page({ field: { 'http.response.status_code': ['500'] } })],
    ['a field of 5 lines a day', page({ field: { 'http.response.body.size': ['10123'], 'url.query': ['page=6'] } })],
    ['lines of a day by time and level', bars({})],
    ['a word by time and level', () => bars({ q: aMoment() })()],
  ]
  const rows = []
  for (const [what, ask] of kinds) {
    const times: number[] = []
    let found = (await ask()).length
    const startedAt = performance.now()
    while (times.length < RUNS && performance.now() - startedAt < SEARCH_MS_MAX) {
      const askedAt = performance.now()
      found = (await ask()).length
      times.push(performance.now() - askedAt)
    }
    times.sort((a, b) => a - b)
    const at = (share: number): string => times[Math.floor(times.length * share)]!.toFixed(0)
    rows.push({ search: what, found, runs: times.length, 'p50, ms': at(0.5), 'p95, ms': at(0.95) })
  }
  const stored = await analytics.query<{ n: string }>('SELECT count() AS n FROM logs')
  printTable(`Searches over a day of ${(Number(stored[0]?.n) / 1e6).toFixed(1)} M lines, warm`, rows)
}

const root = realpathSync(mkdtempSync(join(tmpdir(), 'driftline-bench-rows-')))
const stack = await startStack()
try {
  await fill(stack, root)
  const endMs = Math.ceil(Date.now() / 1000) * 1000
  await spread(stack, endMs)
  await searches(stack, endMs)
} finally {
  await stack.end()
  rmSync(root, { recursive: true, force: true })
}
