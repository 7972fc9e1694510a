import { analyticsSettings } from '@driftline/platform/analytics/analytics-config'
import { epochLifeFor } from '@driftline/platform/bus/repeat-filter'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { durationMs } from '@driftline/platform/units'

const MIB = 1024 * 1024

const linger = durationMs.refine((ms) => ms <= 10_000, 'must be at most 10s')

export const writerSettings = {
  lingerMs: setting(
    'writer.linger',
    linger,
    '1s',
    'Shortest time between two inserts of a partition that has no backlog: longer costs less, history comes later.',
  ),
  quietLingerMs: setting(
    'writer.quiet_linger',
    linger,
    '3s',
    'The same while inserts are small, as on one idle machine, where each costs more than the rows in it.',
  ),
}

export interface WriterConfig {
  readonly lingerMs: number
  /** Instead of `lingerMs` after an insert of less than `quietBytes`. */
  readonly quietLingerMs: number
  readonly quietBytes: number
  /** Largest body of an insert, bytes; half of what one block may be. */
  readonly bodyBytesMax: number
  /** Most records of an insert. */
  readonly recordsMax: number
  /** Sources per partition whose sequences are remembered. */
  readonly sourcesMax: number
  /** Starts of a source are remembered for so long; the repeat filter's own time unless given. */
  readonly epochLifeMs?: number
  /** A partition without records for this long stores that nothing is pending. */
  readonly settleAfterMs: number
}

/** Errors: `config_invalid`. */
export function readWriterConfig(source: SettingsSource): WriterConfig {
  const settings = readSettings(source, writerSettings)
  const { rawRetention } = readSettings(source, { rawRetention: analyticsSettings.rawRetention })
  return Object.freeze({
    ...settings,
    quietBytes: 256 * 1024,
    bodyBytesMax: 4 * MIB,
    recordsMax: 5000,
    sourcesMax: 10_000,
    epochLifeMs: epochLifeFor(rawRetention),
    settleAfterMs: 5000,
  })
}
