import { deserialize, serialize } from 'node:v8'
import type { RepeatFilterSnapshot } from '@driftline/platform/bus/repeat-filter'
import type { PartitionState } from './model/state.ts'

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
export function encodeMoment(moment: PartitionMoment): Uint8Array {
  return serialize({ version: VERSION, ...moment })
}

/** Null for the checkpoint of another version. Only ever reads what this program has written itself. */
export function decodeMoment(bytes: Uint8Array): PartitionMoment | null {
  const { version, ...moment } = deserialize(bytes) as PartitionMoment & { version: number }
  return version === VERSION ? moment : null
}

/** How far a moment has come, as one number. */
export function progressOf(positions: ReadonlyMap<string, number>): number {
  return [...positions.values()].reduce((sum, position) => sum + position, 0)
}
