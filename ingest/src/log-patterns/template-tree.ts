import type { Template } from './templates.ts'
import { OPEN, type Tokens } from './tokens.ts'

/**
 * Finds the template that an unknown line is most like. Two steps down, by number of words and by first word, then the
 * few templates there are compared word by word.
 */
export interface TemplateTree {
  /**
   * The template that the line joins, or null. Words in which the two differ are left open in it; templates that became
   * the same by that are in `absorbed`. A line of an error joins no template of lines that are none by mere likeness.
   */
  join(tokens: Tokens, request: boolean, severity: number): Template | null
  readonly absorbed: readonly Template[]
  add(template: Template): void
  remove(template: Template): void
}

/** Share of the words, those left open aside, that must be the same: one in seven may differ. */
const LIKENESS_MIN = 0.85
/** So many templates that differ in one word alone become one. */
const VARIANTS_OF_MESSAGES = 6
const VARIANTS_OF_REQUESTS = 20
/** OpenTelemetry severity number from which a line is no longer like one below it. */
const FAILED_SEVERITY = 17
/** Templates that are compared at one place of the tree. */
const COMPARED_MAX = 500

export function createTemplateTree(): TemplateTree {
  const leaves = new Map<string, Template[]>()
  let absorbed: Template[] = []

  const keyOf = (request: boolean, count: number, wild: boolean, hash: number): string =>
    `${request ? 'r' : 'm'}${count}/${wild ? OPEN : hash}`
  const keyOfTemplate = ({ request, words, hashes }: Template): string =>
    keyOf(request, words.length, words[0] === OPEN, hashes[0] ?? 0)

  const open = (template: Template, tokens: Tokens): void => {
    let changed = false
    for (let i = 0; i < tokens.count; i++) {
      if (template.words[i] === OPEN || (tokens.wild[i] === 0 && template.hashes[i] === tokens.hash[i])) continue
      template.words[i] = OPEN
      changed = true
    }
    if (changed) template.told = false
  }

  /** Leaves the word at `place` open in the oldest of the templates that differ in it alone, and drops the others. */
  const foldVariants = (leaf: Template[], tokens: Tokens, place: number): Template | null => {
    const variants = leaf.filter((template) => differsAt(template, tokens) === place)
    const [first, ...others] = variants
    if (first === undefined) return null
    open(first, tokens)
    absorbed = others
    for (const template of others) leaf.splice(leaf.indexOf(template), 1)
    return first
  }

  return {
    get absorbed() {
      return absorbed
    },
    join(tokens, request, severity) {
      absorbed = []
      const leaf = leaves.get(keyOf(request, tokens.count, tokens.wild[0] === 1, tokens.hash[0] ?? 0))
      if (leaf === undefined) return null
      let best: Template | null = null
      let bestLikeness = 0
      const variants = new Map<number, number>()
      for (let i = 0; i < leaf.length && i < COMPARED_MAX; i++) {
        const likeness = likenessOf(leaf[i]!, tokens)
        if (likeness === 1) return leaf[i]!
        if (likeness > bestLikeness && leaf[i]!.severity >= FAILED_SEVERITY === severity >= FAILED_SEVERITY) {
          best = leaf[i]!
          bestLikeness = likeness
        }
        const place = differsAt(leaf[i]!, tokens)
        if (place >= 0) variants.set(place, (variants.get(place) ?? 0) + 1)
      }
      if (!request && best !== null && bestLikeness >= LIKENESS_MIN) {
        open(best, tokens)
        return best
      }
      const enough = request ? VARIANTS_OF_REQUESTS : VARIANTS_OF_MESSAGES
      for (const [place, count] of variants) {
        // The status of a request is never left open: a 500 is not a 200.
        if (count >= enough && !(request && place === tokens.count - 1)) return foldVariants(leaf, tokens, place)
      }
      return null
    },
    add(template) {
      const key = keyOfTemplate(template)
      const leaf = leaves.get(key)
      if (leaf === undefined) leaves.set(key, [template])
      else leaf.push(template)
    },
    remove(template) {
      const key = keyOfTemplate(template)
      const leaf = leaves.get(key)
      const at = leaf?.indexOf(template) ?? -1
      if (leaf === undefined || at < 0) return
      leaf.splice(at, 1)
      if (leaf.length === 0) leaves.delete(key)
    },
  }
}

/** Share of the words that the template holds fast in which a line is the same; 1 when it holds none. */
function likenessOf(template: Template, tokens: Tokens): number {
  let same = 0
  let compared = 0
  for (let i = 0; i < tokens.count; i++) {
    if (template.words[i] === OPEN) continue
    compared += 1
    if (tokens.wild[i] === 0 && template.hashes[i] === tokens.hash[i]) same += 1
  }
  return compared === 0 ? 1 : same / compared
}

/** The only place at which a line's word is not the template's; -1 when there is none, or more than one. */
function differsAt(template: Template, tokens: Tokens): number {
  let place = -1
  for (let i = 0; i < tokens.count; i++) {
    if (template.words[i] === OPEN) continue
    if (tokens.wild[i] === 0 && template.hashes[i] === tokens.hash[i]) continue
    if (place >= 0) return -1
    place = i
  }
  return place
}
