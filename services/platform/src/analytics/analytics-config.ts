import { join, resolve } from 'node:path'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import { readSettings, type SettingsSource, setting } from '../settings.ts'
import { durationMs } from '../units.ts'
import { endpointOfUrl } from './store-endpoint.ts'

const MIB = 1024 * 1024

const clickhouseUrl = z.string().superRefine((text, context) => {
  if (text === '') return
  try {
    endpointOfUrl(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof AppError ? error.message : 'not a URL' })
  }
})

const memory = z.string().transform((text, context) => {
  const match = /^(\d+)\s*(MiB|GiB)$/.exec(text)
  const bytes = match ? Number(match[1]) * (match[2] === 'GiB' ? 1024 : 1) * MIB : 0
  if (bytes >= 256 * MIB) return bytes
  context.addIssue({ code: 'custom', message: `"${text}" is not an amount of at least 256MiB such as 400MiB or 2GiB` })
  return z.NEVER
})

const aMinute = durationMs.refine((ms) => ms >= 60_000, 'must be at least 1m')

export const analyticsSettings = {
  dataDir: setting(
    'data_dir',
    z
      .string()
      .min(1)
      .transform((path) => resolve(path)),
    './data',
    'Directory of everything that is kept on disk.',
  ),
  clickhouseUrl: setting(
    'clickhouse_url',
    clickhouseUrl,
    '',
    'ClickHouse server as http://user:password@host:8123/database; without it the embedded one is started.',
  ),
  clickhouseMemory: setting(
    'clickhouse_memory',
    memory,
    '400MiB',
    'Cap on the memory of the embedded ClickHouse; reads beyond it fail, the store stays.',
  ),
  rawRetention: setting(
    'process_monitor.real_time_monitoring.raw_retention',
    aMinute,
    '48h',
    'Life of samples, process tables and KPIs per second; dropped by whole days.',
  ),
  dataRetention: setting(
    'process_monitor.real_time_monitoring.data_retention',
    aMinute,
    '30d',
    'Life of roll-ups per minute and of dead letters; dropped by whole days.',
  ),
  logRetention: setting(
    'process_monitor.real_time_monitoring.log_retention',
    aMinute,
    '30d',
    'Life of the lines of logs; dropped by whole days.',
  ),
}

/** Where the analytics store is, how long it keeps what, and how much it may use. */
export interface AnalyticsConfig {
  /** Directory of the embedded store's own. */
  readonly dir: string
  /** Null for the embedded store. */
  readonly clickhouseUrl: string | null
  readonly memoryBytesMax: number
  readonly rawRetentionMs: number
  readonly dataRetentionMs: number
  readonly logRetentionMs: number
  /** Directory with the numbered `.sql` files; null for services that only read. */
  readonly migrationsDir: string | null
}

/** Errors: `config_invalid`. */
export function readAnalyticsConfig(
  source: SettingsSource,
  options: { readonly migrationsDir: string | null },
): AnalyticsConfig {
  const settings = readSettings(source, analyticsSettings)
  return Object.freeze({
    dir: join(settings.dataDir, 'clickhouse'),
    clickhouseUrl: settings.clickhouseUrl === '' ? null : settings.clickhouseUrl,
    memoryBytesMax: settings.clickhouseMemory,
    rawRetentionMs: settings.rawRetention,
    dataRetentionMs: settings.dataRetention,
    logRetentionMs: settings.logRetention,
    migrationsDir: options.migrationsDir,
  })
}
