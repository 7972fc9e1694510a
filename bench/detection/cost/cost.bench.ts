import { serialize } from 'node:v8'
import { encodeMoment } from '../../../services/analyzer/src/checkpoint-codec.ts'
import { kpiRecord } from '../../../services/analyzer/src/kpi-record.ts'
import { stateOf, step } from '../../../services/analyzer/src/step.ts'
import { applyScan, deviceSource, hostSource, openEstate, type Source, scanOf } from './estate.ts'

function report(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(68)} ${value}\n`)
}

const WARM_UP_S = 240
const MEASURED_S = 120

/** CPU time since, all threads: on a machine that is shared the clock measures the others. */
function cpuMs(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}

/**
 * Samples per second on one core: every source sends each series once a second; all that follows is counted, from the
 * bytes of a record to the encoded records of KPIs, baselines and anomalies. Making the input is not.
 */
function benchThroughput(what: string, sources: readonly Source[]): void {
  const { config, partition } = openEstate(sources)
  let cpuUs = 0
  let samples = 0
  let records = 0
  let allocated = 0
  const steps: number[] = []
  for (let second = 0; second < WARM_UP_S + MEASURED_S; second++) {
    const scans = sources.map((source) => scanOf(source, second))
    const isMeasured = second >= WARM_UP_S
    const heap = process.memoryUsage().heapUsed
    const began = process.cpuUsage()
    for (const [at, source] of sources.entries()) {
      const stepBegan = process.cpuUsage()
      const outcome = applyScan(config, partition, source, second, scans[at]!)!
      const encoded = outcome.closed.map((rows) => kpiRecord(rows, config.bucketMs))
      if (!isMeasured) continue
      samples += source.ids.length
      records += encoded.length + outcome.detection.records.length
      if (outcome.closed.length + outcome.detection.records.length > 0) steps.push(cpuMs(stepBegan))
    }
    if (!isMeasured) continue
    const { user, system } = process.cpuUsage(began)
    cpuUs += user + system
    allocated += Math.max(0, process.memoryUsage().heapUsed - heap)
  }
  steps.sort((a, b) => a - b)
  report(`${what}: samples/s on one core`, `${Math.round((samples / cpuUs) * 1e6).toLocaleString('en')}`)
  report('   heap bytes allocated per sample (collections in between not seen)', (allocated / samples).toFixed(1))
  const at = (share: number): string => `${steps[Math.floor(steps.length * share)]?.toFixed(2)} ms`
  report(
    '   CPU time of closing a bucket, to records ready to publish: median, p99, longest',
    `${at(0.5)}, ${at(0.99)}, ${at(0.9999)}`,
  )
  report('   records', String(records))
  const { tracks, openExcursions } = partition.engine.count()
  report('   tracks', `${tracks}, open excursions ${[...openExcursions.values()].reduce((sum, each) => sum + each, 0)}`)
  const encodeBegan = performance.now()
  const bytes = encodeMoment({ positions: new Map(), repeats: [], state: stateOf(partition) }).length
  const encodeMs = performance.now() - encodeBegan
  report(
    '   checkpoint',
    `${(bytes / 1024 / 1024).toFixed(1)} MiB in ${encodeMs.toFixed(0)} ms, ${(bytes / tracks).toFixed(0)} bytes per track`,
  )
}

/** Heap allocated by samples that close no bucket: the hot path proper. */
function benchAllocation(what: string, source: Source): void {
  const { config, partition } = openEstate([source])
  const scan = scanOf(source, 0)
  for (let round = 0; round < 300; round++) applyScan(config, partition, source, 0, scan)
  let allocated = 0
  let rounds = 0
  for (let round = 0; round < 1000; round++) {
    const before = process.memoryUsage().heapUsed
    applyScan(config, partition, source, 0, scan)
    const bytes = process.memoryUsage().heapUsed - before
    // A collection in between says nothing of what was allocated.
    if (bytes < 0) continue
    allocated += bytes
    rounds += 1
  }
  report(`${what}: heap per record of ${source.ids.length} samples`, `${(allocated / rounds).toFixed(0)} bytes`)
  report('   per sample', (allocated / rounds / source.ids.length).toFixed(2))
}

/** Memory of a million series, by what the process holds before and after. */
function benchMillion(): void {
  const sources = Array.from({ length: 1000 }, (_, at) => deviceSource(`press-${at}`, 1000))
  globalThis.gc?.()
  const before = process.memoryUsage()
  const { config, partition } = openEstate(sources.slice(0, 1))
  for (const source of sources.slice(1)) {
    openSeries(config, partition, source)
  }
  for (let second = 0; second < 130; second += 5) {
    for (const source of sources) applyScan(config, partition, source, second, scanOf(source, second))
  }
  globalThis.gc?.()
  const after = process.memoryUsage()
  const { tracks } = partition.engine.count()
  const used = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
  report('a million series in one partition: tracks', String(tracks))
  report('   heap and arrays per series', `${(used / tracks).toFixed(0)} bytes`)
  report('   resident', `${(after.rss / 2 ** 20).toFixed(0)} MiB (before: ${(before.rss / 2 ** 20).toFixed(0)} MiB)`)
  for (const [name, state] of Object.entries(stateOf(partition).detection!.detectors)) {
    report(`   state of ${name}`, `${(serialize(state).length / tracks).toFixed(0)} bytes per series`)
  }
  report(
    '   state of baselines',
    `${(serialize(stateOf(partition).detection!.baselines).length / tracks).toFixed(0)} bytes per series`,
  )
}

function openSeries(
  config: ReturnType<typeof openEstate>['config'],
  partition: ReturnType<typeof openEstate>['partition'],
  { hostKey, series }: Source,
): void {
  step(config, partition, { kind: 'series', hostKey, series })
}

const wanted = process.argv.slice(2)
const runs = (name: string): boolean => wanted.length === 0 || wanted.includes(name)
if (runs('allocation')) {
  benchAllocation('host', hostSource('web-0', 300))
  benchAllocation('device', deviceSource('press-0', 3000))
}
if (runs('hosts'))
  benchThroughput(
    '10 hosts of 300 groups',
    Array.from({ length: 10 }, (_, at) => hostSource(`web-${at}`, 300)),
  )
if (runs('devices'))
  benchThroughput(
    '50 devices of 600 series',
    Array.from({ length: 50 }, (_, at) => deviceSource(`press-${at}`, 600)),
  )
if (runs('million')) benchMillion()
