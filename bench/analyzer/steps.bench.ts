import { create, toBinary } from '@bufbuild/protobuf'
import {
  decodeSamples,
  encodeSamples,
  groupMetrics,
  hostMetrics,
  MetricKind,
  ProcessTableSchema,
  type Series,
  SeriesSchema,
  seriesId,
  viewUint64,
} from '../../proto/src/index.ts'
import { encodeMoment } from '../../services/analyzer/src/checkpoint-codec.ts'
import { defaultStepConfig } from '../../services/analyzer/src/config.ts'
import { kpiRecord } from '../../services/analyzer/src/kpi-record.ts'
import { createPartitionState } from '../../services/analyzer/src/model/state.ts'
import { openPartition, step } from '../../services/analyzer/src/step.ts'
import { defaultLimits } from '../../services/intake/src/limits.ts'
import { createOwnership } from '../../services/intake/src/validate/owned-process.ts'
import { createSeriesMap } from '../../services/intake/src/validate/series-map.ts'
import { validateSamples } from '../../services/intake/src/validate/validate-samples.ts'
import { validateTable } from '../../services/intake/src/validate/validate-table.ts'

const START_MS = 1_800_000_000_000
const GROUPS = 300
const PROCESSES = 1000

/** The series of a host that runs 300 groups of processes. */
function seriesOf(host: string): Series[] {
  const base = { tenant: 'default', kind: MetricKind.GAUGE, attributes: '{}' }
  const of = (process: string, metric: string): Series =>
    create(SeriesSchema, { ...base, id: seriesId('default', process, metric, '{}'), process, metric })
  const series = Object.values(hostMetrics).map(({ name }) => of(`host:${host}`, name))
  for (let group = 0; group < GROUPS; group++) {
    for (const { name } of Object.values(groupMetrics)) series.push(of(`os:${host}:group-${group}`, name))
  }
  return series
}

const encodeScan = (ids: BigUint64Array, timeMs: number): Uint8Array =>
  encodeSamples({
    baseTimeMs: BigInt(timeMs),
    seriesPairs: ids,
    timeOffsetMs: new Int32Array(ids.length),
    value: Float64Array.from(ids, (_, index) => index / 7),
  })

/** Runs `work` for about two seconds, after a warm-up, and answers seconds of CPU per call, of all threads. */
function secondsPerCall(work: (round: number) => void): number {
  let round = 0
  for (const end = performance.now() + 1000; performance.now() < end; ) work(round++)
  const first = round
  const cpu = process.cpuUsage()
  for (const end = performance.now() + 2000; performance.now() < end; ) work(round++)
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / 1e6 / (round - first)
}

function report(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(64)} ${value}\n`)
}
const millions = (perSecond: number): string => `${(perSecond / 1e6).toFixed(1)} M samples/s`

function benchIntake(): void {
  const series = seriesOf('web-1')
  const map = createSeriesMap({ maxSize: 200_000, seed: 12345 })
  const plain = new Map<bigint, bigint>()
  for (const [index, each] of series.entries()) {
    map.define(BigInt(index + 1), each)
    plain.set(BigInt(index + 1), each.id)
  }
  const scan = encodeScan(
    BigUint64Array.from(series, (_, index) => BigInt(index + 1)),
    START_MS,
  )
  const ours = secondsPerCall(() => {
    if (validateSamples(scan, map, defaultLimits, START_MS).kind !== 'emit') throw new Error('refused')
  })
  report(`intake: decode, check, map, encode a scan of ${series.length} samples`, millions(series.length / ours))
  const withMap = secondsPerCall(() => {
    const columns = decodeSamples(scan)!
    const ids = viewUint64(new Uint8Array(columns.seriesPairs.slice().buffer))
    const mapped = new BigUint64Array(ids.length)
    for (let i = 0; i < ids.length; i++) mapped[i] = plain.get(ids[i]!)!
    encodeSamples({ ...columns, seriesPairs: mapped })
  })
  report('   for comparison: Map with BigInt keys, without the checks', millions(series.length / withMap))
}

function benchTables(): void {
  const owns = createOwnership('web-1')
  const context = { limits: defaultLimits, owns, nowMs: START_MS }
  for (const [what, rows, started] of [
    ['key frame', PROCESSES, true],
    ['frame with a tenth of the values changed', PROCESSES / 10, false],
  ] as const) {
    const bytes = tableOf(rows, started)
    const seconds = secondsPerCall(() => {
      if (validateTable(bytes, context).kind !== 'emit') throw new Error('refused')
    })
    report(`intake: process table of ${PROCESSES}, ${what}, ${bytes.length} bytes`, `${(seconds * 1000).toFixed(2)} ms`)
  }
}

function tableOf(rows: number, withStarted: boolean): Uint8Array {
  const strings = ['']
  for (let row = 0; row < rows; row++) {
    strings.push(`name-${row}`, `/usr/bin/name-${row} --with some --arguments=${row}`, `os:web-1:group-${row % GROUPS}`)
  }
  const column = <T>(value: (row: number) => T): T[] => Array.from({ length: rows }, (_, row) => value(row))
  const started = {
    pid: column((row) => row + 1),
    startTimeMs: column((row) => BigInt(START_MS - 60_000 - row)),
    parentPid: column(() => 1),
    name: column((row) => 1 + 3 * row),
    command: column((row) => 2 + 3 * row),
    user: column(() => 0),
    group: column((row) => 3 + 3 * row),
    container: column(() => 0),
    kernelThread: column(() => false),
  }
  const values = {
    pid: column((row) => row + 1),
    state: column(() => 2),
    cpuCores: column((row) => row / 1000),
    residentBytes: column((row) => BigInt(row) * 4096n),
    virtualBytes: column((row) => BigInt(row) * 65_536n),
    readBytesPerSecond: column((row) => row),
    writeBytesPerSecond: column((row) => row),
    threads: column(() => 4),
    openFiles: column(() => 20),
  }
  const table = withStarted ? { strings, started, values } : { values }
  return toBinary(ProcessTableSchema, create(ProcessTableSchema, table))
}

function benchAnalyzer(): void {
  const hosts = Array.from({ length: 25 }, (_, index) => `web-${index}`)
  const state = createPartitionState()
  const partition = openPartition(defaultStepConfig, state)
  const prepared = hosts.map((host) => {
    const series = seriesOf(host)
    const hostKey = `default/host:${host}`
    step(defaultStepConfig, partition, { kind: 'series', hostKey, series })
    return { hostKey, process: `host:${host}`, ids: BigUint64Array.from(series, ({ id }) => id) }
  })
  const samples = prepared[0]!.ids.length
  let bytes = 0
  const seconds = secondsPerCall((round) => {
    const { hostKey, process, ids } = prepared[round % hosts.length]!
    const timeMs = START_MS + Math.floor(round / hosts.length) * 1000
    const columns = decodeSamples(encodeScan(ids, timeMs))!
    const origin = { hostKey, tenant: 'default', process, storedAtMs: timeMs }
    for (const rows of step(defaultStepConfig, partition, { kind: 'samples', origin, columns }).closed) {
      bytes = kpiRecord(rows, 1000).value.length
    }
  })
  report(`analyzer: a scan of ${samples} samples to KPIs of ${GROUPS + 1} processes`, millions(samples / seconds))
  report('   hosts at 1 Hz that one core could carry', (1 / seconds).toFixed(0))
  report('   KPI record of a host and second', `${bytes} bytes`)
  const begin = performance.now()
  const checkpoint = encodeMoment({ positions: new Map(), repeats: [], state })
  const encodeMs = (performance.now() - begin).toFixed(1)
  report(`   checkpoint of ${hosts.length} hosts`, `${(checkpoint.length / 1024).toFixed(0)} KiB in ${encodeMs} ms`)
}

benchIntake()
benchTables()
benchAnalyzer()
