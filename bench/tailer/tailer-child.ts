/**
 * The tailer service as a process of its own, on an embedded bus: `fork`ed with a directory and the file to follow. Tells
 * ten times a second what it has made durable and what it took.
 */
import { logBodyTag, topics } from '@driftline/proto'
import { startTailer } from '../../services/tailer/src/testing/tailer-rig.ts'
import { LINE_BYTES, MOMENT_AT } from './lines.ts'

/** Counts since the start; `lags` since the last report. */
export interface TailerReport {
  readonly lines: number
  readonly bytes: number
  readonly samples: number
  /** Batches by the age of their oldest and newest line when they were durable, milliseconds, and their lines. */
  readonly lags: readonly (readonly [oldest: number, newest: number, lines: number])[]
  readonly cpuSeconds: number
  readonly rssMiB: number
  readonly atMs: number
}

const REPORT_MS = 100

const [root, path] = [process.argv[2]!, process.argv[3]!]
let [lines, bytes, samples] = [0, 0, 0]
let lags: [number, number, number][] = []

/** Rows of an encoded batch, and the moments of its first and last line: all bodies are of the same length. */
function rowsIn(value: Uint8Array): { rows: number; first: number; last: number } {
  // Length of a body, as protobuf writes numbers from 128 to 16,383.
  const [low, high, body] = [((LINE_BYTES - 1) & 127) | 128, (LINE_BYTES - 1) >> 7, LINE_BYTES - 1]
  let at = 0
  while (value[at] !== logBodyTag || value[at + 1] !== low || value[at + 2] !== high || value[at + 3] !== 50) at += 1
  const first = at
  let rows = 0
  for (; value[at] === logBodyTag; at += body + 3) rows += 1
  const momentAt = (start: number): number => {
    const from = start + 3 + MOMENT_AT
    return Number(Buffer.from(value.subarray(from, from + 13)).toString('latin1'))
  }
  return { rows, first: momentAt(first), last: momentAt(at - body - 3) }
}

const rig = await startTailer({ root: root }, (bus) => ({
  ...bus,
  async publish(records) {
    const batches = records.filter(({ topic }) => topic === topics.logs.name).map(({ value }) => rowsIn(value))
    const size = records.reduce((sum, { value }) => sum + value.length, 0)
    await bus.publish(records)
    bytes += size
    samples += records.filter(({ topic }) => topic === topics.samples.name).length
    const nowMs = Date.now()
    for (const { rows, first, last } of batches) {
      lines += rows
      lags.push([nowMs - first, nowMs - last, rows])
    }
  },
}))

process.on('message', () => {
  void rig.add('file', 'web', { paths: [path], from: 'beginning', reading: { format: 'combined' } })
})
// Also when the bench is ended from outside.
process.once('disconnect', () => void rig.stop().then(() => process.exit(0)))

const tell = (): void => {
  const { user, system } = process.cpuUsage()
  const report: TailerReport = {
    lines,
    bytes,
    samples,
    lags,
    cpuSeconds: (user + system) / 1e6,
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
    atMs: performance.timeOrigin + performance.now(),
  }
  lags = []
  if (process.connected) process.send!(report)
}
setInterval(tell, REPORT_MS)
process.send?.('ready')
