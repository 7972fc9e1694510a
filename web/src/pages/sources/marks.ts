import type { Mark } from '../../api/source-types.ts'

export interface MarkedText {
  readonly text: string
  readonly marked: boolean
}

/** Cuts a payload at its marks. Marks may overlap, lie out of order or out of the text: what they cover is marked once. */
export function markText(text: string, marks: readonly Mark[]): MarkedText[] {
  const pieces: MarkedText[] = []
  let at = 0
  for (const mark of [...marks].sort((a, b) => a.from - b.from || b.to - a.to)) {
    const from = Math.max(at, Math.min(text.length, mark.from))
    const to = Math.min(text.length, mark.to)
    if (!(to > from)) continue
    if (from > at) pieces.push({ text: text.slice(at, from), marked: false })
    const last = pieces.at(-1)
    if (last?.marked && from === at)
      pieces[pieces.length - 1] = { text: last.text + text.slice(from, to), marked: true }
    else pieces.push({ text: text.slice(from, to), marked: true })
    at = to
  }
  if (at < text.length) pieces.push({ text: text.slice(at), marked: false })
  return pieces
}

/** A long payload is cut after the last mark that fits, at least after `most` characters; the rest is said in numbers. */
export function cutPayload(text: string, most: number): { shown: string; more: number } {
  if (text.length <= most) return { shown: text, more: 0 }
  // A surrogate pair is not cut in two.
  const end = /[\uD800-\uDBFF]/.test(text[most - 1] ?? '') ? most - 1 : most
  return { shown: text.slice(0, end), more: text.length - end }
}
