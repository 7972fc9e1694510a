import type { EffectiveSettings } from './effective-settings.ts'
import type { SettingsTable } from './settings-table.ts'
import type { TrackTable } from './track-table.ts'

/** Settings by number of the process, remembered until the next change: detectors ask for them in each bucket. */
export interface SettingsLookup {
  of(process: number, timeMs: number): EffectiveSettings
  forget(process: number): void
}

interface Remembered {
  readonly settings: EffectiveSettings
  readonly fromMs: number
  readonly untilMs: number
}

export function createSettingsLookup(settings: SettingsTable, { processes }: TrackTable): SettingsLookup {
  let remembered: (Remembered | undefined)[] = []
  let version = settings.version
  return {
    of(process, timeMs) {
      if (version !== settings.version) {
        remembered = []
        version = settings.version
      }
      const known = remembered[process]
      if (known !== undefined && timeMs >= known.fromMs && timeMs < known.untilMs) return known.settings
      const tenant = processes.tenant(process)
      const id = processes.id(process)
      const found = settings.at(tenant, id, timeMs)
      remembered[process] = { settings: found, fromMs: timeMs, untilMs: settings.nextChangeMs(tenant, id, timeMs) }
      return found
    },
    forget(process) {
      remembered[process] = undefined
    },
  }
}
