import type { RecordRule } from '@driftline/ingest/definitions/record-rule'
import type { SourceKind } from '@driftline/ingest/definitions/source'
import { createRecordRules } from '@driftline/ingest/record-rules'
import { readDefinition } from '@driftline/ingest/source-definition'
import { RE2JS } from 're2js'
import { ProblemError } from '../http/problems.ts'
import type { Problem } from '../schemas/common.ts'

type FieldError = NonNullable<Problem['errors']>[number]

/** Errors: 400 that says of each field that is wrong what is, and in expressions and patterns at which character. */
export function refuseWrongDefinition(kind: SourceKind, definition: unknown): void {
  const errors = definitionErrors(kind, definition)
  if (errors.length === 0) return
  throw new ProblemError(400, 'bad_request', errors.map(sayOf).join('; '), { errors })
}

const sayOf = ({ parameter, reason }: FieldError): string => `${parameter} ${reason}`

/** What is wrong with a definition: its shape, its expressions, its patterns. */
export function definitionErrors(kind: SourceKind, definition: unknown): FieldError[] {
  const read = readDefinition(kind, definition)
  const positioned =
    read.ok || hasShape(read.problems) ? [...expressionErrors(definition), ...patternErrors(definition)] : []
  const known = new Set(positioned.map(({ parameter }) => parameter))
  const plain = read.ok ? [] : read.problems.filter(({ path }) => !known.has(path))
  return [...plain.map(({ path, message }) => ({ parameter: path, reason: message })), ...positioned]
}

/** Whether only expressions are wrong, so that the definition can be looked into. */
function hasShape(problems: readonly { readonly path: string }[]): boolean {
  return problems.every(({ path }) => path.endsWith('.expression'))
}

interface Shape {
  readonly rules?: readonly RecordRule[]
  readonly reading?: { readonly rules?: readonly RecordRule[]; readonly format?: string; readonly pattern?: string }
  readonly mappings?: readonly { readonly rules?: readonly RecordRule[] }[]
  readonly multiline?: { readonly start?: string }
}

function expressionErrors(definition: unknown): FieldError[] {
  const { rules, reading, mappings } = definition as Shape
  const places: [path: string, rules: readonly RecordRule[]][] = [
    ['definition.rules', rules ?? []],
    ['definition.reading.rules', reading?.rules ?? []],
    ...(mappings ?? []).map((mapping, index): [string, readonly RecordRule[]] => [
      `definition.mappings.${index}.rules`,
      mapping.rules ?? [],
    ]),
  ]
  return places.flatMap(([path, ofPlace]) =>
    createRecordRules(ofPlace).problems.map(({ index, message, offset, length }) => ({
      parameter: `${path}.${index}.expression`,
      reason: `is wrong at character ${offset + 1}: ${message}`,
      offset,
      length,
    })),
  )
}

function patternErrors(definition: unknown): FieldError[] {
  const { reading, multiline } = definition as Shape
  const isMissing = reading?.format === 'pattern' && !reading.pattern
  const missing = { parameter: 'definition.reading.pattern', reason: 'is missing: this format needs one' }
  const wrong = [
    isMissing ? missing : null,
    patternError('definition.reading.pattern', reading?.pattern, true),
    patternError('definition.multiline.start', multiline?.start, false),
  ]
  return wrong.filter((each) => each !== null)
}

/** As the service that reads lines has them. */
const SIZE_MAX = 4000
const GROUPS_MAX = 64

/** Null for a pattern that can be used. */
export function patternError(parameter: string, pattern: string | undefined, needsGroups: boolean): FieldError | null {
  if (pattern === undefined || pattern === '') return null
  try {
    const compiled = RE2JS.compile(pattern)
    const whole = { parameter, offset: 0, length: pattern.length }
    if (compiled.programSize() > SIZE_MAX) return { ...whole, reason: 'repeats too much: use smaller counts in braces' }
    const groups = Object.keys(compiled.namedGroups()).length
    if (groups > GROUPS_MAX) return { ...whole, reason: `has more than ${GROUPS_MAX} named groups` }
    if (!needsGroups || groups > 0) return null
    return { ...whole, reason: 'has no named group, such as (?P<status>[0-9]+): nothing would be read' }
  } catch (error) {
    return { parameter, ...placeOf(error, pattern) }
  }
}

/** The library says which piece it stumbles over; where that stands is found in the pattern. */
function placeOf(error: unknown, pattern: string): { reason: string; offset: number; length: number } {
  const { error: said, input } = error as { error?: unknown; input?: unknown }
  const piece = typeof input === 'string' ? input : ''
  const at = piece === '' ? -1 : pattern.lastIndexOf(piece)
  const offset = Math.max(0, at)
  const what = typeof said === 'string' ? said : 'not a regular expression of RE2'
  const where = at === -1 ? '' : ` at character ${offset + 1}`
  return { reason: `is wrong${where}: ${what}`, offset, length: at === -1 ? pattern.length : piece.length }
}
