import type { ReportFormat } from '../report-format.ts'
import type { Block } from './blocks.ts'

/** `15 Nov 2026, 18:40 to 22 Nov 2026, 18:40 · Asia/Kolkata`; whole days without their midnights. */
export function periodText({ from, to }: { from: string; to: string }, format: ReportFormat): string {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)]
  const isMidnight = (timeMs: number): boolean => format.isoDay(timeMs) !== format.isoDay(timeMs - 1)
  if (!isMidnight(fromMs) || !isMidnight(toMs)) {
    return `${format.moment(fromMs)} to ${format.moment(toMs)} · ${format.timeZone}`
  }
  const [first, last] = [format.day(fromMs), format.day(toMs - 1)]
  return `${first === last ? first : `${first} to ${last}`} · ${format.timeZone}`
}

/** Says how many processes a report has no room for. */
export function beyond(leftOut: number, format: ReportFormat): Block[] {
  if (leftOut === 0) return []
  const text = `${format.count(leftOut)} more ${leftOut === 1 ? 'process is' : 'processes are'} left out: choose processes to see them.`
  return [{ kind: 'paragraph', tone: 'warn', text }]
}
