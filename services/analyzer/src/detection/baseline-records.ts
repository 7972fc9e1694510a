import { create, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { bytesOf, kpis, PackedBaselineBatchSchema, topics } from '@driftline/proto'
import type { Baselines } from './baselines.ts'
import type { ClosedMinute } from './detector.ts'
import type { TrackTable } from './track-table.ts'
import type { UnitState } from './unit-state.ts'

/** Lines of one record: a unit with more gets several, so that none is too large for the bus. */
const LINES_MAX = 2000
/** Records of one unit and minute; together they hold more lines than a partition has tracks. */
const PER_MINUTE = 1000

/** What was normal over a minute, and how far from it each track was, by what was known before the minute. */
export function baselineRecords(
  { tracks, processes }: TrackTable,
  baselines: Baselines,
  unit: UnitState,
  minute: ClosedMinute,
): OutgoingRecord[] {
  const shown: number[] = []
  for (let i = 0; i < minute.count; i++) {
    const kpi = tracks.kpi[minute.track[i]!]!
    if (kpi === -1 || kpis[kpi]!.baseline) shown.push(i)
  }
  const records: OutgoingRecord[] = []
  for (let from = 0; from < shown.length; from += LINES_MAX) {
    const rows = shown.slice(from, from + LINES_MAX)
    const column = (of: (row: number) => number) => bytesOf(Float64Array.from(rows, of))
    const track = (row: number): number => minute.track[row]!
    const centre = (row: number): number => baselines.centre(track(row))
    const spread = (row: number): number => baselines.spread(track(row))
    const batch = create(PackedBaselineBatchSchema, {
      tenant: unit.tenant,
      minuteTimeMs: BigInt(minute.startMs),
      process: rows.map((row) => processes.id(tracks.process[track(row)]!)),
      metric: rows.map((row) => tracks.metric(track(row))),
      attributes: rows.map((row) => tracks.attributes(track(row))),
      value: column((row) => minute.value[row]!),
      centre: column(centre),
      spread: column(spread),
      deviation: column((row) => deviationOf(minute.value[row]!, centre(row), spread(row))),
    })
    records.push({
      topic: topics.baselines.name,
      key: unit.key,
      headers: {
        'content-type': 'application/protobuf',
        message: topics.baselines.message.typeName,
        tenant: unit.tenant,
        source: `baseline/${unit.key}`,
        epoch: '1',
        sequence: String((minute.startMs / 60_000) * PER_MINUTE + records.length),
      },
      value: toBinary(PackedBaselineBatchSchema, batch),
    })
  }
  return records
}

/** In robust standard deviations; NaN while nothing is known. */
function deviationOf(value: number, centre: number, spread: number): number {
  return spread > 0 ? (value - centre) / spread : Number.NaN
}
