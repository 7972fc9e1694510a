import type { Comparison, RunStatus } from '../api/flow-types.ts'
import type { Format } from '../format.ts'
import { isOverNormal } from './grid.ts'
import { statusWords, stepTimeText } from './words.ts'

type Side = { readonly status: RunStatus; readonly executionTime: number | null } | null

export interface ComparedRow {
  readonly stepNumber: number
  readonly name: string
  readonly a: Side
  readonly b: Side
  readonly differenceMs: number | null
  readonly median: number | null
  /** The way was another, or one took so much longer that it matters. */
  readonly differs: boolean
  readonly words: string
  /** For the colour of the difference: robust standard deviations, or null while it is nothing. */
  readonly off: number | null
}

/** A difference below a quarter of the shorter time, or below 20 ms, is nothing that anybody looks for. */
const matters = (a: number, b: number): boolean => Math.abs(b - a) > Math.max(20, Math.min(a, b) * 0.25)

function ratioWords(a: number, b: number): string {
  const ratio = b / Math.max(a, 0.1)
  if (ratio >= 2) return `the second took ${ratio < 10 ? ratio.toFixed(1) : Math.round(ratio)} times as long`
  if (ratio <= 0.5)
    return `the first took ${1 / ratio < 10 ? (1 / ratio).toFixed(1) : Math.round(1 / ratio)} times as long`
  return ratio > 1
    ? `the second was ${Math.round((ratio - 1) * 100)} % slower`
    : `the second was ${Math.round((1 - ratio) * 100)} % faster`
}

export function comparedRows(comparison: Comparison): ComparedRow[] {
  return comparison.steps.map((step) => {
    const { a, b } = step
    const { normal } = step
    const times =
      a?.executionTime != null && b?.executionTime != null ? ([a.executionTime, b.executionTime] as const) : null
    const otherWay = a?.status !== b?.status
    const otherTime = times !== null && matters(...times)
    const slowest = times ? Math.max(...times) : null
    const isOff = otherTime && (normal?.median == null || isOverNormal(slowest, normal))
    return {
      stepNumber: step.stepNumber,
      name: step.name,
      a,
      b,
      differenceMs: step.differenceMs,
      median: normal?.median ?? null,
      differs: otherWay || otherTime,
      words: otherWay
        ? `${a ? statusWords[a.status] : 'not in the first'}, then ${b ? statusWords[b.status] : 'not in the second'}`
        : otherTime && times
          ? ratioWords(...times)
          : '',
      off: isOff && times ? (times[1] > times[0] ? 3 : -3) : null,
    }
  })
}

/** What makes the difference, in a sentence: the step that went another way, else the one that took longest more. */
export function comparisonFinding(comparison: Comparison, format: Format): string {
  const rows = comparedRows(comparison)
  const otherWay = rows.find((row) => row.a?.status !== row.b?.status)
  if (otherWay) return `They part at step ${otherWay.stepNumber}, ${otherWay.name}: ${otherWay.words}.`
  const most = rows
    .filter((row) => row.differs && row.differenceMs !== null)
    .sort((a, b) => Math.abs(b.differenceMs ?? 0) - Math.abs(a.differenceMs ?? 0))[0]
  if (!most) return 'They went the same way, in about the same time.'
  const slower = (most.differenceMs ?? 0) > 0 ? 'second' : 'first'
  return `The ${slower} spent ${stepTimeText(Math.abs(most.differenceMs ?? 0), format)} more in step ${most.stepNumber}, ${most.name}.`
}
