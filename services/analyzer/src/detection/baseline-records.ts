import { create, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { bytesOf, kpiNumber, kpis, PackedBaselineBatchSchema, topics } from '@driftline/proto'
import type { Baselines } from './baselines.ts'
import type { ClosedMinute } from './detector.ts'
import type { TrackTable } from './track-table.ts'
import type { UnitState } from './unit-state.ts'

/** Lines of one record: a unit with more gets several, so that none is too large for the bus. */
const LINES_MAX = 2000
/** Records of one unit and minute; together they hold more lines than a partition has tracks. */
const PER_MINUTE = 1000

/** How far a minute can be trusted to tell something of its process. */
export interface Trust {
  /** Whether the group of programs of a row does what it did before, by its instances. */
  isComparable(row: number): boolean
  /** Seconds of the minute in which a row had data. */
  seconds(row: number): number
}

interface Known {
  readonly table: TrackTable
  readonly baselines: Baselines
  readonly trust: Trust
}

/** Rates of groups of programs with ends in so many seconds of a minute are taken for half of what they seem. */
const FEW_SECONDS = 10
/** Drift is shown from this many spreads on. */
const SHOWN = 4
/** And their spread is at least this. */
const RATE_SPREAD = 0.1
const executionTime = kpiNumber('execution_time')
const ratesOfEnds = new Set([kpiNumber('success_rate'), kpiNumber('error_rate')])

/**
 * What was normal over a minute, and how far from it each track was, by what was known before the minute. `published`
 * is how many records of that minute there are already.
 */
export function baselineRecords(
  { table: { tracks, processes }, baselines, trust }: Known,
  unit: UnitState,
  minute: ClosedMinute,
  published: number,
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
    const spread = (row: number): number =>
      tracks.ofPrograms(track(row))
        ? widened(baselines.spread(track(row)), minute.value[row]! - centre(row), tracks.kpi[track(row)]!, row, trust)
        : baselines.spread(track(row))
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
        sequence: String((minute.startMs / 60_000) * PER_MINUTE + published + records.length),
      },
      value: toBinary(PackedBaselineBatchSchema, batch),
    })
  }
  return records
}

/**
 * The spread, wider where a minute says little: of a `grep` that found nothing, of one shell that ran for longer. What
 * comes and goes is not compared with the run before: its own distance counts as spread, so that it is never shown.
 */
function widened(known: number, distance: number, kpi: number, row: number, trust: Trust): number {
  const seconds = Math.max(1, trust.seconds(row))
  const least = ratesOfEnds.has(kpi) ? Math.max(known, RATE_SPREAD) : known
  const isOfEnds = kpi === executionTime || ratesOfEnds.has(kpi)
  const wide = isOfEnds ? (least * (seconds + FEW_SECONDS)) / seconds : known
  return trust.isComparable(row) ? wide : wide + Math.abs(distance) / SHOWN
}

/** In robust standard deviations; NaN while nothing is known. */
function deviationOf(value: number, centre: number, spread: number): number {
  return spread > 0 ? (value - centre) / spread : Number.NaN
}
