import type { DescMessage } from '@bufbuild/protobuf'
import { AlertSchema } from '../gen/driftline/v1/alerts_pb.ts'
import { AnomalySchema } from '../gen/driftline/v1/anomalies_pb.ts'
import { BaselineBatchSchema } from '../gen/driftline/v1/baselines_pb.ts'
import { DeadLetterSchema } from '../gen/driftline/v1/dead_letters_pb.ts'
import { FlaggedRecordSchema } from '../gen/driftline/v1/flagged_records_pb.ts'
import { KpiBatchSchema } from '../gen/driftline/v1/kpis_pb.ts'
import { LogPatternSchema } from '../gen/driftline/v1/log_patterns_pb.ts'
import { LogBatchSchema } from '../gen/driftline/v1/logs_pb.ts'
import { RunEvidenceSchema } from '../gen/driftline/v1/run_evidence_pb.ts'
import { RunEventSchema } from '../gen/driftline/v1/runs_pb.ts'
import { SampleBatchSchema } from '../gen/driftline/v1/samples_pb.ts'
import { SeriesBatchSchema } from '../gen/driftline/v1/series_pb.ts'
import { SettingsChangeSchema } from '../gen/driftline/v1/settings_pb.ts'
import { SnapshotSchema } from '../gen/driftline/v1/snapshots_pb.ts'
import { TickSchema } from '../gen/driftline/v1/ticks_pb.ts'

/** What a topic carries and for how long. The number of partitions is fixed when the topic is created. */
export interface Topic {
  /** Name on the bus: `driftline.<noun>.v<major>`. */
  readonly name: string
  /** Type of each record's value, named by the header `message`. */
  readonly message: DescMessage
  /** What the record key is made of. */
  readonly key: 'host or process' | 'partition'
  readonly partitions: number
  /** Records may be deleted after this time, consumed or not (Kafka), or consumed only (embedded). */
  readonly retentionMs: number
  /** Cap for the embedded bus, bytes over all partitions. */
  readonly retentionBytes: number
  readonly about: string
}

const HOUR = 3_600_000
const MIB = 1024 * 1024

/** Every topic of Driftline, by its noun. */
export const topics = {
  samples: {
    name: 'driftline.samples.v1',
    message: SampleBatchSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 24 * HOUR,
    retentionBytes: 1024 * MIB,
    about: 'Numbers measured over time, columnar.',
  },
  series: {
    name: 'driftline.series.v1',
    message: SeriesBatchSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 24 * HOUR,
    retentionBytes: 128 * MIB,
    about: 'What the series ids in samples mean; always before the first sample of a series.',
  },
  snapshots: {
    name: 'driftline.snapshots.v1',
    message: SnapshotSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 24 * HOUR,
    retentionBytes: 1024 * MIB,
    about: 'Process tables of hosts: key frames and changes.',
  },
  kpis: {
    name: 'driftline.kpis.v1',
    message: KpiBatchSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 24 * HOUR,
    retentionBytes: 512 * MIB,
    about: 'Key performance indicators per process and closed bucket.',
  },
  baselines: {
    name: 'driftline.baselines.v1',
    message: BaselineBatchSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 24 * HOUR,
    retentionBytes: 256 * MIB,
    about: 'What is normal, and the deviation from it, per line of numbers and closed minute.',
  },
  anomalies: {
    name: 'driftline.anomalies.v1',
    message: AnomalySchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 7 * 24 * HOUR,
    retentionBytes: 128 * MIB,
    about: 'Excursions from normal: opened, changed, closed.',
  },
  alerts: {
    name: 'driftline.alerts.v1',
    message: AlertSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 7 * 24 * HOUR,
    retentionBytes: 64 * MIB,
    about: 'Episodes that people handle: opened, acknowledged, resolved.',
  },
  settings: {
    name: 'driftline.settings.v1',
    message: SettingsChangeSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 30 * 24 * HOUR,
    retentionBytes: 128 * MIB,
    about: 'What detectors go by, each change with the event time of its effect.',
  },
  ticks: {
    name: 'driftline.ticks.v1',
    message: TickSchema,
    key: 'partition',
    partitions: 4,
    retentionMs: HOUR,
    retentionBytes: 64 * MIB,
    about: 'One event per partition and second: time has passed.',
  },
  logs: {
    name: 'driftline.logs.v1',
    message: LogBatchSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 24 * HOUR,
    retentionBytes: 2048 * MIB,
    about: 'Lines of logs as they came, with their fields, columnar.',
  },
  logPatterns: {
    name: 'driftline.log-patterns.v1',
    message: LogPatternSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 7 * 24 * HOUR,
    retentionBytes: 64 * MIB,
    about: 'Templates that lines of logs follow, each when it is first seen.',
  },
  flaggedRecords: {
    name: 'driftline.flagged-records.v1',
    message: FlaggedRecordSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 7 * 24 * HOUR,
    retentionBytes: 128 * MIB,
    about: 'Business records for which the expression of a rule was true.',
  },
  runs: {
    name: 'driftline.runs.v1',
    message: RunEventSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 7 * 24 * HOUR,
    retentionBytes: 512 * MIB,
    about: 'Runs of business processes, each transition; the last of a run holds all of it.',
  },
  runEvidence: {
    name: 'driftline.run-evidence.v1',
    message: RunEvidenceSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 24 * HOUR,
    retentionBytes: 256 * MIB,
    about: 'What failed steps saw: bodies and screenshots, for those who may see them.',
  },
  deadLetters: {
    name: 'driftline.dead-letters.v1',
    message: DeadLetterSchema,
    key: 'host or process',
    partitions: 4,
    retentionMs: 7 * 24 * HOUR,
    retentionBytes: 128 * MIB,
    about: 'What was refused, and why.',
  },
} as const satisfies Record<string, Topic>
