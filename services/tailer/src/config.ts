import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { count, durationMs } from '@driftline/platform/units'
import { z } from 'zod'

const pathList = z
  .union([z.array(z.string().startsWith('/', 'must be an absolute path')).max(100), z.literal('')])
  .nullable()
  .transform((paths) => (paths === '' ? null : paths))

export const tailerSettings = {
  bind: setting('bind', z.string().min(1), '127.0.0.1', 'Address to listen on'),
  syslogBind: setting(
    'tailer.syslog_bind',
    z.string().min(1).nullable(),
    null,
    'Address on which syslog is taken, when a source names none; `bind` without it. Syslog has no password',
  ),
  syslogConnectionsMax: setting(
    'tailer.max_connections',
    count(100_000),
    1000,
    'Syslog connections of a source at once',
  ),
  allowedRoots: setting(
    'tailer.allowed_roots',
    pathList,
    null,
    'Directories in which log files may be; without it all that this user may read, but not /proc, /sys and /dev',
  ),
  filesMax: setting('tailer.max_files', count(100_000), 1000, 'Files of a source; further ones are not read, and said'),
  recordBytesMax: setting('tailer.max_line_bytes', count(1_048_576), 262_144, 'A longer line is cut'),
  unzipBytesMax: setting(
    'tailer.max_unzip_bytes',
    count(1_000_000_000_000),
    1_073_741_824,
    'Most that is unpacked of a file which was compressed before it was read to its end',
  ),
  seriesPerSourceMax: setting('tailer.max_series', count(10_000_000), 50_000, 'Series of one source'),
  seriesPerTenantMax: setting('tailer.max_series_per_tenant', count(10_000_000), 200_000, 'Series of all its sources'),
  rawRetentionMs: setting(
    'process_monitor.real_time_monitoring.raw_retention',
    durationMs,
    '48h',
    'Life of raw seconds; older readings are refused',
  ),
  instance: setting(
    'tailer.instance',
    z.string().min(1).max(100).nullable(),
    null,
    'Name of this instance, which sources may name; else that of its host',
  ),
} as const

export interface TailerConfig {
  /** Name that sources may be bound to. */
  readonly instance: string
  readonly syslog: { readonly bind: string; readonly connectionsMax: number }
  /** Real paths; null for all that may be read. */
  readonly allowedRoots: readonly string[] | null
  /** Files that are never read: what is set up there may be secret. */
  readonly deniedFiles: readonly string[]
  readonly filesMax: number
  readonly recordBytesMax: number
  readonly unzipBytesMax: number
  readonly series: { readonly perSourceMax: number; readonly perTenantMax: number }
  readonly bounds: { readonly ageMsMax: number; readonly aheadMsMax: number }
}

/** How far a clock that stamped a line may be ahead of ours. */
const AHEAD_MS_MAX = 600_000

/** Errors: `config_invalid`. */
export function readTailerConfig(source: SettingsSource): TailerConfig {
  const settings = readSettings(source, tailerSettings)
  return Object.freeze({
    instance: settings.instance ?? hostname(),
    syslog: { bind: settings.syslogBind ?? settings.bind, connectionsMax: settings.syslogConnectionsMax },
    allowedRoots: settings.allowedRoots,
    deniedFiles: [resolve(source.file ?? 'driftline.yaml')],
    filesMax: settings.filesMax,
    recordBytesMax: settings.recordBytesMax,
    unzipBytesMax: settings.unzipBytesMax,
    series: { perSourceMax: settings.seriesPerSourceMax, perTenantMax: settings.seriesPerTenantMax },
    bounds: { ageMsMax: settings.rawRetentionMs, aheadMsMax: AHEAD_MS_MAX },
  })
}
