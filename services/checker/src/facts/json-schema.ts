import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema'
import type { Json } from '@driftline/platform/metadata/tables'
import { CheckFailure } from '../check-type.ts'
import { TimeIsOver, type TimeLimit } from './time-limit.ts'

/** Holds documents against JSON Schema (2020-12), without making code of it. */
export interface JsonSchemas {
  /**
   * What the document lacks, as a CheckFailure `schema_mismatch`; null when it follows the schema. Errors: CheckFailure
   * `config_invalid` for a schema that cannot be used, `answer_too_large` when it takes too long.
   */
  check(schema: Readonly<Record<string, unknown>>, document: Json): CheckFailure | null
}

const MESSAGES_MAX = 3
/** Says only that something further in is wrong. */
const WRAPPERS = new Set(['properties', 'items', 'prefixItems', '$ref', 'allOf', 'additionalProperties', 'if'])

export function createJsonSchemas({ limit }: { readonly limit: TimeLimit }): JsonSchemas {
  return {
    check(schema, document) {
      let errors: readonly OutputUnit[]
      try {
        errors = limit(() => {
          const { valid, errors: found } = new Validator(schema as Schema, '2020-12', false).validate(document)
          return valid ? [] : found
        })
      } catch (error) {
        throw schemaFailure(error)
      }
      if (errors.length === 0) return null
      return new CheckFailure('schema_mismatch', `The answer does not follow the schema: ${inWords(errors)}`, {
        hint: 'See what the service changed in its answer, or change the schema of the step',
      })
    },
  }
}

/** `/items/0/id: Instance type "string" is invalid. Expected "number".` Values of the answer are not among it. */
function inWords(errors: readonly OutputUnit[]): string {
  const inner = errors.filter(({ keyword }) => !WRAPPERS.has(keyword))
  const told = (inner.length > 0 ? inner : errors).slice(0, MESSAGES_MAX)
  const words = told.map(({ instanceLocation, keyword, error }) => {
    const place = instanceLocation === '#' ? 'the whole' : instanceLocation.replace(/^#/, '')
    return `${place}: ${keyword === 'pattern' || keyword === 'const' || keyword === 'enum' ? `not as ${keyword} says` : error.replace(/\.$/, '')}`
  })
  const left = inner.length - told.length
  return left > 0 ? `${words.join('; ')}; and ${left} more` : words.join('; ')
}

function schemaFailure(error: unknown): CheckFailure {
  if (error instanceof TimeIsOver || error instanceof RangeError) {
    return new CheckFailure('answer_too_large', 'Holding the answer against the schema takes too long', {
      hint: 'Use a simpler schema: patterns with nested repetition and references in circles take long',
      retry: 'never',
      cause: error,
    })
  }
  return new CheckFailure(
    'config_invalid',
    `The schema cannot be used: ${error instanceof Error ? error.message : error}`,
    {
      hint: 'Write it as JSON Schema 2020-12 with references inside the document only',
      retry: 'never',
      cause: error,
    },
  )
}
