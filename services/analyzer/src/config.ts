import { analyticsSettings } from '@driftline/platform/analytics/analytics-config'
import { epochLifeFor } from '@driftline/platform/bus/repeat-filter'
import { readSettings, type SettingsOf, type SettingsSource, setting } from '@driftline/platform/settings'
import { count, durationMs, flag, share } from '@driftline/platform/units'
import { z } from 'zod'
import type { DetectionConfig } from './detection/detector.ts'
import type { DetectionChange } from './settings-records.ts'

const anomalyType = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('performance_degradation'), threshold: share }),
  z.strictObject({ type: z.literal('resource_exhaustion'), threshold: share }),
  z.strictObject({
    type: z.literal('error_spike'),
    threshold: z.string().regex(/^\d+(\.\d+)?x_baseline$/, 'must be a multiple such as 5x_baseline'),
  }),
])

/** Types that `anomaly_types` lists; the others have switches of their own. */
const listedTypes: string[] = ['performance_degradation', 'error_spike', 'resource_exhaustion']

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
  tracksMax: setting(
    'analyzer.max_tracks',
    count(4_000_000),
    1_000_000,
    'Lines of numbers of one partition that are watched',
  ),
  forestsMax: setting(
    'analyzer.max_forests',
    count(100_000),
    200,
    'Processes of one partition that have an isolation forest',
  ),
  streamingMax: setting(
    'analyzer.max_streaming',
    count(100_000),
    1000,
    'Lines of numbers of one partition that the streaming detector follows, 10 kB each',
  ),
  baselineCalculation: setting(
    'process_monitor.performance_tracking.baseline_calculation',
    z.enum(['rolling_average']),
    'rolling_average',
    'How a baseline is made',
  ),
  baselineWindowMs: setting(
    'process_monitor.performance_tracking.baseline_window',
    durationMs,
    '7d',
    'History that a baseline looks at',
  ),
  anomalyDetection: setting('process_monitor.anomaly_detection.enabled', flag, true, 'Look for anomalies'),
  detectionAlgorithm: setting(
    'process_monitor.anomaly_detection.detection_algorithm',
    z.enum(['isolation_forest', 'streaming']),
    'isolation_forest',
    'Detector over all KPIs of a process; with `streaming` each number is looked at by itself only',
  ),
  sensitivity: setting('process_monitor.anomaly_detection.sensitivity', share, 0.8, 'How readily it alarms'),
  trainingWindowMs: setting(
    'process_monitor.anomaly_detection.training_data_window',
    durationMs,
    '30d',
    'History that it is trained on',
  ),
  anomalyTypes: setting(
    'process_monitor.anomaly_detection.anomaly_types',
    z.array(anomalyType),
    [
      { type: 'performance_degradation', threshold: '20%' },
      { type: 'error_spike', threshold: '5x_baseline' },
      { type: 'resource_exhaustion', threshold: '90%' },
    ],
    'Kinds of anomaly and their thresholds',
  ),
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
  /** Whether there is a store that other services share, to read the past from. */
  readonly hasSharedStore?: boolean
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
  const settings = readSettings(source, analyzerSettings)
  const { dataDir, checkpointMs, silenceMs, hostsMax, groupsMax, tracksMax, forestsMax, streamingMax } = settings
  const { baselineWindowMs, trainingWindowMs } = settings
  const { rawRetention, clickhouseUrl } = readSettings(source, analyticsSettings)
  const detection = {
    ...defaultDetectionConfig,
    baselineWindowMs,
    trainingWindowMs,
    tracksMax,
    forestsMax,
    streamingMax,
  }
  return Object.freeze({
    dataDir,
    epochLifeMs: epochLifeFor(rawRetention),
    checkpointMs,
    step: { ...defaultStepConfig, silenceMs, hostsMax, groupsMax, detection },
    installation: installationOf(settings),
    hasSharedStore: clickhouseUrl !== '',
  })
}

/** What the settings say of detection, as a change for all processes. Types that are not listed are not looked for. */
function installationOf({
  anomalyDetection,
  detectionAlgorithm,
  sensitivity,
  anomalyTypes,
}: Pick<
  SettingsOf<typeof analyzerSettings>,
  'anomalyDetection' | 'detectionAlgorithm' | 'sensitivity' | 'anomalyTypes'
>): DetectionChange {
  const thresholds = new Map<string, number>(
    anomalyTypes.map(({ type, threshold }) => [type, Number.parseFloat(`${threshold}`)]),
  )
  const disabledTypes = listedTypes.filter((type) => !thresholds.has(type))
  if (detectionAlgorithm === 'streaming') disabledTypes.push('isolation_forest')
  const of = <Name extends string>(name: Name, type: string) =>
    thresholds.has(type) ? { [name]: thresholds.get(type) } : {}
  return {
    enabled: anomalyDetection,
    disabledTypes,
    sensitivity,
    ...of('degradationShare', 'performance_degradation'),
    ...of('errorSpikeMultiple', 'error_spike'),
    ...of('exhaustionShare', 'resource_exhaustion'),
  }
}
