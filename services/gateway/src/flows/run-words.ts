import type { RunEvent } from '@driftline/proto'
import { type Binder, readTerms, type SearchTerm, tokensOf } from '../queries/log-search.ts'

/** Reads what somebody looks for among runs: `word "a phrase" -word inside*`, all in lower case. Errors: 400. */
export function readRunTerms(text: string | undefined): SearchTerm[] {
  return readTerms((text ?? '').toLowerCase())
}

/** What a search looks at, as the store makes it (0011_runs.sql): a line each, in lower case. */
export function wordsOf(event: RunEvent): string {
  const steps = event.steps.flatMap(({ name, errorMessage, reason, target }) => [name, errorMessage, reason, target])
  const values = event.steps.flatMap((step) => step.values.filter(({ secret }) => !secret).map(({ value }) => value))
  return [event.message, event.flowName, event.initiatedByName, event.correlation, ...steps, ...values]
    .filter((text) => text !== '')
    .join('\n')
    .toLowerCase()
}

const isOneWord = (tokens: readonly string[], text: string): boolean => tokens.length === 1 && tokens[0] === text

/** The same on the table `runs`: the index has the words, and what is more than one of them is looked for itself. */
export function termConditions(terms: readonly SearchTerm[], bind: Binder): string[] {
  return terms.map(({ text, not, open }) => {
    const tokens = open ? [] : tokensOf(text)
    const parts = [
      ...(tokens.length > 0 ? [`hasAllTokens(words, ${bind(tokens, 'Array(String)')})`] : []),
      ...(isOneWord(tokens, text) ? [] : [`position(words, ${bind(text, 'String')}) > 0`]),
    ]
    const all = parts.join(' AND ')
    return not ? `NOT (${all})` : `(${all})`
  })
}

/** Whether words that `wordsOf` made hold what is looked for. */
export function hasTerms(words: string, terms: readonly SearchTerm[]): boolean {
  if (terms.length === 0) return true
  const known = new Set(tokensOf(words))
  return terms.every(({ text, not, open }) => {
    const tokens = open ? [] : tokensOf(text)
    const found = tokens.every((token) => known.has(token)) && (isOneWord(tokens, text) || words.includes(text))
    return found !== not
  })
}
