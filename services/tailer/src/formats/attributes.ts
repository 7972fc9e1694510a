import { copyBytes, copyPlain, viewOf } from './byte-search.ts'
import { textOf } from './field-of.ts'
import { cellKind, type RecordColumns } from './record-columns.ts'
import { role } from './roles.ts'

/** Writes the fields of a row as a JSON object without white space into memory of its own, used again for each row. */
export interface AttributeWriter {
  /** What was written last; valid until the next `write`. */
  readonly bytes: Buffer
  /**
   * Answers how many bytes of `bytes` were written; 0 when the body is the object itself, or there are no fields. What
   * is not UTF-8 is U+FFFD. Time, level and message are left out: they stand beside the attributes.
   */
  write(columns: RecordColumns, row: number): number
}

/** A control character takes six bytes (`\u0001`). */
const BYTES_PER_BYTE_MAX = 6

export function createAttributeWriter(): AttributeWriter {
  let bytes = Buffer.allocUnsafeSlow(16_384)
  let target = viewOf(bytes)

  const makeRoom = (used: number, more: number): void => {
    if (used + more <= bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes.length * 2, used + more))
    bytes.copy(larger, 0, 0, used)
    bytes = larger
    target = viewOf(bytes)
  }

  const writeOther = (columns: RecordColumns, cell: number, at: number): number => {
    const kind = columns.cellKind[cell]!
    if (kind === cellKind.escaped) {
      const text = Buffer.from(textOf(columns, cell))
      return writeString(text, viewOf(text), 0, text.length, bytes, target, at)
    }
    const word = kind === cellKind.true ? TRUE : kind === cellKind.false ? FALSE : NULL
    return at + word.copy(bytes, at)
  }

  return {
    get bytes() {
      return bytes
    },
    write(columns, row) {
      if (columns.bodyIsJson && columns.reason[row] === 0) return 0
      const { buffer, view, names } = columns
      const { roles, keys, keyFrom } = names
      const last = columns.cellStart[row + 1]!
      let out = 0
      for (let cell = columns.cellStart[row]!; cell < last; cell++) {
        const name = columns.cellName[cell]!
        const meaning = roles[name]!
        if (meaning === role.time || meaning === role.level || meaning === role.message) continue
        const from = columns.cellFrom[cell]!
        const to = columns.cellTo[cell]!
        const keyTo = keyFrom[name + 1]!
        makeRoom(out, keyTo - keyFrom[name]! + (to - from) * BYTES_PER_BYTE_MAX + 8)
        out = copyBytes(keys, keyFrom[name]!, keyTo, target, out)
        const kind = columns.cellKind[cell]!
        if (kind === cellKind.text) out = writeString(buffer, view, from, to, bytes, target, out)
        else if (kind === cellKind.number || kind === cellKind.json) out = copyBytes(view, from, to, target, out)
        else out = writeOther(columns, cell, out)
      }
      if (out === 0) return 0
      // Each key begins with a comma; the first one is the brace.
      bytes[0] = 123
      bytes[out] = 125
      return out + 1
    },
  }
}

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')
const HEX = Buffer.from('0123456789abcdef')

/** By byte: 0 stands for itself, 1 is the lead of a longer sequence, else the letter of its escape (`u`: by number). */
const CLASS = new Uint8Array(256)
CLASS.fill(117, 0, 32)
CLASS.fill(1, 128, 256)
CLASS[8] = 98
CLASS[9] = 116
CLASS[10] = 110
CLASS[12] = 102
CLASS[13] = 114
CLASS[34] = 34
CLASS[92] = 92

/** A JSON string with its quotes. */
function writeString(
  buffer: Uint8Array,
  view: DataView,
  from: number,
  to: number,
  target: Uint8Array,
  targetView: DataView,
  at: number,
): number {
  let out = at
  target[out++] = 34
  let i = from
  const copied = copyPlain(view, i, to, targetView, out)
  i += copied
  out += copied
  while (i < to) {
    const byte = buffer[i]!
    const kind = CLASS[byte]!
    if (kind === 0) {
      target[out++] = byte
      i += 1
    } else if (kind === 1) {
      const length = sequenceLength(buffer, i, to)
      if (length === 0) {
        target[out++] = 0xef
        target[out++] = 0xbf
        target[out++] = 0xbd
        i += 1
      } else {
        for (const end = i + length; i < end; i++) target[out++] = buffer[i]!
      }
    } else {
      target[out++] = 92
      target[out++] = kind
      if (kind === 117) {
        target[out++] = 48
        target[out++] = 48
        target[out++] = HEX[byte >> 4]!
        target[out++] = HEX[byte & 15]!
      }
      i += 1
    }
  }
  target[out++] = 34
  return out
}

/** Bytes of the well-formed UTF-8 sequence at `at` (RFC 3629, section 4), or 0. */
function sequenceLength(buffer: Uint8Array, at: number, to: number): number {
  const lead = buffer[at]!
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
  if (lead < 0xc2 || lead > 0xf4 || at + length > to) return 0
  const second = buffer[at + 1]!
  // No overlong forms, no surrogates, nothing beyond U+10FFFF.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = at + 2; i < at + length; i++) if ((buffer[i]! & 0xc0) !== 0x80) return 0
  return length
}
