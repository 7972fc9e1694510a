import type { DescMessage } from '@bufbuild/protobuf'
import { protoText } from '@driftline/platform/analytics/proto-text'
import {
  AlertSchema,
  AnomalySchema,
  BaselineBatchSchema,
  DeadLetterSchema,
  FlaggedRecordSchema,
  KpiBatchSchema,
  LogBatchSchema,
  LogPatternSchema,
  PackedSnapshotSchema,
  RunEventSchema,
  RunEvidenceSchema,
  SampleBatchSchema,
  SeriesBatchSchema,
  type Topic,
  topics,
} from '@driftline/proto'

/** A topic and the table that its records end in. */
export interface Stream {
  readonly topic: Topic
  /** Keeps nothing itself; views behind it make the rows. */
  readonly table: string
  /** Text of the message that ClickHouse reads each record as, and its name. */
  readonly schema: string
  readonly message: string
  /** What the header `message` must say. */
  readonly headerMessage: string
}

function stream(topic: Topic, table: string, readAs: DescMessage): Stream {
  return {
    topic,
    table,
    schema: protoText(readAs),
    message: readAs.name,
    headerMessage: topic.message.typeName,
  }
}

/**
 * Every topic that ends in the analytics store. A new one is a line here and a migration that makes `<table>_in`, its
 * table and its view. Series come before the samples that name them, though nothing depends on it.
 */
export const streams: readonly Stream[] = [
  stream(topics.series, 'series_in', SeriesBatchSchema),
  stream(topics.samples, 'samples_in', SampleBatchSchema),
  // The twin keeps the process table encoded: it is stored as it came.
  stream(topics.snapshots, 'snapshots_in', PackedSnapshotSchema),
  stream(topics.kpis, 'kpis_in', KpiBatchSchema),
  stream(topics.baselines, 'baselines_in', BaselineBatchSchema),
  stream(topics.anomalies, 'anomalies_in', AnomalySchema),
  stream(topics.alerts, 'alerts_in', AlertSchema),
  stream(topics.logPatterns, 'log_patterns_in', LogPatternSchema),
  stream(topics.logs, 'logs_in', LogBatchSchema),
  stream(topics.flaggedRecords, 'flagged_records_in', FlaggedRecordSchema),
  stream(topics.runs, 'runs_in', RunEventSchema),
  stream(topics.runEvidence, 'run_evidence_in', RunEvidenceSchema),
  stream(topics.deadLetters, 'dead_letters_in', DeadLetterSchema),
]
