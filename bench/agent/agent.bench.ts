import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fromBinary } from '@bufbuild/protobuf'
import { ProcessTableSchema } from '@driftline/proto'
import { type Collector, startCollector } from '../../services/agent/src/testing/collector.ts'

/**
 * CPU time per process and scan, and memory, of the built agent beside many processes, at one scan per second.
 * `npx tsx bench/agent/agent.bench.ts [processes ...]`; DRIFTLINE_BENCH_SECONDS sets how long each size is measured:
 * more than a minute, for the processes are counted from a key frame.
 */
const SIZES = process.argv.slice(2).map(Number)
const SECONDS = Number(process.env.DRIFTLINE_BENCH_SECONDS ?? 65)
const WARM_UP_MS = 5000
/** As in driftline-agent.service; without it the agent takes about 5 MB more. */
const UNIT_ENVIRONMENT = { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '2' }
/** One in so many works a little and starts a program each second; the others sleep. */
const BUSY_SHARE = 50
const BUSY = 'while :; do i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; sleep 1; done'
const BUDGET = { microseconds: 15, megabytes: 80 }
const AIM = { microseconds: 10, megabytes: 64 }

interface Figures {
  readonly processes: number
  readonly microsecondsPerProcess: number
  readonly cpuShare: number
  readonly rssMegabytes: number
  readonly rssPeakMegabytes: number
  readonly anonymousMegabytes: number
  readonly bytesPerScan: number
  readonly changedPerScan: number
  readonly keyFrameBytes: number
}

/** A shell forks the crowd, in a process group of its own: it is small, and one signal ends all. */
async function startCrowd(count: number): Promise<ChildProcess> {
  const busy = Math.floor(count / BUSY_SHARE)
  const many = (each: string, times: number): string => `i=0; while [ $i -lt ${times} ]; do ${each} & i=$((i+1)); done`
  const script = `${many('sleep 86400', count - busy)}; ${many(`sh -c '${BUSY}'`, busy)}; echo ready; wait`
  const crowd = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  await new Promise((resolve) => crowd.stdout.once('data', resolve))
  return crowd
}

function stopCrowd(crowd: ChildProcess): void {
  process.kill(-crowd.pid!, 'SIGKILL')
}

const megabytes = (file: string, key: string): number =>
  Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(file)?.[1] ?? Number.NaN) / 1024

function usageOf(pid: number): { cpuSeconds: number; rss: number; peak: number; anonymous: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    rss: megabytes(status, 'VmRSS'),
    peak: megabytes(status, 'VmHWM'),
    anonymous: megabytes(status, 'RssAnon'),
  }
}

async function measure(size: number, agentFile: string): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-bench-'))
  const collector = await startCollector()
  const crowd = await startCrowd(size)
  const agent = spawn(process.execPath, [agentFile], {
    cwd: directory,
    env: {
      ...UNIT_ENVIRONMENT,
      PATH: process.env['PATH'],
      DRIFTLINE_AGENT_SERVER: collector.address,
      DRIFTLINE_AGENT_API_KEY: 'bench',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  try {
    await collector.until('the first batch', () => collector.batches.length > 0, 60_000)
    await wait(WARM_UP_MS)
    collector.batches.length = 0
    const before = usageOf(agent.pid!)
    await wait(SECONDS * 1000)
    return figuresOf(before, usageOf(agent.pid!), collector)
  } finally {
    stopCrowd(crowd)
    agent.kill('SIGTERM')
    await new Promise((resolve) => agent.once('exit', resolve))
    await collector.stop()
    rmSync(directory, { recursive: true })
  }
}

function figuresOf(
  before: ReturnType<typeof usageOf>,
  after: ReturnType<typeof usageOf>,
  collector: Collector,
): Figures {
  const scans = collector.batches.length
  const frames = collector.batches.map(({ batch, bytes }) => ({
    bytes: bytes.length,
    keyFrame: batch.keyFrame,
    rows: fromBinary(ProcessTableSchema, batch.table).values?.pid.length ?? 0,
  }))
  const keyFrames = frames.filter((frame) => frame.keyFrame)
  const changes = frames.filter((frame) => !frame.keyFrame)
  const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length
  const processes = Math.max(...keyFrames.map((frame) => frame.rows))
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds
  return {
    processes,
    microsecondsPerProcess: (cpuSeconds * 1e6) / (scans * processes),
    cpuShare: cpuSeconds / scans,
    rssMegabytes: after.rss,
    rssPeakMegabytes: after.peak,
    anonymousMegabytes: after.anonymous,
    bytesPerScan: mean(changes.map((frame) => frame.bytes)),
    changedPerScan: mean(changes.map((frame) => frame.rows)),
    keyFrameBytes: Math.max(...keyFrames.map((frame) => frame.bytes)),
  }
}

function printTable(all: readonly Figures[]): void {
  const model = cpus()[0]?.model ?? 'unknown CPU'
  const head = `${cpus().length} x ${model}, Linux ${release()}, Node ${process.version}`
  const rows = all.map((each) =>
    [
      each.processes,
      each.microsecondsPerProcess.toFixed(2),
      `${(each.cpuShare * 100).toFixed(1)}%`,
      each.rssMegabytes.toFixed(1),
      each.rssPeakMegabytes.toFixed(1),
      each.anonymousMegabytes.toFixed(1),
      each.changedPerScan.toFixed(0),
      (each.bytesPerScan / 1024).toFixed(1),
      (each.keyFrameBytes / 1024).toFixed(0),
    ].join(' | '),
  )
  const lines = [
    head,
    `reach ${BUDGET.microseconds} us and ${BUDGET.megabytes} MB, aim ${AIM.microseconds} us and ${AIM.megabytes} MB`,
    '',
    '| processes | us per process and scan | of a core | RSS MB | peak MB | anonymous MB | rows per scan | KB per scan | KB key frame |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

const { buildAgent } = await import('../../services/agent/build.mjs')
const agentFile = join(mkdtempSync(join(tmpdir(), 'agent-bench-build-')), 'driftline-agent.mjs')
await buildAgent({ outfile: agentFile })
const figures: Figures[] = []
for (const size of SIZES.length > 0 ? SIZES : [1000, 5000]) figures.push(await measure(size, agentFile))
printTable(figures)
rmSync(join(agentFile, '..'), { recursive: true })
