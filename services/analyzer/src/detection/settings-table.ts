import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { type DetectionSettings, type ForestModel, type SettingsChange, SettingsChangeSchema } from '@driftline/proto'
import type { EffectiveSettings } from './effective-settings.ts'

/** Changes as they were published, encoded, by whom they are for. */
export type SettingsState = Map<string, Uint8Array[]>

export interface DueModel {
  readonly effectiveMs: number
  readonly model: ForestModel
}

/** What detectors go by, at any event time. */
export interface SettingsTable {
  /** Takes a change in; answers false when it found no room. */
  apply(change: SettingsChange): boolean
  /** What holds for a process at an event time. */
  at(tenant: string, process: string, timeMs: number): EffectiveSettings
  /** Counts changes, so that what was looked up before one can be looked up again. */
  readonly version: number
  /** When the answer for a process may be another than at `timeMs`: the time of the next change; Infinity for none. */
  nextChangeMs(tenant: string, process: string, timeMs: number): number
  /** The last model for a process that is in effect at a time; undefined for none. */
  modelAt(tenant: string, process: string, timeMs: number): DueModel | undefined
  /** When the last model for a process takes effect; NaN without one. */
  lastModelMs(tenant: string, process: string): number
  /** The installation's settings that were published last, encoded; null before the first. */
  installation(): Uint8Array | null
  state(): SettingsState
}

interface Scheduled {
  readonly effectiveMs: number
  readonly bytes: Uint8Array
  readonly detection: DetectionSettings | null
  readonly model: ForestModel | null
}

/** Changes kept per process and kind: those to come and those in effect; the oldest goes. */
const KEPT = 4
/** Of models, the one in effect and the one to come: each has some 20 KB, and is in every checkpoint. */
const MODELS_KEPT = 2
/** Processes with settings or models of their own, of one partition; those beyond are refused. */
const OWNERS_MAX = 20_000

export function createSettingsTable(base: EffectiveSettings, state: SettingsState): SettingsTable {
  const settings = new Map<string, Scheduled[]>()
  const models = new Map<string, Scheduled[]>()
  let version = 0

  const apply = (change: SettingsChange, bytes: Uint8Array): boolean => {
    const into = change.change.case === 'forest' ? models : settings
    const key = keyOf(change.tenant, change.process)
    const list = into.get(key) ?? []
    if (list.length === 0 && into.size >= OWNERS_MAX) return false
    const scheduled: Scheduled = {
      effectiveMs: Number(change.effectiveTimeMs),
      bytes,
      detection: change.change.case === 'detection' ? change.change.value : null,
      model: change.change.case === 'forest' ? change.change.value : null,
    }
    // Of two that take effect at once the one that was published last holds.
    let at = list.length
    while (at > 0 && list[at - 1]!.effectiveMs > scheduled.effectiveMs) at -= 1
    list.splice(at, 0, scheduled)
    if (list.length > (into === models ? MODELS_KEPT : KEPT)) list.shift()
    into.set(key, list)
    version += 1
    return true
  }

  for (const list of state.values()) {
    for (const bytes of list) apply(fromBinary(SettingsChangeSchema, bytes), bytes)
  }

  const made = new WeakMap<DetectionSettings, EffectiveSettings>()
  /** One object for all processes that have no settings of their own. */
  const ofInstallation = (timeMs: number): EffectiveSettings => {
    const change = inEffect(settings.get(keyOf('', '')), timeMs)?.detection ?? null
    if (change === null) return base
    const known = made.get(change) ?? over(base, change)
    made.set(change, known)
    return known
  }
  return {
    apply: (change) => apply(change, toBinary(SettingsChangeSchema, change)),
    at(tenant, process, timeMs) {
      const own = inEffect(settings.get(keyOf(tenant, process)), timeMs)?.detection ?? null
      return over(ofInstallation(timeMs), own)
    },
    get version() {
      return version
    },
    nextChangeMs(tenant, process, timeMs) {
      const lists = [settings.get(keyOf('', '')), settings.get(keyOf(tenant, process))]
      const times = lists.flatMap((list) => (list ?? []).map(({ effectiveMs }) => effectiveMs))
      return Math.min(Number.POSITIVE_INFINITY, ...times.filter((time) => time > timeMs))
    },
    modelAt(tenant, process, timeMs) {
      const found = inEffect(models.get(keyOf(tenant, process)), timeMs)
      if (found?.model == null) return undefined
      return { effectiveMs: found.effectiveMs, model: found.model }
    },
    lastModelMs: (tenant, process) => models.get(keyOf(tenant, process))?.at(-1)?.effectiveMs ?? Number.NaN,
    installation: () => settings.get(keyOf('', ''))?.at(-1)?.bytes ?? null,
    state() {
      const kept: SettingsState = new Map()
      for (const lists of [settings, models]) {
        for (const [key, list] of lists) {
          kept.set(key, [...(kept.get(key) ?? []), ...list.map(({ bytes }) => bytes)])
        }
      }
      return kept
    },
  }
}

const keyOf = (tenant: string, process: string): string => `${tenant}/${process}`

function inEffect(list: readonly Scheduled[] | undefined, timeMs: number): Scheduled | null {
  if (list === undefined) return null
  for (let at = list.length - 1; at >= 0; at--) if (list[at]!.effectiveMs <= timeMs) return list[at]!
  return null
}

/** What is left out of `change` stays; what is switched off, or asked for, for all stays so for each. */
function over(base: EffectiveSettings, change: DetectionSettings | null): EffectiveSettings {
  if (change === null) return base
  return {
    enabled: base.enabled && (change.enabled ?? true),
    disabledTypes: new Set([...base.disabledTypes, ...change.disabledTypes]),
    degradationShare: change.degradationShare ?? base.degradationShare,
    errorSpikeMultiple: change.errorSpikeMultiple ?? base.errorSpikeMultiple,
    exhaustionShare: change.exhaustionShare ?? base.exhaustionShare,
    sensitivity: change.sensitivity ?? base.sensitivity,
    thresholds: [...base.thresholds, ...change.thresholds],
    expressions: [...base.expressions, ...change.expressions],
  }
}
