import type { ProcessNode } from './process-table.ts'

/** Words that must all occur; empty when nothing is searched for. */
export function searchTerms(query: string): readonly string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean)
}

/** True when name, pid, user, command, group or container contain every term. */
export function matches(node: ProcessNode, terms: readonly string[]): boolean {
  node.haystack ??=
    `${node.name}\n${node.pid}\n${node.user}\n${node.command}\n${node.group}\n${node.container}`.toLowerCase()
  for (const term of terms) if (!node.haystack.includes(term)) return false
  return true
}
