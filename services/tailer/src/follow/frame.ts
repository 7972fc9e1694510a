/** How lines become records. */
export interface Framing {
  /** A longer line is cut, a longer record of many lines is split. Bytes. */
  readonly recordBytesMax: number
  /** Null: each line is a record. Else whether the line in these bytes begins one; its newline is not among them. */
  readonly begins: ((buffer: Buffer, from: number, to: number) => boolean) | null
  readonly recordLinesMax: number
}

/** Records found in a buffer; reused. */
export interface RecordSpans {
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  count: number
  /** Of these records, those that end early because their line is too long: the offsets at which they begin. */
  readonly cut: number[]
}

export type Flush = 'none' | 'lines' | 'all'

export interface FrameOptions {
  /** Whether the buffer begins inside a line of which the rest is to be left out. */
  readonly skipping: boolean
  /**
   * Whether what may go on is taken for complete: with `lines` a record of whole lines, with `all` also what has no
   * newline. A range that was consumed before is framed again with `all`.
   */
  readonly flush: Flush
}

export interface Framed {
  /** Bytes that are done with. */
  readonly consumed: number
  /** Whether what follows them is the rest of a line that was too long. */
  readonly skipping: boolean
}

const NEWLINE = 10
const RETURN = 13

export function createRecordSpans(recordsMax: number): RecordSpans {
  return { starts: new Uint32Array(recordsMax), ends: new Uint32Array(recordsMax), count: 0, cut: [] }
}

/** For stack traces: a line that is indented, or empty, goes on with the record before it. */
export function beginsUnindented(buffer: Buffer, from: number, to: number): boolean {
  return from < to && buffer[from] !== 32 && buffer[from] !== 9
}

/**
 * Finds the records of a buffer, as many as the spans hold. What is not complete stays with the caller, who offers it
 * again with what follows; so the bytes alone decide, and a range that is framed again gives the same records.
 */
export function frameRecords(buffer: Buffer, spans: RecordSpans, framing: Framing, options: FrameOptions): Framed {
  spans.count = 0
  spans.cut.length = 0
  let from = 0
  if (options.skipping) {
    const newline = buffer.indexOf(NEWLINE)
    if (newline === -1) return { consumed: buffer.length, skipping: true }
    from = newline + 1
  }
  return framing.begins === null
    ? frameLines(buffer, from, spans, framing, options.flush)
    : frameGroups(buffer, from, spans, framing, options.flush)
}

function frameLines(buffer: Buffer, first: number, spans: RecordSpans, framing: Framing, flush: Flush): Framed {
  const { starts, ends } = spans
  const max = framing.recordBytesMax
  let from = first
  while (spans.count < starts.length) {
    const rest = from
    // A writer that goes on at its old place in a truncated file leaves NUL bytes before its first line.
    while (buffer[from] === 0) from += 1
    const newline = buffer.indexOf(NEWLINE, from)
    if (newline === -1) return frameRest(buffer, rest, spans, max, flush)
    const end = buffer[newline - 1] === RETURN ? newline - 1 : newline
    if (end - from > max) addCut(spans, from, max)
    else if (end > from) {
      starts[spans.count] = from
      ends[spans.count] = end
      spans.count += 1
    }
    from = newline + 1
  }
  return { consumed: from, skipping: false }
}

/** What is left behind the last newline, when the spans have room for it. */
function frameRest(buffer: Buffer, first: number, spans: RecordSpans, max: number, flush: Flush): Framed {
  let from = first
  while (buffer[from] === 0) from += 1
  // NUL bytes alone may be room that was allocated before it is written to; so many are not.
  if (from === buffer.length && from - first <= max) return { consumed: first, skipping: false }
  // One byte more may be the `\r` of a newline that is not there yet.
  if (buffer.length - from > max + 1) {
    addCut(spans, from, max)
    return { consumed: buffer.length, skipping: true }
  }
  if (flush !== 'all') return { consumed: from, skipping: false }
  if (from < buffer.length) addRecord(spans, buffer, from, buffer.length)
  return { consumed: buffer.length, skipping: false }
}

function frameGroups(buffer: Buffer, first: number, spans: RecordSpans, framing: Framing, flush: Flush): Framed {
  const { recordBytesMax: max, recordLinesMax, begins } = framing
  let from = first
  let recordStart = -1
  let recordEnd = -1
  let lines = 0
  const close = (): void => {
    if (recordStart !== -1) addRecord(spans, buffer, recordStart, recordEnd)
    recordStart = -1
    lines = 0
  }
  while (true) {
    const newline = buffer.indexOf(NEWLINE, from)
    if (newline === -1) break
    let text = from
    while (buffer[text] === 0) text += 1
    const end = buffer[newline - 1] === RETURN && newline > text ? newline - 1 : newline
    const isFull = recordStart !== -1 && (lines >= recordLinesMax || end - recordStart > max)
    if (isFull || begins!(buffer, text, end)) close()
    if (end - text > max) close()
    if (spans.count >= spans.starts.length) return { consumed: from, skipping: false }
    if (end - text > max) addCut(spans, text, max)
    else if (recordStart !== -1 || end > text) {
      if (recordStart === -1) recordStart = text
      recordEnd = end
      lines += 1
    }
    from = newline + 1
  }
  const pending = recordStart === -1 ? from : recordStart
  if (spans.count >= spans.starts.length) return { consumed: pending, skipping: false }
  if (buffer.length - pending > max + 1) {
    // The record is as long as it may be; the line that stands open begins another one.
    close()
    if (spans.count >= spans.starts.length) return { consumed: from, skipping: false }
    return frameRest(buffer, from, spans, max, flush)
  }
  if (flush === 'none') return { consumed: pending, skipping: false }
  if (flush === 'all' && recordStart !== -1) recordEnd = buffer.length
  const isAlone = recordStart === -1
  close()
  return flush === 'all' && isAlone
    ? frameRest(buffer, from, spans, max, flush)
    : { consumed: flush === 'all' ? buffer.length : from, skipping: false }
}

/** Adds a record without the newlines at its end; empty ones are none. */
function addRecord(spans: RecordSpans, buffer: Buffer, from: number, to: number): void {
  let end = to
  while (end > from && (buffer[end - 1] === NEWLINE || buffer[end - 1] === RETURN)) end -= 1
  if (end === from) return
  spans.starts[spans.count] = from
  spans.ends[spans.count] = end
  spans.count += 1
}

function addCut(spans: RecordSpans, from: number, max: number): void {
  spans.cut.push(from)
  spans.starts[spans.count] = from
  spans.ends[spans.count] = from + max
  spans.count += 1
}
