import { deserialize, serialize } from 'node:v8'
import type { RepeatFilterSnapshot } from '@driftline/platform/bus/repeat-filter'
import type { PartitionState, SeriesState } from './model/state.ts'

/** What is needed to go on from a moment as if nothing had happened. */
export interface PartitionMoment {
  /** Offset of the first record that is not yet in the state, by topic. */
  readonly positions: ReadonlyMap<string, number>
  readonly repeats: RepeatFilterSnapshot
  readonly state: PartitionState
}

/** Raised when the shape of the state changes: an older checkpoint is then set aside. */
const VERSION = 1

/** The structured clone that Node.js has built in: it keeps maps and typed arrays as they are. */
export function encodeMoment({ state, ...rest }: PartitionMoment): Uint8Array {
  return serialize({ version: VERSION, ...rest, state: { ...state, series: withoutSpareRoom(state.series) } })
}

/** A view of a part of an array would be stored with the whole memory behind it, so the parts are copies. */
function withoutSpareRoom(series: SeriesState): SeriesState {
  const { size, low, high, column, slot, host, process, names } = series
  const cut = <T extends { slice(start: number, end: number): T }>(array: T): T => array.slice(0, size)
  return {
    size,
    low: cut(low),
    high: cut(high),
    column: cut(column),
    slot: cut(slot),
    host: cut(host),
    process: cut(process),
    names,
  }
}

/** Null for the checkpoint of another version. Only ever reads what this program has written itself. */
export function decodeMoment(bytes: Uint8Array): PartitionMoment | null {
  const { version, ...moment } = deserialize(bytes) as PartitionMoment & { version: number }
  return version === VERSION ? moment : null
}
