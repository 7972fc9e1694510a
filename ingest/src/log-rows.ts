import { isUtf8 } from 'node:buffer'
import { encodeLogBatch, logAttributesTag, logBodyTag, logOriginsMax, routingKey, topics } from '@driftline/proto'
import type { OwnRecord } from './ordered-publisher.ts'

export interface LogRowsConfig {
  readonly tenant: string
  /** Id of the source. */
  readonly source: string
  /** A record is closed before it would grow beyond this; one row may make it larger. 1 MiB by default. */
  readonly recordBytesMax?: number
}

/** Lines that are to be published, put together as records by process. Bytes are copied, never made into strings. */
export interface LogRows {
  /**
   * Says that rows to come lie in these bytes, so that they are checked for UTF-8 once and not one by one. Holds until
   * the next call; the bytes must not change before it. Null for none.
   */
  chunk(bytes: Buffer | null, from?: number, to?: number): void
  /**
   * Adds a line. What is not UTF-8 becomes U+FFFD. `severity` from 0 to 24; `origin` is the path or address it came
   * from; a time that no date has becomes 0; `attributes` is a JSON object as bytes, null for none; the pattern's id comes as two halves, 0 for none.
   */
  add(
    process: string,
    timeMs: number,
    severity: number,
    origin: string,
    body: Buffer,
    from: number,
    to: number,
    attributes: Buffer | null,
    attributesFrom: number,
    attributesTo: number,
    patternLow: number,
    patternHigh: number,
  ): void
  /** Rows since the last `take`. */
  readonly count: number
  /** About what they take on the wire. */
  readonly byteLength: number
  /** Hands over and begins anew. */
  take(): { readonly records: OwnRecord[]; readonly rows: number }
}

const RECORD_BYTES_MAX = 1_048_576
/** What a row takes beside its texts: time, severity, pattern and origin; and tags and lengths of two texts. */
const ROW_FIXED_BYTES = 14
const ROW_BYTES = ROW_FIXED_BYTES + 12
/** Tags, lengths and the base time of a record. */
const HEAD_BYTES = 100
const SEVERITY_MAX = 24
const TIME_MAX = 8.64e15
const OFFSET_MAX = 2_147_483_647
/** Buffers that are kept for the next rows; those of more processes at once are made anew. */
const SHELVES_KEPT = 16
/** A buffer beyond this that was hardly used is let go. */
const SMALL_BYTES = 262_144
/** Longer texts are copied by the system, shorter ones faster by a loop. */
const LOOP_COPY_MAX = 24
const NO_BYTES = Buffer.alloc(0)

export function createLogRows(config: LogRowsConfig): LogRows {
  const { tenant, source } = config
  const recordBytesMax = config.recordBytesMax ?? RECORD_BYTES_MAX
  const namesBytes = HEAD_BYTES + Buffer.byteLength(tenant) + Buffer.byteLength(source)
  const shelves: Shelf[] = []
  let open = new Map<string, Shelf>()
  let records: OwnRecord[] = []
  let count = 0
  let closedBytes = 0
  let openBytes = 0
  let last: Shelf | null = null
  let checked: Buffer | null = null
  let checkedFrom = 0
  let checkedTo = 0

  const close = (shelf: Shelf): void => {
    if (shelf.rows === 0) return
    const value = encodeLogBatch({
      tenant,
      source,
      process: shelf.process,
      baseTimeMs: BigInt(shelf.baseTimeMs),
      timeOffsetMs: shelf.offsets.subarray(0, shelf.rows),
      severity: shelf.severities.subarray(0, shelf.rows),
      patternPairs: shelf.patterns.subarray(0, shelf.rows * 2),
      origin: shelf.originOf.subarray(0, shelf.rows),
      origins: shelf.origins,
      bodies: shelf.bodies.bytes.subarray(0, shelf.bodies.size),
      attributes: shelf.attributes.bytes.subarray(0, shelf.attributes.size),
    })
    const { name, message } = topics.logs
    records.push({ topic: name, tenant, key: routingKey(tenant, shelf.process), message: message.typeName, value })
    closedBytes += value.length
    openBytes -= sizeOf(shelf)
    clear(shelf, namesBytes)
  }
  const shelfOf = (process: string): Shelf => {
    if (last !== null && last.process === process) return last
    let shelf = open.get(process)
    if (shelf === undefined) {
      shelf = shelves.pop() ?? createShelf()
      shelf.process = process
      shelf.headBytes = namesBytes + Buffer.byteLength(process)
      open.set(process, shelf)
    }
    last = shelf
    return shelf
  }
  const isChecked = (bytes: Buffer, from: number, to: number): boolean =>
    // A line that begins or ends within a character is not whole, though what it lies in is.
    bytes === checked &&
    from >= checkedFrom &&
    to <= checkedTo &&
    !isWithin(bytes, from, checkedTo) &&
    !isWithin(bytes, to, checkedTo)

  return {
    chunk(bytes, from = 0, to = bytes?.length ?? 0) {
      checked = bytes !== null && isUtf8(bytes.subarray(from, to)) ? bytes : null
      checkedFrom = from
      checkedTo = to
    },
    add(process, timeMs, severity, origin, body, from, to, attributes, aFrom, aTo, patternLow, patternHigh) {
      const shelf = shelfOf(process)
      const time = Math.abs(timeMs) <= TIME_MAX ? Math.trunc(timeMs) : 0
      let originIndex = findOrigin(shelf, origin)
      if (shelf.rows > 0) {
        const texts = to - from + (attributes === null ? 0 : aTo - aFrom)
        const size = sizeOf(shelf) + texts + ROW_BYTES + (originIndex === -1 ? origin.length * 3 : 0)
        const hasRoom = originIndex !== -1 || shelf.origins.length < logOriginsMax
        if (size > recordBytesMax || !hasRoom || Math.abs(time - shelf.baseTimeMs) > OFFSET_MAX) {
          close(shelf)
          originIndex = -1
        }
      }
      const before = shelf.rows === 0 ? 0 : sizeOf(shelf)
      if (originIndex === -1) originIndex = addOrigin(shelf, origin)
      if (shelf.rows === 0) shelf.baseTimeMs = time
      const { rows } = shelf
      if (rows === shelf.offsets.length) widen(shelf)
      shelf.offsets[rows] = time - shelf.baseTimeMs
      shelf.severities[rows] = severity >= 0 && severity <= SEVERITY_MAX ? severity : 0
      shelf.originOf[rows] = originIndex
      shelf.patterns[rows * 2] = patternLow
      shelf.patterns[rows * 2 + 1] = patternHigh
      appendText(shelf.bodies, logBodyTag, body, from, to, isChecked(body, from, to))
      if (attributes === null) appendText(shelf.attributes, logAttributesTag, NO_BYTES, 0, 0, true)
      else appendText(shelf.attributes, logAttributesTag, attributes, aFrom, aTo, isChecked(attributes, aFrom, aTo))
      shelf.rows = rows + 1
      count += 1
      openBytes += sizeOf(shelf) - before
    },
    get count() {
      return count
    },
    get byteLength() {
      return closedBytes + openBytes
    },
    take() {
      shelves.splice(SHELVES_KEPT)
      for (const shelf of open.values()) {
        const isWorthIt = sizeOf(shelf) * 8 >= shelf.bodies.bytes.length || shelf.bodies.bytes.length <= SMALL_BYTES
        close(shelf)
        if (isWorthIt && shelves.length < SHELVES_KEPT) shelves.push(shelf)
      }
      const taken = { records, rows: count }
      open = new Map()
      records = []
      count = 0
      closedBytes = 0
      openBytes = 0
      last = null
      return taken
    },
  }
}

/** Rows of one process on their way into a record. */
interface Shelf {
  process: string
  rows: number
  baseTimeMs: number
  offsets: Int32Array
  severities: Uint8Array
  originOf: Uint8Array
  patterns: Uint32Array
  origins: string[]
  /** What its names and origins take. */
  headBytes: number
  readonly bodies: Texts
  readonly attributes: Texts
  lastOrigin: string
  lastOriginIndex: number
}

/** Texts as fields of the wire, one after the other. */
interface Texts {
  bytes: Buffer
  size: number
}

const ROWS_AT_FIRST = 64
const BYTES_AT_FIRST = 4096

function createShelf(): Shelf {
  return {
    process: '',
    rows: 0,
    baseTimeMs: 0,
    offsets: new Int32Array(ROWS_AT_FIRST),
    severities: new Uint8Array(ROWS_AT_FIRST),
    originOf: new Uint8Array(ROWS_AT_FIRST),
    patterns: new Uint32Array(ROWS_AT_FIRST * 2),
    origins: [],
    headBytes: 0,
    bodies: { bytes: Buffer.allocUnsafeSlow(BYTES_AT_FIRST), size: 0 },
    attributes: { bytes: Buffer.allocUnsafeSlow(BYTES_AT_FIRST), size: 0 },
    lastOrigin: '',
    lastOriginIndex: -1,
  }
}

function clear(shelf: Shelf, namesBytes: number): void {
  shelf.rows = 0
  shelf.origins = []
  shelf.headBytes = namesBytes + Buffer.byteLength(shelf.process)
  shelf.bodies.size = 0
  shelf.attributes.size = 0
  shelf.lastOriginIndex = -1
}

const sizeOf = ({ rows, bodies, attributes, headBytes }: Shelf): number =>
  bodies.size + attributes.size + rows * ROW_FIXED_BYTES + headBytes

/** The index of an origin in its batch; -1 when it is not there yet. */
function findOrigin(shelf: Shelf, origin: string): number {
  if (shelf.lastOriginIndex !== -1 && shelf.lastOrigin === origin) return shelf.lastOriginIndex
  const index = shelf.origins.indexOf(origin)
  shelf.lastOrigin = origin
  shelf.lastOriginIndex = index
  return index
}

function addOrigin(shelf: Shelf, origin: string): number {
  shelf.headBytes += Buffer.byteLength(origin) + 6
  shelf.lastOrigin = origin
  shelf.lastOriginIndex = shelf.origins.push(origin) - 1
  return shelf.lastOriginIndex
}

function widen(shelf: Shelf): void {
  const wide = <T extends Int32Array | Uint8Array | Uint32Array>(made: T, old: T): T => {
    made.set(old)
    return made
  }
  const length = shelf.offsets.length * 2
  shelf.offsets = wide(new Int32Array(length), shelf.offsets)
  shelf.severities = wide(new Uint8Array(length), shelf.severities)
  shelf.originOf = wide(new Uint8Array(length), shelf.originOf)
  shelf.patterns = wide(new Uint32Array(length * 2), shelf.patterns)
}

/** Whether a position lies between the bytes of one character of valid UTF-8. */
const isWithin = (bytes: Buffer, at: number, end: number): boolean => at < end && (bytes[at]! & 0xc0) === 0x80

function appendText(texts: Texts, tag: number, body: Buffer, from: number, to: number, isChecked: boolean): void {
  if (!isChecked && !isValid(body, from, to)) {
    const mended = Buffer.from(body.toString('utf8', from, to))
    appendText(texts, tag, mended, 0, mended.length, true)
    return
  }
  const length = to - from
  const needed = texts.size + length + 6
  if (needed > texts.bytes.length) grow(texts, needed)
  const { bytes } = texts
  let at = texts.size
  bytes[at++] = tag
  let rest = length
  while (rest > 127) {
    bytes[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[at++] = rest
  if (length > LOOP_COPY_MAX) body.copy(bytes, at, from, to)
  else for (let index = 0; index < length; index++) bytes[at + index] = body[from + index]!
  texts.size = at + length
}

/** Most lines are plain ASCII and short: a loop tells sooner than a call. */
function isValid(bytes: Buffer, from: number, to: number): boolean {
  const loopTo = to - from > 64 ? from : to
  for (let at = from; at < loopTo; at++) if (bytes[at]! > 127) return isUtf8(bytes.subarray(from, to))
  return loopTo === to || isUtf8(bytes.subarray(from, to))
}

function grow(texts: Texts, needed: number): void {
  const grown = Buffer.allocUnsafeSlow(Math.max(needed, texts.bytes.length * 2))
  texts.bytes.copy(grown, 0, 0, texts.size)
  texts.bytes = grown
}
