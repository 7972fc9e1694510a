import { type ForestModel, kpiNumber, kpis } from '@driftline/proto'
import type {
  ClosedBucket,
  CreateDetector,
  DetectionConfig,
  DetectionContext,
  Detector,
  Finding,
  ProcessLife,
} from '../../detection/detector.ts'
import type { EffectiveSettings } from '../../detection/effective-settings.ts'

export const RIG_START_MS = 1_800_000_000_000

const config: DetectionConfig = {
  baselineWindowMs: 604_800_000,
  trainingWindowMs: 2_592_000_000,
  sensitivity: 0.8,
  degradationShare: 0.2,
  errorSpikeMultiple: 5,
  exhaustionShare: 0.9,
  tracksMax: 10_000,
}

const defaultSettings: EffectiveSettings = {
  enabled: true,
  disabledTypes: new Set(),
  degradationShare: 0.2,
  errorSpikeMultiple: 5,
  exhaustionShare: 0.9,
  sensitivity: 0.8,
  thresholds: [],
  expressions: [],
}

/** A finding with names instead of numbers; `metric` is empty when it is about the process as a whole. */
export type NamedFinding = Finding & { readonly of: string; readonly metric: string; readonly attributes: string }

export interface DetectorRig {
  readonly detector: Detector
  /** Replaces what is set for all processes. */
  set(settings: Partial<EffectiveSettings>): void
  /** The number of a process, given when it is first named. Processes of one host are one unit. */
  process(id: string): number
  /** The number of a track: a KPI of proto, else a plain series. */
  track(process: string, metric: string, attributes?: string, unit?: string): number
  /** One closed second. Values by `<process> <metric>`, or `<process> <metric> <attributes>`. */
  bucket(
    second: number,
    values: Readonly<Record<string, number>>,
    lives?: readonly (Partial<Omit<ProcessLife, 'process'>> & { readonly process: string })[],
  ): NamedFinding[]
  minute(minute: number, values: Readonly<Record<string, number>>): NamedFinding[]
  /** Time of the unit of a process comes to the end of a second. */
  pass(second: number, process: string): NamedFinding[]
  /** A model takes effect. */
  model(process: string, model: ForestModel): void
  /** Goes on from what is stored, as after a restart. */
  restart(): void
}

/** Drives one detector by hand, second by second after `RIG_START_MS`. Units are UCUM; plain series have none. */
export function detectorRig(create: CreateDetector, options: Partial<DetectionConfig> = {}): DetectorRig {
  let detector = create({ ...config, ...options })
  let settings = defaultSettings
  const processIds: string[] = []
  const unitKeys: string[] = []
  const trackOf = new Map<string, number>()
  const lines: { process: number; metric: string; attributes: string; unit: string }[] = []
  const findings: NamedFinding[] = []

  const processOf = (id: string): number => {
    const known = processIds.indexOf(id)
    return known === -1 ? processIds.push(id) - 1 : known
  }
  const unitOf = (process: number): number => {
    const [kind, host] = processIds[process]!.split(':', 2)
    const key = kind === 'os' || kind === 'host' ? `host:${host}` : processIds[process]!
    const known = unitKeys.indexOf(key)
    return known === -1 ? unitKeys.push(key) - 1 : known
  }
  const track = (id: string, metric: string, attributes = '{}', unit = ''): number => {
    const isKpi = kpiNumber(metric) !== -1
    const key = `${id} ${metric} ${isKpi ? '' : attributes}`
    const known = trackOf.get(key)
    if (known !== undefined) return known
    const line = isKpi ? { attributes: '', unit: kpis[kpiNumber(metric)]!.unit } : { attributes, unit }
    lines.push({ process: processOf(id), metric, ...line })
    trackOf.set(key, lines.length - 1)
    return lines.length - 1
  }
  const context: DetectionContext = {
    tracks: {
      get size() {
        return lines.length
      },
      get process() {
        return Int32Array.from(lines, ({ process }) => process)
      },
      get kpi() {
        return Int8Array.from(lines, ({ metric }) => kpiNumber(metric))
      },
      metric: (at) => lines[at]!.metric,
      attributes: (at) => lines[at]!.attributes,
      unit: (at) => lines[at]!.unit,
      ofPrograms: (at) => processIds[lines[at]!.process]!.startsWith('os:'),
    },
    processes: {
      get size() {
        return processIds.length
      },
      id: (process) => processIds[process]!,
      tenant: () => 'default',
      unit: unitOf,
      track: (process, kpi) => trackOf.get(`${processIds[process]} ${kpis[kpi]!.name} `) ?? -1,
    },
    baselines: { isLearnt: () => false, centre: () => Number.NaN, spread: () => Number.NaN, minutes: () => 0 },
    settings: () => settings,
    report: (finding) => {
      const { metric = '', attributes = '' } = lines[finding.track] ?? {}
      findings.push({ ...finding, of: processIds[finding.process]!, metric, attributes })
    },
  }
  const columns = (startMs: number, lengthMs: number, values: Readonly<Record<string, number>>): ClosedBucket => {
    const entries = Object.entries(values).map(([name, value]): [number, number] => {
      const [id = '', metric = '', attributes] = name.split(' ')
      return [track(id, metric, attributes), value]
    })
    return {
      unit: entries.length === 0 ? 0 : unitOf(lines[entries[0]![0]]!.process),
      startMs,
      endMs: startMs + lengthMs,
      count: entries.length,
      track: Int32Array.from(entries, ([at]) => at),
      value: Float64Array.from(entries, ([, value]) => value),
      lives: [],
    }
  }
  return {
    get detector() {
      return detector
    },
    set(changed) {
      settings = { ...defaultSettings, ...changed }
    },
    process: processOf,
    track,
    bucket(second, values, lives = []) {
      findings.length = 0
      const ends = { expectedEnds: 0, unexpectedEnds: 0, restarts: 0, longestMs: 0, isContained: false }
      const life = { starts: 0, ...ends, alive: 0, longRunning: false }
      const bucket = columns(RIG_START_MS + second * 1000, 1000, values)
      const unit = lives.length > 0 ? unitOf(processOf(lives[0]!.process)) : bucket.unit
      const named = lives.map((each) => ({ ...life, ...each, process: processOf(each.process) }))
      detector.onBucket?.({ ...bucket, unit, lives: named }, context)
      return [...findings]
    },
    minute(minute, values) {
      findings.length = 0
      detector.onMinute?.(columns(RIG_START_MS + minute * 60_000, 60_000, values), context)
      return [...findings]
    },
    pass(second, process) {
      findings.length = 0
      detector.onTime?.(unitOf(processOf(process)), RIG_START_MS + (second + 1) * 1000, context)
      return [...findings]
    },
    model(process, model) {
      detector.onModel?.(processOf(process), model, context)
    },
    restart() {
      const stored = structuredClone(detector.state())
      detector = create({ ...config, ...options })
      detector.restore(stored)
    },
  }
}
