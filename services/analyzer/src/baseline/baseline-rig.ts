import { kpiNumber, kpis, type Severity } from '@driftline/proto'
import type { DetectionContext, Detector, Finding, ProcessLife } from '../detection/detector.ts'
import type { EffectiveSettings } from '../detection/effective-settings.ts'
import { createBaselines, type LearntBaselines } from './baselines.ts'

export const DAY_MS = 86_400_000

/** An excursion as the engine would make it of what a detector reports. Event times in milliseconds. */
export interface RigExcursion {
  readonly track: number
  readonly type: string
  startMs: number
  openedMs: number
  lastMs: number
  closedMs: number
  severity: Severity
  finding: Finding
}

export interface RigTrack {
  /** Name of a KPI; anything else makes a plain series. */
  readonly metric: string
  readonly process?: string
}

/**
 * One unit with its tracks, baselines and one detector, and a plain form of the excursion layer: for tests and
 * benchmarks of relative detectors without the rest of the engine.
 */
export function createBaselineRig(
  rigTracks: readonly RigTrack[],
  detector: Detector | null,
  options: { windowMs?: number; settings?: Partial<EffectiveSettings>; baselines?: LearntBaselines } = {},
) {
  const settings: EffectiveSettings = {
    enabled: true,
    disabledTypes: new Set(),
    degradationShare: 0.2,
    errorSpikeMultiple: 5,
    exhaustionShare: 0.9,
    sensitivity: 0.8,
    thresholds: [],
    expressions: [],
    ...options.settings,
  }
  const size = rigTracks.length
  const baselines =
    options.baselines ?? createBaselines({ baselineWindowMs: options.windowMs ?? 7 * DAY_MS, tracksMax: 100_000 })
  const ids = [...new Set(rigTracks.map(({ process }) => process ?? 'os:web-1:nginx'))]
  const processOf = rigTracks.map(({ process }) => ids.indexOf(process ?? 'os:web-1:nginx'))
  const tracks = {
    size,
    process: Int32Array.from(processOf),
    kpi: Int8Array.from(rigTracks, ({ metric }) => kpiNumber(metric)),
    metric: (track: number) => rigTracks[track]!.metric,
    attributes: () => '',
    unit: (track: number) => kpis[tracks.kpi[track]!]?.unit ?? '1',
    ofPrograms: (track: number) => ids[processOf[track]!]!.startsWith('os:'),
  }
  const processes = {
    size: ids.length,
    id: (process: number) => ids[process]!,
    tenant: () => 'default',
    unit: () => 0,
    track: (process: number, kpi: number) => tracks.kpi.findIndex((k, at) => k === kpi && processOf[at] === process),
  }
  const reported: Finding[] = []
  const context: DetectionContext = {
    tracks,
    processes,
    baselines,
    settings: () => settings,
    report: (finding) => reported.push(finding),
  }
  const pending = new Map<number, RigExcursion>()
  const excursions: RigExcursion[] = []
  const sums = new Float64Array(size)
  const counts = new Uint32Array(size)
  const track = new Int32Array(size)
  const value = new Float64Array(size)
  let minute = Number.NaN

  function closeMinute(): void {
    let count = 0
    for (let at = 0; at < size; at++) {
      if (counts[at] === 0) continue
      track[count] = at
      value[count++] = sums[at]! / counts[at]!
      sums[at] = 0
      counts[at] = 0
    }
    const startMs = minute * 60_000
    const closed = { unit: 0, startMs, endMs: startMs + 60_000, count, track, value, lives: [] }
    baselines.moveTo(startMs + 30_000)
    detector?.onMinute?.(closed, context)
    baselines.learn(closed, tracks)
  }

  function settle(startMs: number, seen: ReadonlySet<number>): void {
    for (const finding of reported) {
      const { openAfterMs, type } = detector!
      const found = pending.get(finding.track)
      if (found === undefined) {
        pending.set(finding.track, {
          track: finding.track,
          type,
          startMs,
          openedMs: Number.NaN,
          lastMs: startMs + 1000,
          closedMs: Number.NaN,
          severity: finding.severity,
          finding,
        })
        continue
      }
      found.lastMs = startMs + 1000
      if (Math.abs(finding.score) >= Math.abs(found.finding.score)) found.finding = finding
      found.severity = Math.max(found.severity, finding.severity)
      if (Number.isNaN(found.openedMs) && found.lastMs - found.startMs >= openAfterMs) {
        found.openedMs = found.lastMs
        excursions.push(found)
      }
    }
    const now = new Set(reported.map((finding) => finding.track))
    for (const [at, excursion] of pending) {
      if (now.has(at) || !seen.has(at)) continue
      if (Number.isNaN(excursion.openedMs)) pending.delete(at)
      else if (startMs + 1000 - excursion.lastMs >= detector!.closeAfterMs) {
        excursion.closedMs = startMs + 1000
        pending.delete(at)
      }
    }
    reported.length = 0
  }

  return {
    baselines,
    context,
    excursions,
    /** Values of a bucket, NaN for no data; buckets come in the order of time. */
    feed(startMs: number, values: ArrayLike<number>, lives: readonly ProcessLife[] = []): void {
      const now = Math.floor(startMs / 60_000)
      if (!Number.isNaN(minute) && now !== minute) closeMinute()
      minute = now
      let count = 0
      const seen = new Set<number>()
      for (let at = 0; at < size; at++) {
        if (!Number.isFinite(values[at])) continue
        track[count] = at
        value[count++] = values[at]!
        sums[at]! += values[at]!
        counts[at]! += 1
        seen.add(at)
      }
      if (detector === null) return
      baselines.moveTo(startMs)
      detector.onBucket?.({ unit: 0, startMs, endMs: startMs + 1000, count, track, value, lives }, context)
      settle(startMs, seen)
    },
    /** Closes the open minute. */
    flush(): void {
      if (!Number.isNaN(minute)) closeMinute()
      minute = Number.NaN
    },
  }
}

/** Same seed, same numbers: uniform in [0, 1), and standard normal. */
export function createDice(seed: number) {
  let state = seed >>> 0
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, normal }
}
