import type { TopicTemplate } from './topic-template.ts'

/** Which template a topic matches, and what its placeholders stand for, in the template's order. */
export interface TopicMatch {
  readonly index: number
  readonly values: readonly string[]
}

interface Branch {
  readonly literals: Map<string, Branch>
  one: Branch | null
  /** The template that ends here, and the one whose rest begins here; -1 for none. */
  here: number
  rest: number
}

const createBranch = (): Branch => ({ literals: new Map(), one: null, here: -1, rest: -1 })

/**
 * Finds the template of a topic. Of several that match, the more specific wins: at the first level where they differ a
 * literal goes before a placeholder, and that before a rest. Of two with the same shape the first wins. A search visits
 * each branch at most once, so that no topic is slower than the number of templates.
 */
export function createTopicMatcher(templates: readonly TopicTemplate[]): (topic: string) => TopicMatch | null {
  const root = createBranch()
  for (const [index, template] of templates.entries()) insert(root, template, index)

  return (topic) => {
    const levels = topic.split('/')
    // What starts with $ is the broker's own, and no wildcard in the first place matches it (MQTT 5.0, 4.7.2).
    const index = find(root, levels, 0, topic.startsWith('$'))
    return index < 0 ? null : { index, values: valuesOf(templates[index]!, levels) }
  }
}

function insert(root: Branch, template: TopicTemplate, index: number): void {
  let branch = root
  for (const level of template.levels) {
    if (level.kind === 'rest') {
      if (branch.rest < 0) branch.rest = index
      return
    }
    branch = level.kind === 'literal' ? literalBranch(branch, level.text) : oneBranch(branch)
  }
  if (branch.here < 0) branch.here = index
}

function literalBranch(branch: Branch, text: string): Branch {
  const known = branch.literals.get(text)
  if (known) return known
  const made = createBranch()
  branch.literals.set(text, made)
  return made
}

function oneBranch(branch: Branch): Branch {
  branch.one ??= createBranch()
  return branch.one
}

function find(branch: Branch, levels: readonly string[], depth: number, ofBroker: boolean): number {
  // A rest matches its parent level too: `plant/#` takes `plant` (MQTT 5.0, 4.7.1.2).
  if (depth === levels.length) return branch.here >= 0 ? branch.here : branch.rest
  const literal = branch.literals.get(levels[depth]!)
  if (literal) {
    const index = find(literal, levels, depth + 1, ofBroker)
    if (index >= 0) return index
  }
  if (ofBroker && depth === 0) return -1
  if (branch.one) {
    const index = find(branch.one, levels, depth + 1, ofBroker)
    if (index >= 0) return index
  }
  return branch.rest
}

function valuesOf(template: TopicTemplate, levels: readonly string[]): string[] {
  const values: string[] = []
  for (const [at, level] of template.levels.entries()) {
    if (level.kind === 'literal' || level.name === null) continue
    values.push(level.kind === 'one' ? levels[at]! : levels.slice(at).join('/'))
  }
  return values
}
