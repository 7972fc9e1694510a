// What detection as it is now would have made of a recorded day: anomalies, and how grey the drift lines stay.
//   npx tsx bench/detection/calm/replay.bench.ts DATA_DIR [minutes of learning, 5] [worst lines to show, 25]
// DATA_DIR is a copy of the data directory of a Driftline that has watched a machine (it is locked while one runs).
import { fromBinary } from '@bufbuild/protobuf'
import { defaultStepConfig } from '@driftline/analyzer/config'
import { decodeRecord } from '@driftline/analyzer/decode'
import { createPartitionState } from '@driftline/analyzer/model/state'
import { openPartition, step } from '@driftline/analyzer/step'
import type { BusRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import {
  type Anomaly,
  AnomalyPhase,
  AnomalySchema,
  BaselineBatchSchema,
  isPartOfDrift,
  Severity,
  topics,
} from '@driftline/proto'

const [dataDir = '', learning = '5', shown = '25'] = process.argv.slice(2)
const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
const print = (text: string): void => void process.stdout.write(`${text}\n`)

interface Line {
  readonly process: string
  readonly metric: string
  readonly minuteMs: number
  readonly value: number
  readonly centre: number
  readonly spread: number
  readonly deviation: number
}

const bus = createEmbeddedBus({ dataDir }, deps)
await bus.start()
const lines: Line[] = []
const anomalies = new Map<string, Anomaly>()
for (let partition = 0; partition < bus.partitionsOf(topics.samples.name); partition++)
  replay(await recordsOf(partition))
await bus.stop()
tellAnomalies()
tellCalm()

/** All inputs of a partition in the order in which the bus stored them. */
async function recordsOf(partition: number): Promise<BusRecord[]> {
  const records: BusRecord[] = []
  for (const { name } of [topics.settings, topics.series, topics.samples, topics.snapshots, topics.ticks]) {
    for (let from = 0; ; ) {
      const some = await bus.read(name, partition, from, from + 500)
      if (some.length === 0) break
      for (const record of some) records.push({ ...record, value: record.value.slice() })
      from = some.at(-1)!.offset + 1
    }
  }
  return records.sort((a, b) => a.storedAtMs - b.storedAtMs)
}

function replay(records: readonly BusRecord[]): void {
  const partition = openPartition(defaultStepConfig, createPartitionState())
  for (const record of records) {
    const verdict = decodeRecord(record)
    if (verdict.kind !== 'emit') continue
    const { detection } = step(defaultStepConfig, partition, verdict.value)
    for (const { detector, error } of detection.failures) print(`${detector} failed: ${error.stack}`)
    for (const { topic, value } of detection.records) {
      if (topic === topics.baselines.name) noteLines(value)
      if (topic !== topics.anomalies.name) continue
      const anomaly = fromBinary(AnomalySchema, value)
      anomalies.set(anomaly.id, anomaly)
    }
  }
}

function noteLines(value: Uint8Array): void {
  const batch = fromBinary(BaselineBatchSchema, value)
  for (const [row, of] of batch.process.entries()) {
    if (!isPartOfDrift(of, batch.attributes[row]!)) continue
    lines.push({
      process: of,
      metric: batch.metric[row]!,
      minuteMs: Number(batch.minuteTimeMs),
      value: batch.value[row]!,
      centre: batch.centre[row]!,
      spread: batch.spread[row]!,
      deviation: batch.deviation[row]!,
    })
  }
}

function tellAnomalies(): void {
  for (const { type, severity, phase, description } of anomalies.values()) {
    print(`${type} ${Severity[severity].toLowerCase()} ${AnomalyPhase[phase].toLowerCase()}: ${description}`)
  }
  print(`${anomalies.size} anomalies`)
}

function tellCalm(): void {
  const startMs = lines.reduce((least, { minuteMs }) => Math.min(least, minuteMs), Number.POSITIVE_INFINITY)
  const worst = new Map<string, Line>()
  for (const line of lines) {
    if (line.minuteMs < startMs + Number(learning) * 60_000 || !Number.isFinite(line.deviation)) continue
    const key = `${line.process} ${line.minuteMs}`
    if (Math.abs(line.deviation) > Math.abs(worst.get(key)?.deviation ?? 0)) worst.set(key, line)
  }
  const loud = [...worst.values()].filter(({ deviation }) => Math.abs(deviation) >= 4)
  const byMetric = new Map<string, number>()
  for (const { metric } of loud) byMetric.set(metric, (byMetric.get(metric) ?? 0) + 1)
  print(`${worst.size} process-minutes after ${learning} min of learning, ${loud.length} of them with |d| >= 4:`)
  print(`${((100 * (worst.size - loud.length)) / worst.size).toFixed(2)} % are grey`)
  print(
    [...byMetric]
      .sort(([, a], [, b]) => b - a)
      .map(([metric, count]) => `${metric} ${count}`)
      .join(', '),
  )
  loud.sort((a, b) => Math.abs(b.deviation) - Math.abs(a.deviation))
  for (const { process: of, metric, minuteMs, value, centre, spread, deviation } of loud.slice(0, Number(shown))) {
    const cells = [value, centre, spread].map((each) => each.toPrecision(4).padStart(12))
    print(
      `${deviation.toFixed(1).padStart(9)} ${new Date(minuteMs).toISOString().slice(11, 16)} ${of} ${metric} ${cells.join('')}`,
    )
  }
}
