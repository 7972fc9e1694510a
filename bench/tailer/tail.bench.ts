/**
 * The tailer service as a whole on one access log of nginx: fields, metrics, templates and searchable rows, durable on
 * the embedded bus: `npx tsx bench/tailer/tail.bench.ts [lines]`. The tailer and the writer of the file are processes of
 * their own, whose CPU is told apart; lines a CPU second say what a quiet machine would do.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BLOCK_LINES, LINE_BYTES, linesAt } from './lines.ts'
import type { TailerReport } from './tailer-child.ts'
import type { WriterReport } from './writer-child.ts'

const LINES = Number(process.argv[2] ?? 2_000_000)
const STEADY_PER_SECOND = 5000
const STEADY_SECONDS = 20
const WARM_UP_SECONDS = 5
const BACKLOG_SECONDS = 6
/** Event time of a file that was written before: so many lines a second of it. */
const WRITTEN_PER_SECOND = 5000
const DEADLINE_MS = 100_000
const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js'
const execArgv = extension === 'ts' ? ['--import', 'tsx'] : []
const childAt = (name: string): string => join(import.meta.dirname, `${name}-child.${extension}`)

interface Run {
  readonly reports: TailerReport[]
  readonly path: string
  add(): void
  /** Resolves when so many lines are durable. Errors: when the tailer ends before, or does not get there. */
  reached(lines: number): Promise<TailerReport>
  /** Waits for the next report. */
  now(): Promise<TailerReport>
}

async function withTailer<T>(work: (run: Run) => Promise<T>): Promise<T> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'driftline-bench-tailer-')))
  mkdirSync(join(root, 'logs'))
  const path = join(root, 'logs', 'access.log')
  const child: ChildProcess = fork(childAt('tailer'), [root, path], { execArgv })
  const reports: TailerReport[] = []
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = new Promise<void>((resolve) => child.once('message', () => resolve()))
  child.on('message', (message) => {
    if (message !== 'ready') reports.push(message as TailerReport)
  })
  const until = async (holds: () => boolean): Promise<TailerReport> => {
    for (const end = Date.now() + DEADLINE_MS; !holds(); await delay(20)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error('the tailer ended')
      if (Date.now() > end) throw new Error(`${reports.at(-1)?.lines} lines are durable, and it takes too long`)
    }
    return reports.at(-1)!
  }
  try {
    await ready
    return await work({
      reports,
      path,
      add: () => void child.send('add'),
      reached: (lines) => until(() => (reports.at(-1)?.lines ?? 0) >= lines),
      now() {
        const before = reports.length
        return until(() => reports.length > before)
      },
    })
  } finally {
    if (child.connected) child.disconnect()
    await ended
    rmSync(root, { recursive: true, force: true })
  }
}

async function write(path: string, perSecond: number, seconds: number): Promise<WriterReport> {
  const child = fork(childAt('writer'), [path, String(perSecond), String(seconds)], { execArgv })
  let report: WriterReport | null = null
  child.on('message', (message) => {
    report = message as WriterReport
  })
  await new Promise<void>((resolve) => child.once('exit', () => resolve()))
  if (report === null) throw new Error('the writer of the file ended')
  return report
}

function writeBefore(path: string, lines: number): void {
  const descriptor = openSync(path, 'w')
  const startMs = Date.now() - (lines / WRITTEN_PER_SECOND) * 1000
  for (let at = 0; at < lines; at += BLOCK_LINES) {
    writeSync(descriptor, linesAt(startMs + (at / WRITTEN_PER_SECOND) * 1000))
  }
  closeSync(descriptor)
}

const columns = ['what', 'lines/s', 'lines/CPU s', 'cores', 'MiB', 'B/line bus', 'p50 ms', 'p99 ms', 'writer cores']
const widths = [32, 10, 12, 7, 7, 11, 8, 8, 13]
const print = (cells: readonly string[]): void => {
  const padded = cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[at]!)))
  process.stdout.write(`${padded.join(' ')}\n`)
}
const peak = (reports: readonly TailerReport[]): number => Math.max(...reports.map(({ rssMiB }) => rssMiB))

function printRange(what: string, from: TailerReport, to: TailerReport, rssMiB: number, rest: readonly string[]): void {
  const seconds = (to.atMs - from.atMs) / 1000
  const [lines, cpu] = [to.lines - from.lines, to.cpuSeconds - from.cpuSeconds]
  const rates = [Math.round(lines / seconds), Math.round(lines / cpu)].map(String)
  const bytes = Math.round((to.bytes - from.bytes) / Math.max(1, lines))
  print([what, ...rates, (cpu / seconds).toFixed(3), String(Math.round(rssMiB)), String(bytes), ...rest])
}

/** The whole file, from the moment at which the source is made. Answers lines a second. */
async function fullSpeed(): Promise<number> {
  return await withTailer(async ({ reports, path, add, reached, now }) => {
    writeBefore(path, LINES)
    const from = await now()
    add()
    const to = await reached(LINES)
    printRange(`written before, ${LINES / 1e6} M`, from, to, peak(reports), ['', '', ''])
    // The first seconds are those of a program that is not compiled yet, and of a source that is looked for.
    const half = reports.find(({ lines }) => lines >= LINES / 2)!
    printRange('  its second half', half, to, peak(reports), ['', '', ''])
    return ((to.lines - half.lines) / (to.atMs - half.atMs)) * 1000
  })
}

async function steady(): Promise<void> {
  await withTailer(async ({ reports, path, add, reached, now }) => {
    add()
    const writing = write(path, STEADY_PER_SECOND, WARM_UP_SECONDS + STEADY_SECONDS)
    await reached(WARM_UP_SECONDS * STEADY_PER_SECOND)
    const from = await now()
    const begin = reports.length
    const { lines, cpuSeconds } = await writing
    const to = reports.at(-1)!
    await reached(lines)
    const counted = reports.slice(begin)
    // Lines of a batch were written evenly between its oldest and newest one.
    const ages = counted.flatMap(({ lags }) =>
      lags.flatMap(([oldest, newest]) => Array.from({ length: 100 }, (_, i) => newest + ((oldest - newest) * i) / 99)),
    )
    ages.sort((a, b) => a - b)
    const at = (share: number): string => String(Math.round(ages[Math.floor(ages.length * share)]!))
    const writer = (cpuSeconds / (WARM_UP_SECONDS + STEADY_SECONDS)).toFixed(3)
    printRange('steady 5,000/s', from, to, peak(reports), [at(0.5), at(0.99), writer])
  })
}

/** Twice what it can take: what is behind stays in the file, and comes once each when the writer is done. */
async function backlog(most: number): Promise<void> {
  await withTailer(async ({ reports, path, add, reached, now }) => {
    const from = await now()
    add()
    const { lines, cpuSeconds } = await write(path, Math.round(most * 2), BACKLOG_SECONDS)
    const ended = reports.at(-1)!
    const writer = (cpuSeconds / BACKLOG_SECONDS).toFixed(3)
    printRange(`twice: ${Math.round(most * 2)}/s offered`, from, ended, peak(reports), ['', '', writer])
    const to = await reached(lines)
    const share = ((lines - ended.lines) / lines) * 100
    printRange(`  catching up with ${Math.round(share)} % of them`, ended, to, peak(reports), ['', '', ''])
    await delay(500)
    const { lines: durable } = await now()
    process.stdout.write(`  ${lines} lines written, ${durable} durable, the tailer runs\n`)
  })
}

process.stdout.write(`nginx combined, ${LINE_BYTES} bytes a line with its newline\n`)
print(columns)
await steady()
await backlog(await fullSpeed())
