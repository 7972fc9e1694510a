import type { Extraction } from '@driftline/checks/types/parts'
import type { Json } from '@driftline/platform/metadata/tables'
import { type CheckAnswer, CheckFailure } from '../check-type.ts'
import { compilePattern } from './patterns.ts'
import { nameOf, textOf } from './words.ts'

/** A value that a step took from its answer, for those after it. */
export interface Extracted {
  readonly name: string
  /** As it was found, or the text that its pattern took of it. */
  readonly value: Json
  readonly secret: boolean
}

/** Longer ones are bodies and no values. */
const CHARACTERS_MAX = 65_536

/**
 * Takes the values out of an answer. Secret ones are declared before anything else happens with them. Errors:
 * CheckFailure `value_missing`, `answer_too_large`, and those of facts that cannot be read.
 */
export async function extract(
  answer: CheckAnswer,
  wanted: Readonly<Record<string, Extraction>>,
  secret: (text: string) => void,
): Promise<Extracted[]> {
  const values: Extracted[] = []
  for (const [name, extraction] of Object.entries(wanted)) {
    const found = await answer.fact(extraction.of, extraction.path)
    const value = found === undefined || found === null ? null : taken(extraction, found)
    if (value === null) {
      if (!extraction.required) continue
      throw new CheckFailure('value_missing', missing(name, extraction, found))
    }
    const text = textOf(value)
    if (extraction.secret) secret(text)
    if (text.length > CHARACTERS_MAX) {
      const message = `${name} has ${text.length} characters, more than the ${CHARACTERS_MAX} that a value may have`
      throw new CheckFailure('answer_too_large', message, { hint: 'Take less of it with a path or a pattern' })
    }
    values.push({ name, value, secret: extraction.secret })
  }
  return values
}

function taken({ pattern }: Extraction, found: Json): Json | null {
  return pattern === undefined ? found : compilePattern(pattern).find(textOf(found))
}

function missing(name: string, extraction: Extraction, found: Json | undefined): string {
  const subject = nameOf(extraction)
  if (found === undefined || found === null) return `${subject} was missing, so ${name} could not be taken from it`
  return `${subject} does not match ${extraction.pattern}, so ${name} could not be taken from it`
}
