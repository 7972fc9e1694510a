import { hostname } from 'node:os'
import { networkSettings } from '@driftline/checks/network-settings'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { count, durationMs } from '@driftline/platform/units'
import { z } from 'zod'

const text = z.string().min(1)

export const checkerSettings = {
  runsMax: setting('checker.max_runs', count(10_000), 256, 'Runs of flows at once in this process; others wait'),
  allowedRoots: setting(
    'checker.allowed_roots',
    z.array(text),
    [],
    'Directories in which steps may look at files and SQLite databases of this machine; none without it',
  ),
  userAgent: setting(
    'checker.user_agent',
    z
      .string()
      .regex(/^[\x20-\x7e]{1,200}$/, 'must be 1 to 200 plain characters')
      .nullable(),
    null,
    'What checks and polls call themselves; Driftline, its version and the address of the web app without it',
  ),
  publicUrl: setting(
    'checker.product_url',
    z.url({ protocol: /^https?$/ }).nullable(),
    null,
    'Address of the web app, as this checker reaches it: what `{{product.url}}` stands for; in one process it is known',
  ),
  browserExecutable: setting(
    'checker.browser_executable',
    text.nullable(),
    null,
    'Program of the browser for steps in a page; the usual places are looked at without it',
  ),
  browserPagesMax: setting('checker.max_browser_pages', count(100), 4, 'Pages in that browser at once; others wait'),
  demoTarget: setting(
    'checker.demo_target',
    z.union([z.boolean(), z.stringbool()]),
    true,
    'Serve a small demo shop on this machine, for flows to be tried on',
  ),
  seriesPerSourceMax: setting('checker.max_series', count(10_000_000), 50_000, 'Series of one poll'),
  seriesPerTenantMax: setting('checker.max_series_per_tenant', count(10_000_000), 200_000, 'Series of all its polls'),
  rawRetentionMs: setting(
    'process_monitor.real_time_monitoring.raw_retention',
    durationMs,
    '48h',
    'Life of raw seconds; older readings are refused',
  ),
  instance: setting(
    'checker.instance',
    z.string().min(1).max(100).nullable(),
    null,
    'Name of this instance, no other one has it, the same after a restart; else made of its host name',
  ),
  ...networkSettings,
} as const

export interface CheckerConfig {
  readonly runsMax: number
  readonly allowedRoots: readonly string[]
  /** Null: made of the version and the address of the product. */
  readonly userAgent: string | null
  /** Null: told when the process starts, if it is the whole product. */
  readonly productUrl: string | null
  readonly browser: { readonly executable: string | null; readonly pagesMax: number }
  readonly demoTarget: boolean
  readonly allowedPrivateNetworks: readonly string[]
  readonly polls: {
    readonly series: { readonly perSourceMax: number; readonly perTenantMax: number }
    readonly bounds: { readonly ageMsMax: number; readonly aheadMsMax: number }
  }
  /** Name of this instance among others, the same after a restart. */
  readonly instance: string
}

/** How far a target's clock may be ahead of ours. */
const AHEAD_MS_MAX = 10 * 60_000

/** Errors: `config_invalid`. */
export function readCheckerConfig(source: SettingsSource): CheckerConfig {
  const settings = readSettings(source, checkerSettings)
  return Object.freeze({
    runsMax: settings.runsMax,
    allowedRoots: settings.allowedRoots,
    userAgent: settings.userAgent,
    productUrl: settings.publicUrl,
    browser: { executable: settings.browserExecutable, pagesMax: settings.browserPagesMax },
    demoTarget: settings.demoTarget,
    allowedPrivateNetworks: settings.allowedPrivateNetworks,
    polls: {
      series: { perSourceMax: settings.seriesPerSourceMax, perTenantMax: settings.seriesPerTenantMax },
      bounds: { ageMsMax: settings.rawRetentionMs, aheadMsMax: AHEAD_MS_MAX },
    },
    instance: settings.instance ?? `checker@${hostname()}`,
  })
}
