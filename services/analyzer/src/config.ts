import { analyticsSettings } from '@driftline/platform/analytics/analytics-config'
import { epochLifeFor } from '@driftline/platform/bus/repeat-filter'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { count, durationMs } from '@driftline/platform/units'
import { z } from 'zod'
import type { DetectionConfig } from './detection/detector.ts'
import type { DetectionChange } from './installation-settings.ts'

export const analyzerSettings = {
  dataDir: setting('data_dir', z.string().min(1), './data', 'Directory for everything that is kept'),
  silenceMs: setting(
    'analyzer.silence_after',
    durationMs,
    '1s',
    'A source that has been quiet for this long lets time pass for it without its data',
  ),
  checkpointMs: setting('analyzer.checkpoint_interval', durationMs, '5s', 'How often state is stored'),
  hostsMax: setting('analyzer.max_hosts', count(100_000), 5000, 'Hosts of one partition'),
  groupsMax: setting('analyzer.max_groups_per_host', count(65_535), 4096, 'Process groups of one host'),
} as const

/** What the step needs to know. Times in milliseconds of event time. */
export interface StepConfig {
  readonly bucketMs: number
  /** A bucket closes this long after its end, by the watermark of its source. */
  readonly closeAfterMs: number
  readonly silenceMs: number
  readonly hostsMax: number
  /** Per host, the host itself among them. */
  readonly groupsMax: number
  /** Of one partition; series that are passed over are not counted, and have a bound of their own. */
  readonly seriesMax: number
  /** Open buckets of one host; the oldest is closed to make room. */
  readonly bucketsMax: number
  /** Samples that wait for the definition of their series; the oldest are dropped. */
  readonly waitingMax: number
  readonly detection: DetectionConfig
}

export interface AnalyzerConfig {
  readonly dataDir: string
  readonly checkpointMs: number
  /** How soon it joins its group again when another instance has a partition that the bus gives to this one; 15 s. */
  readonly joinAgainAfterMs?: number
  /** Starts of a source are remembered for so long; the repeat filter's own time unless given. */
  readonly epochLifeMs?: number
  readonly step: StepConfig
  /** What the installation's settings say for all processes; without it, what the base of the step says holds. */
  readonly installation?: DetectionChange
}

export const defaultDetectionConfig: DetectionConfig = {
  baselineWindowMs: 7 * 86_400_000,
  trainingWindowMs: 30 * 86_400_000,
  sensitivity: 0.8,
  degradationShare: 0.2,
  errorSpikeMultiple: 5,
  exhaustionShare: 0.9,
  tracksMax: 1_000_000,
}

export const defaultStepConfig: StepConfig = {
  bucketMs: 1000,
  closeAfterMs: 200,
  silenceMs: 1000,
  hostsMax: 5000,
  groupsMax: 4096,
  seriesMax: 1_000_000,
  bucketsMax: 120,
  waitingMax: 100_000,
  detection: defaultDetectionConfig,
}

/** Errors: `config_invalid`. */
export function readAnalyzerConfig(source: SettingsSource): AnalyzerConfig {
  const { dataDir, checkpointMs, silenceMs, hostsMax, groupsMax } = readSettings(source, analyzerSettings)
  const { rawRetention } = readSettings(source, { rawRetention: analyticsSettings.rawRetention })
  return Object.freeze({
    dataDir,
    epochLifeMs: epochLifeFor(rawRetention),
    checkpointMs,
    step: { ...defaultStepConfig, silenceMs, hostsMax, groupsMax },
  })
}
