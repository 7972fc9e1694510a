import { skipQuoted } from './byte-search.ts'
import { cellKind } from './record-columns.ts'

/** What the scanner tells of an object's members. */
export interface JsonSink {
  /** Answers the number under which members of this object and the value are named; below 0: leave it out. */
  key(parent: number, buffer: Uint8Array, from: number, to: number, escaped: boolean): number
  /** `from` and `to` are the bytes of the value, without the quotes of a string; `kind` as in `cellKind`. */
  value(name: number, kind: number, from: number, to: number): void
}

export interface JsonScanner {
  /** Reads one object (RFC 8259) with nothing but white space around it. Never throws, whatever the bytes are. */
  scan(buffer: Uint8Array, view: DataView, from: number, to: number): 'ok' | 'malformed' | 'too_deep'
}

/** Objects deeper than this are one value with their text. */
export const FLATTEN_DEPTH_MAX = 8
/** Nothing honest is deeper; readers of the stored line would refuse it. */
export const JSON_DEPTH_MAX = 128

const QUOTE = 34
const BACKSLASH = 92
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
const OPEN_ARRAY = 91

/** Without recursion, so that depth costs no stack; the positions of open objects lie in small typed arrays. */
export function createJsonScanner(sink: JsonSink): JsonScanner {
  const parents = new Int32Array(FLATTEN_DEPTH_MAX + 1)
  const nesting = new Uint8Array(JSON_DEPTH_MAX + 1)
  let view: DataView = new DataView(new ArrayBuffer(0))
  let escaped = false
  let kind = 0
  let tooDeep = false

  /** Reads a string from behind its opening quote; answers the offset of the closing one, or -1. */
  const stringEnd = (buffer: Uint8Array, from: number, to: number): number => {
    escaped = false
    let at = skipQuoted(view, from, to)
    while (at < to) {
      const byte = buffer[at]!
      if (byte === QUOTE) return at
      if (byte < 32) return -1
      if (byte === BACKSLASH) {
        escaped = true
        const length = escapeLength(buffer, at, to)
        if (length === 0) return -1
        at = skipQuoted(view, at + length, to)
      } else at += 1
    }
    return -1
  }

  /** Reads a value that is neither an array nor an object; sets `kind`, answers the offset behind it, or -1. */
  const scalarEnd = (buffer: Uint8Array, at: number, to: number): number => {
    const byte = buffer[at]!
    if (byte === QUOTE) {
      const end = stringEnd(buffer, at + 1, to)
      kind = escaped ? cellKind.escaped : cellKind.text
      return end === -1 ? -1 : end + 1
    }
    if (byte === 116) {
      kind = cellKind.true
      return matches(buffer, at, to, TRUE)
    }
    if (byte === 102) {
      kind = cellKind.false
      return matches(buffer, at, to, FALSE)
    }
    if (byte === 110) {
      kind = cellKind.null
      return matches(buffer, at, to, NULL)
    }
    kind = cellKind.number
    return numberEnd(buffer, at, to)
  }

  /** Skips an array or object, checking its grammar; answers the offset behind it, or -1. */
  const nestedEnd = (buffer: Uint8Array, from: number, to: number, outer: number): number => {
    let depth = 0
    let at = from
    let wantsValue = true
    while (at < to) {
      at = skipSpace(buffer, at, to)
      const byte = at < to ? buffer[at]! : 0
      if (wantsValue) {
        if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
          if (outer + depth >= JSON_DEPTH_MAX) {
            tooDeep = true
            return -1
          }
          nesting[depth] = byte
          depth += 1
          at = skipSpace(buffer, at + 1, to)
          const closed = at < to && buffer[at] === byte + 2
          if (!closed) {
            if (byte === OPEN_OBJECT) at = keyEnd(buffer, at, to)
            if (at === -1) return -1
            continue
          }
          depth -= 1
          at += 1
        } else {
          at = scalarEnd(buffer, at, to)
          if (at === -1) return -1
        }
        wantsValue = false
        if (depth === 0) return at
        continue
      }
      const open = nesting[depth - 1]!
      if (byte === 44) {
        at = skipSpace(buffer, at + 1, to)
        if (open === OPEN_OBJECT) at = keyEnd(buffer, at, to)
        if (at === -1) return -1
        wantsValue = true
      } else if (byte === open + 2) {
        depth -= 1
        at += 1
        if (depth === 0) return at
      } else return -1
    }
    return -1
  }

  /** Skips a key and its colon from the key's quote on; answers the offset behind the colon, or -1. */
  const keyEnd = (buffer: Uint8Array, at: number, to: number): number => {
    if (at >= to || buffer[at] !== QUOTE) return -1
    const end = stringEnd(buffer, at + 1, to)
    if (end === -1) return -1
    const colon = skipSpace(buffer, end + 1, to)
    return colon < to && buffer[colon] === 58 ? colon + 1 : -1
  }

  /** Reads the members of the outermost object and of those that are flattened. */
  const members = (buffer: Uint8Array, from: number, to: number): number => {
    let depth = 0
    parents[0] = 0
    let at = skipSpace(buffer, from, to)
    if (at < to && buffer[at] === CLOSE_OBJECT) return at + 1
    for (;;) {
      const keyFrom = at + 1
      if (at >= to || buffer[at] !== QUOTE) return -1
      const keyTo = stringEnd(buffer, keyFrom, to)
      if (keyTo === -1) return -1
      const parent = parents[depth]!
      const name = parent < 0 ? -1 : sink.key(parent, buffer, keyFrom, keyTo, escaped)
      at = skipSpace(buffer, keyTo + 1, to)
      if (at >= to || buffer[at] !== 58) return -1
      at = skipSpace(buffer, at + 1, to)
      if (at >= to) return -1
      const byte = buffer[at]!
      if (byte === OPEN_OBJECT && depth < FLATTEN_DEPTH_MAX) {
        at = skipSpace(buffer, at + 1, to)
        if (at >= to) return -1
        if (buffer[at] !== CLOSE_OBJECT) {
          depth += 1
          parents[depth] = name
          continue
        }
        at += 1
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        const end = nestedEnd(buffer, at, to, depth + 1)
        if (end === -1) return -1
        sink.value(name, cellKind.json, at, end)
        at = end
      } else {
        const end = scalarEnd(buffer, at, to)
        if (end === -1) return -1
        const quoted = kind === cellKind.text || kind === cellKind.escaped
        sink.value(name, kind, quoted ? at + 1 : at, quoted ? end - 1 : end)
        at = end
      }
      // Behind a value: close what ends here, then either all is read or a comma leads to the next key.
      at = skipSpace(buffer, at, to)
      while (at < to && buffer[at] === CLOSE_OBJECT) {
        at += 1
        if (depth === 0) return at
        depth -= 1
        at = skipSpace(buffer, at, to)
      }
      if (at >= to || buffer[at] !== 44) return -1
      at = skipSpace(buffer, at + 1, to)
    }
  }

  return {
    scan(buffer, bytes, from, to) {
      view = bytes
      tooDeep = false
      let at = skipSpace(buffer, from, to)
      if (at >= to || buffer[at] !== OPEN_OBJECT) return 'malformed'
      at = members(buffer, at + 1, to)
      if (at === -1) return tooDeep ? 'too_deep' : 'malformed'
      return skipSpace(buffer, at, to) === to ? 'ok' : 'malformed'
    },
  }
}

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')

function matches(buffer: Uint8Array, at: number, to: number, word: Uint8Array): number {
  if (at + word.length > to) return -1
  for (let i = 1; i < word.length; i++) if (buffer[at + i] !== word[i]) return -1
  return at + word.length
}

function skipSpace(buffer: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to) {
    const byte = buffer[at]!
    if (byte !== 32 && byte !== 9 && byte !== 10 && byte !== 13) break
    at += 1
  }
  return at
}

/** Bytes of the escape that begins at `at`; 0 when it is none. */
function escapeLength(buffer: Uint8Array, at: number, to: number): number {
  if (at + 1 >= to) return 0
  switch (buffer[at + 1]) {
    case 34:
    case 47:
    case 92:
    case 98:
    case 102:
    case 110:
    case 114:
    case 116:
      return 2
    case 117:
      break
    default:
      return 0
  }
  if (at + 6 > to) return 0
  for (let i = at + 2; i < at + 6; i++) {
    const byte = buffer[i]! | 32
    if (!((byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 102))) return 0
  }
  return 6
}

/** The offset behind a number, or -1. */
function numberEnd(buffer: Uint8Array, from: number, to: number): number {
  let at = buffer[from] === 45 ? from + 1 : from
  const first = at
  at = digitsEnd(buffer, at, to)
  if (at === first || (buffer[first] === 48 && at - first > 1)) return -1
  if (at < to && buffer[at] === 46) {
    const fraction = at + 1
    at = digitsEnd(buffer, fraction, to)
    if (at === fraction) return -1
  }
  if (at < to && (buffer[at]! | 32) === 101) {
    let exponent = at + 1
    if (exponent < to && (buffer[exponent] === 43 || buffer[exponent] === 45)) exponent += 1
    at = digitsEnd(buffer, exponent, to)
    if (at === exponent) return -1
  }
  return at
}

function digitsEnd(buffer: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && buffer[at]! >= 48 && buffer[at]! <= 57) at += 1
  return at
}
