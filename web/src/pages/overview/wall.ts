import type { ProcessItem, Status } from '../../api/types.ts'
import { kindNames, type ProcessKind } from '../../process-id.ts'
import { rankOf } from './rows.ts'

export interface WallBlock {
  readonly kind: ProcessKind
  readonly name: string
  readonly total: number
  /** How many had no room; said once, where the kind ends. */
  readonly left: number
  readonly items: readonly ProcessItem[]
  /** How many of each status that is worth a word, of all of the kind. */
  readonly bad: readonly { readonly status: Status; readonly count: number }[]
}

const urgency: Record<Status, number> = { critical: 0, warning: 1, silent: 2, learning: 3, ok: 3 }
const needs = (item: ProcessItem): boolean => urgency[item.status] < 3 || rankOf(item) > 0
/** A heading is as high as about this many lines. */
const headingLines = 1

/**
 * Blocks by kind in two columns of about the same height, at most `linesMax` lines in all. What drifts or is silent comes
 * first and is never left out for something calm; then memory decides, which moves slowly enough to keep its place.
 */
export function wallColumns(items: readonly ProcessItem[], linesMax: number): [WallBlock[], WallBlock[]] {
  const sorted = [...items].sort(
    (a, b) =>
      rankOf(b) - rankOf(a) ||
      urgency[a.status] - urgency[b.status] ||
      (b.metrics?.values.memoryBytes ?? 0) - (a.metrics?.values.memoryBytes ?? 0) ||
      a.processId.localeCompare(b.processId),
  )
  // Hosts are few and everything else runs on them: up to half of the lines are theirs.
  const kept = new Set(sorted.filter((item) => item.kind === 'host').slice(0, Math.floor(linesMax / 2)))
  for (const item of sorted) if (kept.size < linesMax && needs(item)) kept.add(item)
  for (const item of sorted) if (kept.size < linesMax) kept.add(item)

  const kinds = (Object.keys(kindNames) as ProcessKind[]).filter((kind) => items.some((item) => item.kind === kind))
  const blocks = kinds.map((kind) => {
    const all = sorted.filter((item) => item.kind === kind)
    const shown = all.filter((item) => kept.has(item))
    const bad = (['critical', 'warning', 'silent'] as const)
      .map((status) => ({ status, count: all.filter((item) => item.status === status).length }))
      .filter(({ count }) => count > 0)
    return { kind, name: kindNames[kind], total: all.length, left: all.length - shown.length, items: shown, bad }
  })
  return split(blocks)
}

/** Halves the lines; the block across the middle goes on at the top of the second column. */
function split(blocks: readonly WallBlock[]): [WallBlock[], WallBlock[]] {
  const height = blocks.reduce((sum, block) => sum + block.items.length + headingLines, 0)
  const first: WallBlock[] = []
  const second: WallBlock[] = []
  let room = Math.ceil((height + headingLines) / 2)
  for (const block of blocks) {
    const fits = Math.max(0, Math.min(block.items.length, room - headingLines))
    const goesOn = fits < block.items.length
    if (fits > 0) first.push({ ...block, items: block.items.slice(0, fits), left: goesOn ? 0 : block.left })
    if (goesOn) second.push({ ...block, items: block.items.slice(fits) })
    room -= fits + headingLines
  }
  return [first, second]
}
