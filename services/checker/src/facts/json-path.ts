import type { Json } from '@driftline/platform/metadata/tables'
import { FunctionExpressionType, JSONPathEnvironment, JSONPathError, type JSONValue } from 'json-p3'
import { compilePattern, type Pattern } from '../assess/patterns.ts'
import { CheckFailure } from '../check-type.ts'
import { TimeIsOver, type TimeLimit } from './time-limit.ts'

/** Takes values out of a document by RFC 9535. */
export interface JsonPaths {
  /**
   * `undefined` without a match, the value of a single match, a list of several. The `$` in front may be left out:
   * `data.id`. Errors: CheckFailure `config_invalid` for a path that cannot be read, `answer_too_large` for one that
   * takes too long on this document.
   */
  find(path: string, document: Json): Json | undefined
}

const MATCHES_MAX = 10_000
const DEPTH_MAX = 500
const PATTERNS_MAX = 100

export function createJsonPaths({ limit }: { readonly limit: TimeLimit }): JsonPaths {
  const environment = new JSONPathEnvironment({ maxRecursionDepth: DEPTH_MAX })
  const patterns = new Map<string, Pattern>()
  const patternOf = (text: string): Pattern => {
    const known = patterns.get(text) ?? compilePattern(text)
    patterns.set(text, known)
    if (patterns.size > PATTERNS_MAX) patterns.clear()
    return known
  }
  // The library's own `match` and `search` use expressions that can take exponential time.
  const matcher = (whole: boolean) => ({
    argTypes: [FunctionExpressionType.ValueType, FunctionExpressionType.ValueType],
    returnType: FunctionExpressionType.LogicalType,
    call: (text: unknown, pattern: unknown) =>
      typeof text === 'string' &&
      typeof pattern === 'string' &&
      patternOf(whole ? `^(?:${pattern})$` : `(?:${pattern})`).find(text) !== null,
  })
  environment.functionRegister.set('match', matcher(true))
  environment.functionRegister.set('search', matcher(false))

  return {
    find(path, document) {
      if (isPlain(path)) return memberAt(path, document)
      const found: Json[] = []
      try {
        const query = environment.compile(rooted(path))
        limit(() => {
          for (const { value } of query.lazyQuery(document as JSONValue)) {
            found.push(value as Json)
            if (found.length > MATCHES_MAX) break
          }
        })
      } catch (error) {
        throw pathFailure(path, error)
      }
      if (found.length > MATCHES_MAX) throw tooMuch(path, `has more than ${MATCHES_MAX} matches`)
      return found.length > 1 ? found : found[0]
    },
  }
}

/** Names alone, `$.data.id`: most paths are so, and a walk needs neither a query nor a limit of time. */
const isPlain = (path: string): boolean => /^(\$|(\$\.)?[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)$/.test(path)

function memberAt(path: string, document: Json): Json | undefined {
  let value: Json | undefined = document
  for (const name of path.replace(/^\$\.?/, '').split('.')) {
    if (name === '') continue
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
    if (!Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, Json>>)[name]
  }
  return value
}

/** `data.id` and `[0].id` as people write them. */
function rooted(path: string): string {
  const trimmed = path.trim()
  if (trimmed.startsWith('$')) return trimmed
  return trimmed.startsWith('[') || trimmed.startsWith('.') ? `$${trimmed}` : `$.${trimmed}`
}

function pathFailure(path: string, error: unknown): CheckFailure {
  if (error instanceof CheckFailure) return error
  if (error instanceof TimeIsOver) return tooMuch(path, 'takes too long on this answer')
  if (error instanceof RangeError) return tooMuch(path, 'goes too deep in this answer')
  if (error instanceof JSONPathError && error.name !== 'JSONPathRecursionLimitError') {
    return new CheckFailure('config_invalid', `${path} is not a JSONPath: ${error.message}`, {
      hint: 'Write it as in RFC 9535: $.items[0].id, $.items[?@.open == true].id',
      retry: 'never',
      cause: error,
    })
  }
  return tooMuch(path, `goes more than ${DEPTH_MAX} levels deep in this answer`)
}

function tooMuch(path: string, what: string): CheckFailure {
  return new CheckFailure('answer_too_large', `The path ${path} ${what}`, {
    hint: 'Name the way to the value instead of searching for it with ..',
    retry: 'never',
  })
}
