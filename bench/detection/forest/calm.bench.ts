import { type KpiName, kpiNumber, kpis } from '../../../proto/src/index.ts'
import type { DetectionContext, Finding } from '../../../services/analyzer/src/detection/detector.ts'
import { createIsolationForest } from '../../../services/analyzer/src/detectors/isolation-forest/detector.ts'
import { forestModel, rowsOf, trainBytes } from '../../../services/analyzer/src/detectors/isolation-forest/train-job.ts'
import { kindNames, type MinuteKpis, makeProcesses, troubles } from './made-up-kpis.ts'

const START_MS = Date.UTC(2026, 0, 5)
const MINUTE_MS = 60_000
const WEEK = 7 * 1440
const TROUBLE_MINUTES = 20

const PROCESSES = Number(process.argv[2] ?? 200)
const WEEKS = Number(process.argv[3] ?? 3)
const SENSITIVITY = Number(process.argv[4] ?? 0.8)

const count = kpis.length
const track = (of: number, kpi: number): number => of * count + kpi

/** A detector with all that it is given by the engine, but for processes that are made up. */
function createRig() {
  const detector = createIsolationForest({
    baselineWindowMs: WEEK * MINUTE_MS,
    trainingWindowMs: 30 * 24 * 3_600_000,
    sensitivity: SENSITIVITY,
    degradationShare: 0.2,
    errorSpikeMultiple: 5,
    exhaustionShare: 0.9,
    tracksMax: PROCESSES * count,
  })
  const settings = {
    enabled: true,
    disabledTypes: new Set<string>(),
    degradationShare: 0.2,
    errorSpikeMultiple: 5,
    exhaustionShare: 0.9,
    sensitivity: SENSITIVITY,
    thresholds: [],
    expressions: [],
  }
  const reported: Finding[] = []
  const context: DetectionContext = {
    tracks: {
      size: PROCESSES * count,
      process: Int32Array.from({ length: PROCESSES * count }, (_, at) => Math.floor(at / count)),
      kpi: Int8Array.from({ length: PROCESSES * count }, (_, at) => at % count),
      metric: (at) => kpis[at % count]!.name,
      attributes: () => '',
      ofPrograms: () => true,
      unit: (at) => kpis[at % count]!.unit,
    },
    processes: {
      size: PROCESSES,
      id: (of) => `os:web-1:group-${of}`,
      tenant: () => 'default',
      unit: () => 0,
      track,
    },
    baselines: { isLearnt: () => false, centre: () => Number.NaN, spread: () => Number.NaN, minutes: () => 0 },
    settings: () => settings,
    report: (finding) => void reported.push(finding),
  }
  const due: { atMs: number; process: number; model: ReturnType<typeof forestModel> }[] = []
  let trainings = 0
  let bytes = 0
  return {
    told: () => `${trainings} trainings, models of up to ${bytes} bytes`,
    /** Judges a minute of all processes and answers what was found. */
    minute(startMs: number, rows: readonly MinuteKpis[]): Finding[] {
      while (due.length > 0 && due[0]!.atMs <= startMs) {
        const { process, model } = due.shift()!
        bytes = Math.max(bytes, model.model.length)
        detector.onModel!(process, model, context)
      }
      const tracks: number[] = []
      const values: number[] = []
      for (const [of, row] of rows.entries()) {
        for (const [name, value] of Object.entries(row)) {
          tracks.push(track(of, kpiNumber(name as KpiName)))
          values.push(value ?? Number.NaN)
        }
      }
      reported.length = 0
      const columns = { count: tracks.length, track: Int32Array.from(tracks), value: Float64Array.from(values) }
      detector.onMinute!({ unit: 0, startMs, endMs: startMs + MINUTE_MS, lives: [], ...columns }, context)
      for (const job of detector.takeJobs()) {
        trainings += 1
        const model = forestModel(job, rowsOf(job), trainBytes(job))
        due.push({ atMs: job.effectiveTimeMs, process: Number(job.process.split('-').at(-1)), model })
      }
      return [...reported]
    },
    state: () => structuredClone(detector.state()),
    restore: (state: ReturnType<typeof detector.state>) => detector.restore(state),
  }
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const made = makeProcesses(PROCESSES, 1n)
const rig = createRig()
/** Excursions by kind and week; one ends after two minutes without a report. */
const excursions = kindNames.map(() => new Array<number>(WEEKS).fill(0))
const minutesRaised = kindNames.map(() => 0)
const lastReported = new Int32Array(PROCESSES).fill(-10)
const begin = performance.now()
for (let minute = 0; minute < WEEKS * WEEK; minute++) {
  const rows = made.map((process) => process(minute))
  for (const { process } of rig.minute(START_MS + minute * MINUTE_MS, rows)) {
    minutesRaised[process % kindNames.length]! += 1
    if (minute - lastReported[process]! > 2) excursions[process % kindNames.length]![Math.floor(minute / WEEK)]! += 1
    lastReported[process] = minute
  }
}
const seconds = (performance.now() - begin) / 1000
const each = PROCESSES / kindNames.length
print(`${PROCESSES} normal processes, ${WEEKS} weeks, sensitivity ${SENSITIVITY}: excursions per process and week`)
print(`${'kind'.padEnd(16)} ${Array.from({ length: WEEKS }, (_, week) => `week ${week + 1}`).join('   ')}   raised`)
for (const [kind, weeks] of excursions.entries()) {
  const share = minutesRaised[kind]! / (each * WEEKS * WEEK)
  const columns = weeks.map((found) => (found / each).toFixed(2).padStart(6)).join('   ')
  print(`${kindNames[kind]!.padEnd(16)} ${columns}   ${(share * 100).toFixed(2)} %`)
}
const total = (week: number): number => excursions.reduce((sum, weeks) => sum + weeks[week]!, 0) / PROCESSES
print(
  `${'all'.padEnd(16)} ${Array.from({ length: WEEKS }, (_, week) => total(week).toFixed(2).padStart(6)).join('   ')}`,
)
print(`${rig.told()}, ${seconds.toFixed(0)} s`)

print(
  `\nfound within ${TROUBLE_MINUTES} min, by kind of trouble (each of ${PROCESSES} processes, at 14:00 of the next day)`,
)
const normal = rig.state()
for (const [name, spoil] of Object.entries(troubles)) {
  rig.restore(structuredClone(normal))
  const found = new Map<number, number>()
  let culprits = 0
  for (let at = 0; at < TROUBLE_MINUTES; at++) {
    const minute = WEEKS * WEEK + 14 * 60 + at
    const rows = made.map((process) => spoil(process(minute)))
    for (const { process, contributions } of rig.minute(START_MS + minute * MINUTE_MS, rows)) {
      if (found.has(process)) continue
      found.set(process, at + 1)
      const touched = Object.entries(spoil({ cpu: 0.5, memory: 1e8, disk_write: 0, disk_read: 0, throughput: 0 }))
      const before: MinuteKpis = { cpu: 0.5, memory: 1e8, disk_write: 0, disk_read: 0, throughput: 0 }
      const changed = touched.filter(([kpi, value]) => before[kpi as KpiName] !== value).map(([kpi]) => kpi)
      if (changed.includes(contributions![0]!.metric)) culprits += 1
    }
  }
  const delays = [...found.values()].sort((a, b) => a - b)
  const named = found.size === 0 ? '-' : `${Math.round((100 * culprits) / found.size)} %`
  print(
    `${name.padEnd(24)} ${String(Math.round((100 * found.size) / PROCESSES)).padStart(3)} %  median after ` +
      `${delays[delays.length >> 1] ?? '-'} min  culprit named first ${named}`,
  )
}
