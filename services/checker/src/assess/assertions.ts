import type { Assertion } from '@driftline/checks/types/parts'
import type { Json } from '@driftline/platform/metadata/tables'
import { type CheckAnswer, CheckFailure } from '../check-type.ts'
import { compilePattern } from './patterns.ts'
import { isQuotable, nameOf, numberOf, shown, textOf } from './words.ts'

const MESSAGES_MAX = 3
/** Facts that are themselves whether something is there. */
const presences: readonly string[] = ['exists', 'visible']

/**
 * What the answer is wrong about: first what is wrong by itself and that no assertion is about, then assertions that do
 * not hold, up to three in one message. Null when all is well. Errors: CheckFailure of facts that cannot be read.
 */
export async function judge(answer: CheckAnswer, assertions: readonly Assertion[]): Promise<CheckFailure | null> {
  const fault = answer.faults?.find(({ of }) => !assertions.some((each) => each.of === of))
  if (fault !== undefined) return fault.failure
  const messages: string[] = []
  for (const each of assertions) {
    const message = judgeFact(each, await answer.fact(each.of, each.path))
    if (message !== null) messages.push(message)
  }
  if (messages.length === 0) return null
  const left = messages.length - MESSAGES_MAX
  const said = messages.slice(0, MESSAGES_MAX).join('; ')
  return new CheckFailure('assertion_failed', left > 0 ? `${said}; and ${left} more` : said)
}

/** Why a fact is not as expected: `status was 503, expected 200`. Null when it is. */
export function judgeFact(assertion: Assertion, found: Json | undefined): string | null {
  const { of, is, value } = assertion
  const name = nameOf(assertion)
  const isThere = found !== undefined && found !== null && !(found === false && presences.includes(of))
  if (is === 'exists') return isThere ? null : `${name} was missing`
  if (is === 'missing') return isThere ? `${name} was there, expected it not to be` : null
  if (found === undefined) return isNegative(is) ? null : `${name} was missing, expected ${expectation(assertion)}`
  if (holds(assertion, found)) return null
  const quoted = isQuotable(assertion) ? shown(found) : notQuoted(found)
  const number = ordered[is] !== undefined && numberOf(found) === null ? 'a number ' : ''
  if (ordered[is] !== undefined && numberOf(value as Json) === null) {
    return `${name} was compared with ${shown(value as Json)}, which is no number`
  }
  return `${name} was ${quoted}, expected ${number}${expectation(assertion)}`
}

const isNegative = (is: Assertion['is']): boolean => ['not_equals', 'not_contains', 'not_matches'].includes(is)

const notQuoted = (found: Json): string => `another text of ${textOf(found).length} characters`

const ordered: Partial<Record<Assertion['is'], (found: number, limit: number) => boolean>> = {
  less_than: (found, limit) => found < limit,
  at_most: (found, limit) => found <= limit,
  more_than: (found, limit) => found > limit,
  at_least: (found, limit) => found >= limit,
}

function holds({ is, value }: Assertion, found: Json): boolean {
  const wanted = value as Json
  const order = ordered[is]
  if (order !== undefined) {
    const [number, limit] = [numberOf(found), numberOf(wanted)]
    return number !== null && limit !== null && order(number, limit)
  }
  if (is === 'equals') return isEqual(found, wanted)
  if (is === 'not_equals') return !isEqual(found, wanted)
  if (is === 'contains') return contains(found, wanted)
  if (is === 'not_contains') return !contains(found, wanted)
  if (is === 'matches') return compilePattern(textOf(wanted)).find(textOf(found)) !== null
  if (is === 'not_matches') return compilePattern(textOf(wanted)).find(textOf(found)) === null
  return is === 'one_of' && Array.isArray(wanted) && wanted.some((each: Json) => isEqual(found, each))
}

/** Numbers as numbers, texts that are numbers too; digits beyond what a number holds as they are written. */
function isEqual(found: Json, wanted: Json): boolean {
  if (found === null || wanted === null) return found === wanted
  if (textOf(found) === textOf(wanted)) return true
  const [a, b] = [numberOf(found), numberOf(wanted)]
  if (a === null || b === null || a !== b) return false
  return Number.isSafeInteger(a) || !Number.isInteger(a) || typeof found !== typeof wanted
}

function contains(found: Json, wanted: Json): boolean {
  if (Array.isArray(found)) return found.some((each: Json) => isEqual(each, wanted))
  return textOf(found).includes(textOf(wanted))
}

const before: Record<Assertion['is'], string> = {
  equals: '',
  not_equals: 'anything but ',
  less_than: 'less than ',
  at_most: 'at most ',
  more_than: 'more than ',
  at_least: 'at least ',
  contains: 'it to contain ',
  not_contains: 'it not to contain ',
  matches: 'it to match ',
  not_matches: 'it not to match ',
  exists: 'it to be there',
  missing: 'it not to be there',
  one_of: 'one of ',
}

function expectation({ is, value }: Assertion): string {
  if (Array.isArray(value)) return `${before[is]}${value.slice(0, 10).map(shown).join(', ')}`
  return `${before[is]}${shown(value as Json | undefined)}`
}
