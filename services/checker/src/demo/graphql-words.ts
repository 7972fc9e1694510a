/** A field of a query with what is asked below it. */
export interface Selection {
  readonly name: string
  readonly as: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly fields: readonly Selection[]
}

export class QueryError extends Error {}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}():,$![\]=]|[A-Za-z_][A-Za-z0-9_]*|-?\d+(?:\.\d+)?|#[^\n]*|[^\s]/g
const TOKENS_MAX = 2000
const DEPTH_MAX = 10

/**
 * Reads as much of GraphQL as a demo needs: one query with variables, fields, aliases and arguments. Errors:
 * QueryError, whose message says what was found.
 */
export function readQuery(text: string, variables: Readonly<Record<string, unknown>>): Selection[] {
  const tokens = (text.match(TOKEN) ?? []).filter((token) => !token.startsWith('#'))
  if (tokens.length > TOKENS_MAX) throw new QueryError('The query is too long')
  const reader = { tokens, at: 0, variables }
  if (peek(reader) === 'mutation' || peek(reader) === 'subscription') {
    throw new QueryError(`There is no ${peek(reader)} here, only queries`)
  }
  if (peek(reader) === 'query') {
    reader.at += 1
    if (/^[A-Za-z_]/.test(peek(reader))) reader.at += 1
    if (peek(reader) === '(') skipParentheses(reader)
  }
  const fields = readFields(reader, 0)
  if (reader.at < tokens.length) throw unexpected(reader)
  return fields
}

interface Reader {
  readonly tokens: readonly string[]
  at: number
  readonly variables: Readonly<Record<string, unknown>>
}

const peek = ({ tokens, at }: Reader): string => tokens[at] ?? ''
const unexpected = (reader: Reader): QueryError =>
  new QueryError(`Syntax error: unexpected ${peek(reader) === '' ? 'end of the query' : `"${peek(reader)}"`}`)

function take(reader: Reader, pattern: RegExp): string {
  const token = peek(reader)
  if (!pattern.test(token)) throw unexpected(reader)
  reader.at += 1
  return token
}

/** Declarations of variables: their types are not looked at. */
function skipParentheses(reader: Reader): void {
  while (peek(reader) !== ')' && peek(reader) !== '') reader.at += 1
  take(reader, /^\)$/)
}

function readFields(reader: Reader, depth: number): Selection[] {
  if (depth > DEPTH_MAX) throw new QueryError('The query is too deep')
  take(reader, /^\{$/)
  const fields: Selection[] = []
  while (peek(reader) !== '}') {
    let name = take(reader, /^[A-Za-z_]/)
    const as = name
    if (peek(reader) === ':') {
      reader.at += 1
      name = take(reader, /^[A-Za-z_]/)
    }
    const given = peek(reader) === '(' ? readArguments(reader) : {}
    fields.push({ name, as, arguments: given, fields: peek(reader) === '{' ? readFields(reader, depth + 1) : [] })
    if (peek(reader) === ',') reader.at += 1
  }
  reader.at += 1
  if (fields.length === 0) throw new QueryError('Syntax error: a selection without fields')
  return fields
}

function readArguments(reader: Reader): Record<string, unknown> {
  const given = new Map<string, unknown>()
  take(reader, /^\($/)
  while (peek(reader) !== ')') {
    const name = take(reader, /^[A-Za-z_]/)
    take(reader, /^:$/)
    given.set(name, readValue(reader))
    if (peek(reader) === ',') reader.at += 1
  }
  reader.at += 1
  return Object.fromEntries(given)
}

function readValue(reader: Reader): unknown {
  if (peek(reader) === '$') {
    reader.at += 1
    const name = take(reader, /^[A-Za-z_]/)
    if (!Object.hasOwn(reader.variables, name)) throw new QueryError(`Variable "$${name}" has no value`)
    return reader.variables[name]
  }
  const token = take(reader, /^["A-Za-z0-9_-]/)
  if (token.startsWith('"')) {
    try {
      return JSON.parse(token) as unknown
    } catch {
      throw new QueryError(`Syntax error: the text ${token} cannot be read`)
    }
  }
  if (/^-?\d/.test(token)) return Number(token)
  return token === 'true' ? true : token === 'false' ? false : token === 'null' ? null : token
}
