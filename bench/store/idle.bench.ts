import { create, toBinary } from '@bufbuild/protobuf'
import { KpiBatchSchema, PackedSnapshotSchema, topics } from '@driftline/proto'
import { createHost, createRandom, encodeScan } from './scans.ts'
import { cpuSecondsOf, memoryOf, printTable, recordOf, startStack } from './stack.ts'

/** What the store and the writer cost on one idle machine: 120 groups, one scan, one frame and one KPI batch a second. */
const SECONDS = Number(process.argv[2] ?? 60)
const GROUPS = 120
const KEY_FRAME_BYTES = 40_000
const CHANGES_BYTES = 1500

const stack = await startStack()
await stack.writer.start()
const host = createHost({ name: 'idle', groups: GROUPS }, 1)
const random = createRandom(7)
const processes = Array.from({ length: GROUPS }, (_, i) => `os:idle:group-${i}`)
const numbers = KpiBatchSchema.fields.filter((field) => field.fieldKind === 'list' && field.name !== 'process')

async function second(n: number): Promise<void> {
  const timeMs = Date.now()
  const keyFrame = n % 60 === 0
  const table = Uint8Array.from({ length: keyFrame ? KEY_FRAME_BYTES : CHANGES_BYTES }, () => random() * 64)
  const snapshot = { tenant: 'default', host: 'idle', timeMs: BigInt(timeMs), keyFrame, table }
  const columns = numbers.map((field) => [field.localName, processes.map((_, i) => (i % 3 ? Number.NaN : random()))])
  const kpis = { tenant: 'default', bucketTimeMs: BigInt(timeMs), bucketMs: 1000, process: processes }
  await stack.bus.publish([
    recordOf(topics.samples, 'idle', n + 1, encodeScan(host.series, host.scan(), timeMs)),
    recordOf(topics.snapshots, 'idle', n + 1, toBinary(PackedSnapshotSchema, create(PackedSnapshotSchema, snapshot))),
    recordOf(
      topics.kpis,
      'idle',
      n + 1,
      toBinary(KpiBatchSchema, create(KpiBatchSchema, { ...kpis, ...Object.fromEntries(columns) })),
    ),
  ])
}

let storeBefore = 0
let ownBefore = process.cpuUsage()
const WARM_UP_SECONDS = 5
for (let n = 0; n < SECONDS + WARM_UP_SECONDS; n++) {
  if (n === WARM_UP_SECONDS) {
    storeBefore = cpuSecondsOf(stack.storePid())
    ownBefore = process.cpuUsage()
  }
  await second(n)
  await new Promise((resolve) => setTimeout(resolve, 1000))
}
const own = process.cpuUsage(ownBefore)
const memory = memoryOf(stack.storePid())
printTable(`One idle machine, ${GROUPS} groups at 1 Hz, over ${SECONDS} s`, [
  {
    'store CPU, % of a core': (((cpuSecondsOf(stack.storePid()) - storeBefore) / SECONDS) * 100).toFixed(2),
    'bus and writer CPU, % of a core': (((own.user + own.system) / 1e6 / SECONDS) * 100).toFixed(2),
    'store RSS, MiB': memory.rss,
    'of it anonymous, MiB': memory.anonymous,
  },
])
await stack.end()
