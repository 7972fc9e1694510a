import type { RecordHeaders } from '@driftline/proto'
import type { Component } from '../lifecycle.ts'

/** A record to publish. The partition is `partitionOf(key, partitions)` on every implementation. */
export interface OutgoingRecord {
  readonly topic: string
  readonly key: string
  readonly headers: RecordHeaders
  readonly value: Uint8Array
  /** Overrides the partition that the key gives; only `ticks` needs it. */
  readonly partition?: number
}

/** A record as consumers see it. */
export interface BusRecord {
  readonly topic: string
  readonly partition: number
  /** Position in the partition, from 0. A safe integer. */
  readonly offset: number
  readonly key: string
  /** When the bus stored it, milliseconds since the Unix epoch. */
  readonly storedAtMs: number
  readonly headers: RecordHeaders
  /** Valid until the handler's promise settles; copy what must live longer. */
  readonly value: Uint8Array
}

/** Consecutive records of one partition: 1 to `maxRecords`, of at most `maxBytes` unless a single one is larger. */
export interface RecordBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly BusRecord[]
  /** Offset after the last record that is stored in the partition now; for lag. */
  readonly endOffset: number
}

export interface SubscribeOptions {
  /** Consumers of a group share the partitions; each record goes to one of them at least once. */
  readonly group: string
  readonly topics: readonly string[]
  readonly maxRecords: number
  readonly maxBytes: number
  /**
   * Handles a batch and answers the offset that is safe to commit: everything below it is done. It may be lower than
   * the batch's end when the handler still holds records; those come again after a restart, never within a session.
   * Batches of a partition come one after the other. A thrown error is retried with backoff, from the same batch.
   */
  handle(batch: RecordBatch): Promise<number>
  /** Partitions that this consumer now owns (before their first batch) or has lost. */
  onAssigned?(topic: string, partition: number): Promise<void>
  onRevoked?(topic: string, partition: number): Promise<void>
}

export interface TailOptions {
  readonly topics: readonly string[]
  /** Called in order per partition with records stored after the tail started, as soon as they are there. */
  handle(records: readonly BusRecord[]): void
}

export interface Subscription {
  stop(): Promise<void>
}

/**
 * The log that connects the services: topics with partitions, durable records, consumer groups.
 * Implementations: LMDB (embedded) and Kafka. Errors: `bus_unavailable` (retryable), `record_too_large`, `disk_full`,
 * `bus_retention_blocked`, `stopped`.
 */
export interface Bus extends Component {
  /** Resolves when every record is durable (LMDB commit flushed; `acks: -1`). Records of a partition keep their order. */
  publish(records: readonly OutgoingRecord[]): Promise<void>
  /** Reads from the group's committed offset, or from the beginning. */
  subscribe(options: SubscribeOptions): Promise<Subscription>
  /** Every record from now on, for each caller; nothing is committed. */
  tail(options: TailOptions): Promise<Subscription>
  /** Reads a range of one partition, `from` inclusive to `to` exclusive, for replays. */
  read(topic: string, partition: number, from: number, to: number): Promise<BusRecord[]>
  /** How many records of a partition are stored and not committed by the group; all, when it has committed nothing. */
  lagOf(group: string, topic: string, partition: number): Promise<number>
  partitionsOf(topic: string): number
}
