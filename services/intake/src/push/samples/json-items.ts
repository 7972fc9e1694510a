/** What a splitter tells. Bytes are valid until the call returns. */
export interface ItemListener {
  item(bytes: Uint8Array): void
  /** An item longer than the bound; `start` is how it begins. */
  tooLong(start: Uint8Array): void
}

/** Cuts a stream of bytes into the items of one JSON array, or of lines, without parsing them or keeping more than one. */
export interface Splitter {
  /** Answers what is wrong with the text as a whole; null while nothing is. */
  push(chunk: Uint8Array): string | null
  end(): string | null
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN = 0x5b
const CLOSE = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const LINE_FEED = 0x0a
/** How an item begins that is too long to keep. */
const START_BYTES = 4096

/** Collects the bytes of one item over chunks, up to a bound. */
export interface ItemBuffer {
  add(chunk: Uint8Array, start: number, end: number): void
  /** Tells the item, if it has any bytes, and begins anew. */
  flush(listener: ItemListener): void
  readonly length: number
}

export function createItemBuffer(bytesMax: number): ItemBuffer {
  let parts: Uint8Array[] = []
  let length = 0
  let kept = 0
  return {
    get length() {
      return length
    },
    add(chunk, start, end) {
      if (start === end) return
      length += end - start
      if (length <= bytesMax) {
        parts.push(chunk.subarray(start, end))
        kept = length
      } else if (kept < START_BYTES) {
        parts.push(chunk.subarray(start, Math.min(end, start + START_BYTES)))
        kept += parts.at(-1)!.length
      }
    },
    flush(listener) {
      const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      if (length > bytesMax) listener.tooLong(whole.subarray(0, START_BYTES))
      else if (length > 0) listener.item(whole)
      parts = []
      length = 0
      kept = 0
    },
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Items of a JSON array. What stands between its commas is passed on as it is; whoever parses it judges it. */
export function createArraySplitter(itemBytesMax: number, listener: ItemListener): Splitter {
  const buffer = createItemBuffer(itemBytesMax)
  let place: 'before' | 'inside' | 'after' = 'before'
  let depth = 0
  let inText = false
  let escaped = false
  let blank = true
  let items = 0

  /** Ends an item at a comma or at the end of the array. */
  const endItem = (last: boolean): string | null => {
    if (blank) {
      if (last && items === 0) return null
      return `item ${items} of the array is missing`
    }
    items += 1
    buffer.flush(listener)
    blank = true
    return null
  }

  /** Steps over text and brackets; answers the index of the next byte that ends an item, or the chunk's length. */
  const scanItem = (chunk: Uint8Array, from: number): number => {
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i]!
      if (inText) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) inText = false
        continue
      }
      if (depth === 0 && (byte === COMMA || byte === CLOSE)) return i
      if (blank && !isSpace(byte)) blank = false
      if (byte === QUOTE) inText = true
      else if (byte === OPEN || byte === OPEN_OBJECT) depth += 1
      else if (byte === CLOSE || byte === CLOSE_OBJECT) depth = Math.max(0, depth - 1)
    }
    return chunk.length
  }

  return {
    push(chunk) {
      let at = 0
      while (at < chunk.length) {
        if (place === 'inside') {
          const end = scanItem(chunk, at)
          buffer.add(chunk, at, end)
          if (end === chunk.length) return null
          const wrong = endItem(chunk[end] === CLOSE)
          if (wrong !== null) return wrong
          if (chunk[end] === CLOSE) place = 'after'
          at = end + 1
          continue
        }
        const byte = chunk[at]!
        if (!isSpace(byte)) {
          if (place === 'after') return 'there is more after the end of the array'
          if (byte !== OPEN) return 'the body is not a JSON array'
          place = 'inside'
        }
        at += 1
      }
      return null
    },
    end() {
      if (place === 'after') return null
      return place === 'before' ? 'the body is empty' : 'the body ends within the array'
    },
  }
}

/** Lines, without their ends; empty ones are passed over. */
export function createLineSplitter(lineBytesMax: number, listener: ItemListener): Splitter {
  const buffer = createItemBuffer(lineBytesMax)
  const skipBlank: ItemListener = {
    item(bytes) {
      if (!bytes.every(isSpace)) listener.item(bytes)
    },
    tooLong: listener.tooLong,
  }
  return {
    push(chunk) {
      let start = 0
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
        buffer.add(chunk, start, end)
        buffer.flush(skipBlank)
        start = end + 1
      }
      buffer.add(chunk, start, chunk.length)
      return null
    },
    end() {
      buffer.flush(skipBlank)
      return null
    },
  }
}
