import type { DeadLetterCount } from '../../api/source-types.ts'

/** What the list of dead letters is narrowed to; it stands in the address. */
export interface LetterFilter {
  readonly reason: string
  readonly source: string
  readonly service: string
  readonly q: string
}

const keys = ['reason', 'source', 'service', 'q'] as const

/** Out of an address; what is no text is nothing. */
export function filterOfQuery(query: Readonly<Record<string, unknown>>): LetterFilter {
  const text = (key: string) => (typeof query[key] === 'string' ? query[key] : '')
  return { reason: text('reason'), source: text('source'), service: text('service'), q: text('q') }
}

/** As the API takes it: only what is said. */
export function askOf(filter: LetterFilter): Record<string, string> {
  return Object.fromEntries(keys.flatMap((key) => (filter[key] === '' ? [] : [[key, filter[key]]])))
}

/** How many letters a replay of all that are shown would take in again, as the summary of 24 h knows it. */
export function replayableOf(counts: readonly DeadLetterCount[], filter: LetterFilter): number {
  return counts
    .filter(
      (one) =>
        (filter.reason === '' || one.reason === filter.reason) &&
        (filter.source === '' || one.source === filter.source) &&
        (filter.service === '' || one.service === filter.service),
    )
    .reduce((sum, one) => sum + one.replayable, 0)
}

/** Hexadecimal digits as a dump of offset, bytes and printable text, 16 bytes to a line. */
export function hexDump(hex: string): string {
  const bytes = hex.match(/[0-9a-fA-F]{2}/g) ?? []
  if (bytes.length === 0) return '(empty)'
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const chunk = bytes.slice(at, at + 16)
    const text = chunk.map((byte) => {
      const code = Number.parseInt(byte, 16)
      return code >= 32 && code <= 126 ? String.fromCharCode(code) : '·'
    })
    lines.push(`${at.toString(16).padStart(4, '0')}  ${chunk.join(' ').padEnd(48)} ${text.join('')}`)
  }
  return lines.join('\n')
}
