import { RE2JS } from 're2js'
import { CheckFailure } from '../check-type.ts'

/** Instructions of a compiled pattern: its time per character grows with them and with nothing else. */
const SIZE_MAX = 1000
/** Only so much of a text is searched, so that one step cannot hold the others up. */
export const SEARCHED_CHARACTERS_MAX = 262_144

export interface Pattern {
  /** The first group of the first match, or the whole match of a pattern without groups; null without one. */
  find(text: string): string | null
}

/** Compiles RE2. Errors: CheckFailure `config_invalid`. */
export function compilePattern(text: string): Pattern {
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(text)
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw new CheckFailure('config_invalid', `${text.slice(0, 100)} is not an RE2 pattern: ${detail}`, {
      retry: 'never',
    })
  }
  if (compiled.programSize() > SIZE_MAX) {
    const message = `The pattern ${text.slice(0, 100)} repeats too much: use smaller counts in braces`
    throw new CheckFailure('config_invalid', message, { retry: 'never' })
  }
  return {
    find(searched) {
      const matcher = compiled.matcher(searched.slice(0, SEARCHED_CHARACTERS_MAX))
      if (!matcher.find()) return null
      return (compiled.groupCount() > 0 ? matcher.group(1) : matcher.group()) ?? ''
    },
  }
}
