import { create } from '@bufbuild/protobuf'
import { KpiValuesSchema } from '@driftline/proto'
import { kpiCount, type TrackTable } from './track-table.ts'

/** Values of KPIs older than this are not those of the moment, seconds. */
const FRESH_S = 60

/** The KPIs of a process as they were at a moment; NaN where there is no data. */
export function kpiValuesOf(state: TrackTable['state'], process: number, timeMs: number) {
  const value = (kpi: number): number => {
    const track = state.kpiTracks[process * kpiCount + kpi]!
    return track !== -1 && state.lastBucketS[track]! >= timeMs / 1000 - FRESH_S ? state.lastValue[track]! : Number.NaN
  }
  return create(KpiValuesSchema, {
    executionTimeMs: value(0),
    successRate: value(1),
    errorRate: value(2),
    throughputPerSecond: value(3),
    cpuCores: value(4),
    memoryBytes: value(5),
    readBytesPerSecond: value(6),
    writeBytesPerSecond: value(7),
    networkReceiveBytesPerSecond: value(8),
    networkTransmitBytesPerSecond: value(9),
    cpuShare: value(10),
    memoryShare: value(11),
    ioShare: value(12),
    networkShare: value(13),
    instances: value(14),
  })
}
