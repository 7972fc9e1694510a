import type { Format } from '../format.ts'

const DAY = 86_400_000
const utcTime = /\b(since|from|at) (?:(\d{4}-\d{2}-\d{2}) )?(\d{2}:\d{2}:\d{2}) UTC\b/g

/**
 * The server's sentences say when in UTC, `since 13:26:08 UTC`; a person reads them beside times of their own zone.
 * Works on the text of a whole answer, as every one passes here. A time without a date is taken as the last one before
 * `nowMs`, which matters only where clocks were changed since.
 */
export function withLocalTimes(text: string, format: Format, nowMs: number): string {
  return text.replace(utcTime, (written, word: string, day: string | undefined, clock: string) => {
    const date = day ?? new Date(nowMs).toISOString().slice(0, 10)
    const meant = Date.parse(`${date}T${clock}Z`)
    if (Number.isNaN(meant)) return written
    if (day !== undefined) return `${word} ${format.full(meant)}`
    return `${word} ${format.clock(meant > nowMs ? meant - DAY : meant)}`
  })
}
