import { isUtf8 } from 'node:buffer'
import { createItemBuffer, type ItemListener, type Splitter } from './json-items.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const LINE_FEED = 0x0a

/** Records of CSV (RFC 4180) as bytes: a line end within quotes belongs to its field. Empty lines are passed over. */
export function createCsvSplitter(recordBytesMax: number, listener: ItemListener): Splitter {
  const buffer = createItemBuffer(recordBytesMax)
  const skipBlank: ItemListener = {
    item(bytes) {
      if (!(bytes.length === 1 && bytes[0] === 0x0d)) listener.item(bytes)
    },
    tooLong: listener.tooLong,
  }
  // A quote opens a field only where the field begins, or as the second of two that stand for one.
  let place: 'field start' | 'plain' | 'quoted' | 'after quotes' = 'field start'
  return {
    push(chunk) {
      let start = 0
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i]!
        if (place === 'quoted') {
          if (byte === QUOTE) place = 'after quotes'
        } else if (byte === QUOTE) {
          if (place !== 'plain') place = 'quoted'
        } else if (byte === LINE_FEED) {
          buffer.add(chunk, start, i)
          buffer.flush(skipBlank)
          start = i + 1
          place = 'field start'
        } else place = byte === COMMA ? 'field start' : 'plain'
      }
      buffer.add(chunk, start, chunk.length)
      return null
    },
    end() {
      if (place === 'quoted') return 'the body ends within quotes'
      buffer.flush(skipBlank)
      return null
    },
  }
}

/** Fields of one record; null when quotes are not where they may be, or the bytes are not UTF-8. */
export function readCsvRecord(bytes: Uint8Array): string[] | null {
  if (!isUtf8(bytes)) return null
  let text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
  if (text.endsWith('\r')) text = text.slice(0, -1)
  if (!text.includes('"')) return text.split(',')
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (text[at] === '"') {
      const end = closingQuote(text, at + 1)
      if (end === -1) return null
      fields.push(text.slice(at + 1, end).replaceAll('""', '"'))
      at = end + 1
      if (at < text.length && text[at] !== ',') return null
    } else {
      const comma = text.indexOf(',', at)
      const field = text.slice(at, comma === -1 ? text.length : comma)
      if (field.includes('"')) return null
      fields.push(field)
      at += field.length
    }
    if (at >= text.length) return fields
    at += 1
  }
}

/** A quote within quotes is written twice. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at
  }
  return -1
}
