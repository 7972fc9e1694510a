import { create, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { bytesOf, PackedKpiBatchSchema, topics } from '@driftline/proto'
import type { KpiRows } from './model/close.ts'

/**
 * The record of a host's closed bucket. Its sequence is the number of the bucket, which only grows for a host, so that
 * a bucket that is computed again after a restart is known for a repeat.
 */
export function kpiRecord(rows: KpiRows, bucketMs: number): OutgoingRecord {
  const batch = create(PackedKpiBatchSchema, {
    tenant: rows.tenant,
    bucketTimeMs: BigInt(rows.bucketTimeMs),
    bucketMs,
    process: rows.process,
    executionTimeMs: bytesOf(rows.executionTimeMs),
    successRate: bytesOf(rows.successRate),
    errorRate: bytesOf(rows.errorRate),
    throughputPerSecond: bytesOf(rows.throughputPerSecond),
    cpuCores: bytesOf(rows.cpuCores),
    memoryBytes: bytesOf(rows.memoryBytes),
    readBytesPerSecond: bytesOf(rows.readBytesPerSecond),
    writeBytesPerSecond: bytesOf(rows.writeBytesPerSecond),
    networkReceiveBytesPerSecond: bytesOf(rows.networkReceiveBytesPerSecond),
    networkTransmitBytesPerSecond: bytesOf(rows.networkTransmitBytesPerSecond),
    cpuShare: bytesOf(rows.cpuShare),
    memoryShare: bytesOf(rows.memoryShare),
    ioShare: bytesOf(rows.ioShare),
    networkShare: bytesOf(rows.networkShare),
    instances: bytesOf(rows.instances),
  })
  return {
    topic: topics.kpis.name,
    key: rows.hostKey,
    headers: {
      'content-type': 'application/protobuf',
      message: topics.kpis.message.typeName,
      tenant: rows.tenant,
      source: `analyzer/${rows.hostKey}`,
      epoch: '1',
      sequence: String(Math.floor(rows.bucketTimeMs / bucketMs)),
    },
    value: toBinary(PackedKpiBatchSchema, batch),
  }
}
