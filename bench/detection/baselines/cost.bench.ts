import { createDice } from '@driftline/analyzer/baseline/baseline-rig'
import { createBaselines } from '@driftline/analyzer/baseline/baselines'
import { baselineBytesPerTrack } from '@driftline/analyzer/baseline/columns'
import { createErrorSpike } from '@driftline/analyzer/detectors/error-spike/detector'
import { createPerformanceDegradation } from '@driftline/analyzer/detectors/performance-degradation/detector'
import { sustainedBytesPerTrack } from '@driftline/analyzer/detectors/performance-degradation/sustained'
import { kpiNumber } from '@driftline/proto'

/** CPU time of one value through the relative detectors, and of one minute of one track through its baseline. */

const TRACKS = 20_000
const MINUTES = 12
const START = Date.UTC(2026, 0, 5)
const print = (text: string): void => void process.stdout.write(`${text}\n`)

const dice = createDice(1)
const metrics = ['cpu', 'memory', 'disk_write', 'throughput', 'error_rate']
const tracks = {
  size: TRACKS,
  process: Int32Array.from({ length: TRACKS }, (_, at) => Math.floor(at / metrics.length)),
  kpi: Int8Array.from({ length: TRACKS }, (_, at) => kpiNumber(metrics[at % metrics.length]!)),
  metric: (track: number) => metrics[track % metrics.length]!,
  attributes: () => '',
  unit: () => '1',
  ofPrograms: () => false,
}
const settings = {
  enabled: true,
  disabledTypes: new Set<string>(),
  degradationShare: 0.2,
  errorSpikeMultiple: 5,
  exhaustionShare: 0.9,
  sensitivity: 0.8,
  thresholds: [],
  expressions: [],
}
const baselines = createBaselines({ baselineWindowMs: 7 * 86_400_000, tracksMax: TRACKS })
let findings = 0
const context = {
  tracks,
  baselines,
  processes: {
    size: TRACKS / metrics.length,
    id: () => 'service:made-up',
    tenant: () => 'default',
    unit: () => 0,
    track: () => -1,
  },
  settings: () => settings,
  report: () => {
    findings += 1
  },
}
const detectors = [createPerformanceDegradation(), createErrorSpike()]
const noise = Float64Array.from({ length: 65_536 }, () => dice.normal())
const level = Float64Array.from(tracks.kpi, (_, track) => [0.4, 4e8, 200_000, 50, 0.02][track % metrics.length]!)
const value = new Float64Array(TRACKS)
const track = Int32Array.from({ length: TRACKS }, (_, at) => at)
let minuteMicros = 0
let bucketMicros = 0

for (let minute = 0; minute < MINUTES; minute++) {
  for (let second = 0; second < 60; second++) {
    const startMs = START + (minute * 60 + second) * 1000
    for (let at = 0; at < TRACKS; at++)
      value[at] = level[at]! * (1 + 0.05 * noise[(at * 31 + second * 7919 + minute) & 65_535]!)
    const bucket = { unit: 0, startMs, endMs: startMs + 1000, count: TRACKS, track, value, lives: [] }
    baselines.moveTo(startMs)
    const before = process.cpuUsage()
    for (const detector of detectors) detector.onBucket!(bucket, context)
    const used = process.cpuUsage(before)
    if (minute > 3) bucketMicros += used.user + used.system
  }
  const startMs = START + minute * 60_000
  const before = process.cpuUsage()
  baselines.learn({ unit: 0, startMs, endMs: startMs + 60_000, count: TRACKS, track, value: level, lives: [] }, tracks)
  const used = process.cpuUsage(before)
  minuteMicros += used.user + used.system
}
print(`detectors   ${Math.round((bucketMicros * 1000) / (TRACKS * 60 * (MINUTES - 4)))} ns of CPU per value`)
print(`baselines   ${Math.round((minuteMicros * 1000) / (TRACKS * MINUTES))} ns of CPU per track and minute`)
print(`state       ${baselineBytesPerTrack(7 * 86_400_000)} + ${sustainedBytesPerTrack} bytes per track`)
print(`findings    ${findings}`)
