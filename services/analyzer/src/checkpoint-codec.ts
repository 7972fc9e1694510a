import { deserialize, serialize } from 'node:v8'
import { crc32 } from 'node:zlib'
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
const VERSION = 7
/** Four letters with the version, and the CRC-32 of what follows. */
const HEADER_BYTES = 8
const NAME = Buffer.from(`DLC${VERSION}`)

/** The structured clone that Node.js has built in: it keeps maps and typed arrays as they are. */
export function encodeMoment({ state, ...rest }: PartitionMoment): Uint8Array {
  const body = serialize({ ...rest, state: { ...state, series: withoutSpareRoom(state.series) } })
  const bytes = Buffer.alloc(HEADER_BYTES + body.length)
  NAME.copy(bytes)
  bytes.writeUInt32LE(crc32(body), NAME.length)
  body.copy(bytes, HEADER_BYTES)
  return bytes
}

/** A view of a part of an array would be stored with the whole memory behind it, so the parts are copies. */
function withoutSpareRoom(series: SeriesState): SeriesState {
  const { size, low, high, column, slot, host, process, metric, attributes, unit, kind, usedAtS, nowS, names } = series
  const cut = <T extends { slice(start: number, end: number): T }>(array: T): T => array.slice(0, size)
  return {
    size,
    low: cut(low),
    high: cut(high),
    column: cut(column),
    slot: cut(slot),
    host: cut(host),
    process: cut(process),
    metric: cut(metric),
    attributes: cut(attributes),
    unit: cut(unit),
    kind: cut(kind),
    usedAtS: cut(usedAtS),
    nowS,
    names,
  }
}

/** What a stored checkpoint is: one to go on from, or why it is none. */
export type DecodedMoment =
  | { readonly kind: 'whole'; readonly moment: PartitionMoment }
  | { readonly kind: 'other_version' | 'damaged' }

/** Only ever reads what this program has written itself: bytes that changed since are not looked at. */
export function decodeMoment(bytes: Uint8Array): DecodedMoment {
  const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const body = stored.subarray(HEADER_BYTES)
  if (stored.length < HEADER_BYTES) return { kind: 'damaged' }
  if (!stored.subarray(0, NAME.length).equals(NAME)) return { kind: 'other_version' }
  if (stored.readUInt32LE(NAME.length) !== crc32(body)) return { kind: 'damaged' }
  return { kind: 'whole', moment: deserialize(body) as PartitionMoment }
}
