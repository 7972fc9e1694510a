import type { PatternCount, StoredPattern } from '../queries/log-patterns.ts'
import { levelOf } from '../queries/log-search.ts'
import { patternName } from './log-line.ts'

/** Parts of a range that lines are counted in. */
export const PATTERN_PARTS = 30

interface Counted {
  count: number
  before: number
  lastMs: number | null
  readonly counts: number[]
}

const keyOf = (each: { readonly process: string; readonly id: string }): string => `${each.id} ${each.process}`

/** Templates with how often they occur, new ones first, then the most frequent; what occurs nowhere is left out. */
export function patternItems(
  stored: readonly StoredPattern[],
  counted: readonly PatternCount[],
  range: { readonly fromMs: number; readonly toMs: number },
) {
  const sums = new Map<string, Counted>()
  let total = 0
  for (const row of counted) {
    const sum = sums.get(keyOf(row)) ?? { count: 0, before: 0, lastMs: null, counts: Array(PATTERN_PARTS).fill(0) }
    sums.set(keyOf(row), sum)
    if (row.part < 0) {
      sum.before += row.count
      continue
    }
    const part = Math.min(PATTERN_PARTS - 1, row.part)
    sum.counts[part] = (sum.counts[part] ?? 0) + row.count
    sum.count += row.count
    sum.lastMs = Math.max(sum.lastMs ?? 0, row.lastMs)
    total += row.count
  }
  const items = stored.flatMap((pattern) => {
    const sum = sums.get(keyOf(pattern))
    return sum ? [toItem(pattern, sum, { ...range, total })] : []
  })
  items.sort((a, b) => Number(b.isNew) - Number(a.isNew) || b.count - a.count || (a.id < b.id ? -1 : 1))
  return { total, items }
}

function toItem(
  pattern: StoredPattern,
  sum: Counted,
  range: { readonly fromMs: number; readonly toMs: number; readonly total: number },
) {
  const { process, template, example, severity, firstMs, learning } = pattern
  const isNew = !learning && firstMs >= range.fromMs && firstMs < range.toMs
  return {
    id: patternName(pattern.id) ?? '0'.repeat(16),
    processId: process,
    template,
    example,
    severity,
    level: levelOf(severity),
    firstSeen: new Date(firstMs).toISOString(),
    lastSeen: sum.lastMs === null ? null : new Date(sum.lastMs).toISOString(),
    isNew,
    count: sum.count,
    before: sum.before,
    trend: trendOf(sum, isNew),
    share: range.total === 0 ? 0 : sum.count / range.total,
    counts: sum.counts,
  }
}

/** Twice as many is a change, unless both are so few that chance makes them. */
const CHANCE = 10

export function trendOf(
  { count, before }: { readonly count: number; readonly before: number },
  isNew: boolean,
): 'new' | 'rising' | 'steady' | 'falling' | 'gone' {
  if (isNew) return 'new'
  if (count === 0) return 'gone'
  if (count > 2 * before + CHANCE) return 'rising'
  return before > 2 * count + CHANCE ? 'falling' : 'steady'
}
