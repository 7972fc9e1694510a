import type { Json } from '@driftline/platform/metadata/tables'

export const RESULT_BYTES_MAX = 16_384
export const LINE_CHARACTERS_MAX = 2000
export const MESSAGE_CHARACTERS_MAX = 2000
export const VALUE_CHARACTERS_MAX = 2000
export const LINES_MAX = 500
export const BODY_BYTES_MAX = 16_384
export const SCREENSHOT_BYTES_MAX = 524_288

/** A result as JSON that fits: long texts and lists are cut, more and more, and `cut` says so. */
export function boundResult(result: { readonly [name: string]: Json }): string {
  const whole = JSON.stringify(result)
  if (Buffer.byteLength(whole) <= RESULT_BYTES_MAX) return whole
  for (const [characters, items] of [
    [4000, 200],
    [1000, 50],
    [200, 20],
    [50, 5],
  ] as const) {
    const cut = JSON.stringify({ ...(shorten(result, characters, items) as object), cut: true })
    if (Buffer.byteLength(cut) <= RESULT_BYTES_MAX) return cut
  }
  return JSON.stringify({
    cut: true,
    fields: Object.keys(result)
      .slice(0, 50)
      .map((name) => name.slice(0, 100)),
  })
}

function shorten(value: Json | undefined, characters: number, items: number): Json | undefined {
  if (typeof value === 'string') return cutText(value, characters)
  if (Array.isArray(value)) return value.slice(0, items).map((each: Json) => shorten(each, characters, items) ?? null)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).slice(0, items)
  return Object.fromEntries(entries.map(([key, each]) => [cutText(key, 100), shorten(each, characters, items)]))
}

/** At most so many characters, three of which say that there was more; half a character is never left. */
export function cutText(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  return `${text.slice(0, charactersMax - 3).replace(/[\ud800-\udbff]$/, '')}...`
}

/** One line: control characters become spaces. */
export function boundLine(text: string): string {
  return cutText(
    text
      .slice(0, LINE_CHARACTERS_MAX * 2)
      .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
      .toWellFormed(),
    LINE_CHARACTERS_MAX,
  )
}

/** A message without what no text may hold. */
export function boundMessage(text: string): string {
  return cutText(
    text
      .slice(0, MESSAGE_CHARACTERS_MAX * 2)
      .replace(/\p{Cc}+/gu, ' ')
      .toWellFormed(),
    MESSAGE_CHARACTERS_MAX,
  )
}

/** UTF-8 of a text, cut so that no character is broken. */
export function boundBytes(text: string, bytesMax: number): Uint8Array {
  const bytes = Buffer.from(text.slice(0, bytesMax), 'utf8')
  if (bytes.length <= bytesMax) return bytes
  let end = bytesMax
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1
  return bytes.subarray(0, end)
}
