import type { TreeRow } from './rows.ts'

/** What a key asks for; the page carries it out. */
export type TreeAction =
  | { readonly kind: 'move'; readonly index: number }
  | { readonly kind: 'toggle'; readonly index: number; readonly expand: boolean }
  | { readonly kind: 'toggle-siblings'; readonly index: number; readonly expand: boolean }
  | { readonly kind: 'open'; readonly index: number }
  | null

/** Index of the row one level up, or -1 for a root. */
export function parentIndex(rows: readonly TreeRow[], index: number): number {
  const depth = rows[index]?.depth ?? 0
  for (let i = index - 1; i >= 0; i--) if ((rows[i]?.depth ?? 0) < depth) return i
  return -1
}

/**
 * The keys of a treegrid as WAI-ARIA's authoring practices give them: right unfolds, then goes in; left
 * folds, then goes out; `*` unfolds every sibling.
 */
export function actionFor(key: string, rows: readonly TreeRow[], index: number, pageRows: number): TreeAction {
  const row = rows[index]
  const last = rows.length - 1
  if (last < 0) return null
  const to = (target: number): TreeAction => ({ kind: 'move', index: Math.max(0, Math.min(last, target)) })
  if (!row)
    return ['ArrowDown', 'ArrowUp', 'Home', 'End', 'PageDown', 'PageUp'].includes(key)
      ? to(key === 'End' ? last : 0)
      : null
  switch (key) {
    case 'ArrowDown':
      return to(index + 1)
    case 'ArrowUp':
      return to(index - 1)
    case 'PageDown':
      return to(index + pageRows)
    case 'PageUp':
      return to(index - pageRows)
    case 'Home':
      return to(0)
    case 'End':
      return to(last)
    case 'ArrowRight':
      if (!row.expandable) return null
      return row.expanded ? to(index + 1) : { kind: 'toggle', index, expand: true }
    case 'ArrowLeft': {
      if (row.expandable && row.expanded) return { kind: 'toggle', index, expand: false }
      const parent = parentIndex(rows, index)
      return parent >= 0 ? to(parent) : null
    }
    case '*':
      return { kind: 'toggle-siblings', index, expand: true }
    case 'Enter':
      return { kind: 'open', index }
    default:
      return null
  }
}
