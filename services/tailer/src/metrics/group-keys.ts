import { textOf } from '../formats/field-of.ts'
import { findCell, type RecordColumns } from '../formats/record-columns.ts'

/** Numbers for the values of grouping fields, first within a batch, then for as long as the source lives. */
export interface GroupKeys {
  /** The batch's number of a row's values; 0 when the batch has too many, else 1 and up. Makes nothing for known ones. */
  keyOf(columns: RecordColumns, row: number): number
  /** Numbers that the batch gave, 0 included. */
  readonly size: number
  /**
   * Ends the batch: the most frequent of its values are taken among the kept ones while there is room. Answers, by the
   * batch's number, the kept number; 0 stands for all others.
   */
  settle(): Int32Array
  /** The values of a kept number, one for each field; `other` for 0. */
  valuesOf(kept: number): readonly string[]
  readonly kept: number
  /** Rows that were folded into `other` since the start. */
  readonly folded: number
  save(): string[]
  restore(saved: readonly string[]): void
}

/** Kept values: each is a series of its own. */
export const GROUPS_MAX = 50
const BATCH_KEYS_MAX = 4_096
const VALUE_CHARACTERS_MAX = 128
const VALUE_BYTES_MAX = 256

export function createGroupKeys(fields: readonly string[]): GroupKeys {
  const keptIds = new Map<string, number>()
  const keptTexts: string[] = [OTHER]
  const slots = new Int32Array(BATCH_KEYS_MAX * 2)
  const scratch = new Uint8Array((VALUE_BYTES_MAX + 1) * Math.max(1, fields.length))
  // Of the batch: keys as bytes, one after the other, their text and how many rows they have.
  let store = new Uint8Array(8_192)
  const ends = new Int32Array(BATCH_KEYS_MAX + 1)
  const counts = new Int32Array(BATCH_KEYS_MAX + 1)
  let texts: string[] = [OTHER]
  let folded = 0

  /** Writes the values of a row into `scratch`; answers their bytes together. */
  const read = (columns: RecordColumns, row: number): number => {
    let out = 0
    for (let i = 0; i < fields.length; i++) {
      const cell = findCell(columns, row, columns.names.idOf(fields[i]!))
      if (cell >= 0) {
        const from = columns.cellFrom[cell]!
        const to = Math.min(columns.cellTo[cell]!, from + VALUE_BYTES_MAX)
        for (let at = from; at < to; at++) scratch[out++] = columns.buffer[at]!
      }
      scratch[out++] = 0xff
    }
    return out
  }

  const textsOf = (columns: RecordColumns, row: number): string =>
    JSON.stringify(
      fields.map((field) => {
        const cell = findCell(columns, row, columns.names.idOf(field))
        return cell < 0 ? '' : textOf(columns, cell).slice(0, VALUE_CHARACTERS_MAX).toWellFormed()
      }),
    )

  const same = (key: number, length: number): boolean => {
    const from = ends[key - 1]!
    if (ends[key]! - from !== length) return false
    for (let i = 0; i < length; i++) if (store[from + i] !== scratch[i]) return false
    return true
  }

  const addKey = (columns: RecordColumns, row: number, length: number, slot: number): number => {
    const key = texts.length
    if (key > BATCH_KEYS_MAX) {
      counts[0]! += 1
      return 0
    }
    const from = ends[key - 1]!
    if (from + length > store.length) {
      const larger = new Uint8Array(Math.max(store.length * 2, from + length))
      larger.set(store)
      store = larger
    }
    for (let i = 0; i < length; i++) store[from + i] = scratch[i]!
    ends[key] = from + length
    counts[key] = 1
    slots[slot] = key
    texts.push(textsOf(columns, row))
    return key
  }

  const keep = (text: string): number => {
    const known = keptIds.get(text)
    if (known !== undefined) return known
    if (keptTexts.length > GROUPS_MAX) return 0
    keptIds.set(text, keptTexts.length)
    keptTexts.push(text)
    return keptTexts.length - 1
  }

  return {
    get size() {
      return texts.length
    },
    get kept() {
      return keptTexts.length
    },
    get folded() {
      return folded
    },
    keyOf(columns, row) {
      const length = read(columns, row)
      let hash = 0
      for (let i = 0; i < length; i++) hash = Math.imul(hash ^ scratch[i]!, 0x01000193)
      let slot = ((hash ^ (hash >>> 15)) >>> 0) % slots.length
      for (let key = slots[slot]!; key !== 0; key = slots[slot]!) {
        if (same(key, length)) {
          counts[key]! += 1
          return key
        }
        slot = (slot + 1) % slots.length
      }
      return addKey(columns, row, length, slot)
    },
    settle() {
      const byCount = texts.map((_, key) => key).slice(1)
      byCount.sort((a, b) => counts[b]! - counts[a]! || a - b)
      const settled = new Int32Array(texts.length)
      for (const key of byCount) settled[key] = keep(texts[key]!)
      for (let key = 0; key < texts.length; key++) if (settled[key] === 0) folded += counts[key]!
      slots.fill(0)
      counts.fill(0)
      texts = [OTHER]
      return settled
    },
    valuesOf: (kept) => (kept === 0 ? fields.map(() => 'other') : (JSON.parse(keptTexts[kept]!) as string[])),
    save: () => keptTexts.slice(1),
    restore(saved) {
      for (const text of saved) if (isKept(text, fields.length)) keep(text)
    },
  }
}

const OTHER = ''

/** Whether a saved text is a list of as many strings as there are fields. */
function isKept(text: string, count: number): boolean {
  try {
    const values: unknown = JSON.parse(text)
    return Array.isArray(values) && values.length === count && values.every((value) => typeof value === 'string')
  } catch {
    return false
  }
}
