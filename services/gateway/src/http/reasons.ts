import type { z } from 'zod'

/**
 * What a validator found, in words that read on from the parameter's name: `limit must be at least 1`. Undefined for
 * what schemas say themselves. Given to every validation of a request, so that no client sees the validator's own words.
 */
export function reasonOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${TYPES[issue.expected] ?? issue.expected}`
    case 'too_small':
      return outOfBounds('at least', issue.minimum, issue.origin)
    case 'too_big':
      return outOfBounds('at most', issue.maximum, issue.origin)
    case 'invalid_value':
      return issue.input === undefined ? 'is missing' : `must be ${issue.values.map(String).join(' or ')}`
    case 'unrecognized_keys':
      return 'is unknown'
    case 'custom':
      return undefined
    default:
      return issue.input === undefined ? 'is missing' : 'is malformed'
  }
}

const TYPES: Record<string, string> = {
  string: 'one text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
}

const UNITS: Record<string, [one: string, more: string]> = {
  string: ['character', 'characters'],
  array: ['item', 'items'],
}

function outOfBounds(bound: 'at least' | 'at most', limit: number | bigint, origin: string): string {
  const units = UNITS[origin]
  if (!units) return `must be ${bound} ${limit}`
  return `must have ${bound} ${limit} ${Number(limit) === 1 ? units[0] : units[1]}`
}
