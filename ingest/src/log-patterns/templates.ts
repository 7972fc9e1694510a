import { createHash } from 'node:crypto'
import { OPEN } from './tokens.ts'

/** Words that many lines have in common. */
export interface Template {
  /** Requests are joined without spaces and never by likeness alone. */
  readonly request: boolean
  readonly words: string[]
  /** Hashes of the words; not used where the word is `<*>`. */
  readonly hashes: number[]
  /** As it was first worded. */
  readonly id: bigint
  readonly firstSeenMs: number
  readonly severity: number
  /** The line that showed it; empty after a restart, until it is worded anew. */
  example: string
  /** Hour of event time in which it was last seen, in hours since the Unix epoch. */
  seenHour: number
  /** Told with its present words. */
  told: boolean
  /** Told at all. */
  toldOnce: boolean
  /** First seen while the source was learnt. */
  readonly learning: boolean
}

export const TEMPLATE_CHARACTERS_MAX = 400

/** A template as text, cut where it gets long. */
export function templateText({ words, request }: Pick<Template, 'words' | 'request'>): string {
  const text = request ? `${words[0]} ${words.slice(1, -1).map(pathPart).join('')} ${words.at(-1)}` : words.join(' ')
  return text.length > TEMPLATE_CHARACTERS_MAX ? `${text.slice(0, TEMPLATE_CHARACTERS_MAX).toWellFormed()}...` : text
}

/** The first 8 bytes of a SHA-256 over tenant, process and template, each preceded by its length; never 0. */
export function patternId(tenant: string, process: string, template: string): bigint {
  const hash = createHash('sha256')
  for (const part of [tenant, process, template]) hash.update(`${Buffer.byteLength(part)}:${part}`)
  return hash.digest().readBigUInt64LE(0) || 1n
}

export const patternHex = (id: bigint): string => id.toString(16).padStart(16, '0')

const pathPart = (word: string): string => (word === OPEN ? `/${OPEN}` : word)
