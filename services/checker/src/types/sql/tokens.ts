import type { SqlEngine } from '@driftline/checks/types/stores'

/** A piece of a statement. `word`s are in capitals; `name` is a quoted name, without its quotes. */
export interface SqlToken {
  readonly kind: 'word' | 'name' | 'text' | 'escaped_text' | 'sign'
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Why a statement cannot be read for certain. */
export class UnclearStatement extends Error {}

/** Where the engines' lexers differ. What is not here is the same for all. */
interface Dialect {
  readonly nestedComments: boolean
  /** `#` begins a comment, `--` only before a space, and `\` escapes in every string. */
  readonly mysqlWays: boolean
  readonly dollarQuotes: boolean
  /** `E'it\'s'` */
  readonly escapeStrings: boolean
  /** `[name]` */
  readonly brackets: boolean
  /** `q'[it's]'` */
  readonly oracleQuotes: boolean
  readonly wordStart: RegExp
  readonly word: RegExp
}

const ASCII = { wordStart: /[A-Za-z_\u0080-\uffff]/, word: /[\w$\u0080-\uffff]+/y }
const HASHED = { wordStart: /[A-Za-z_#@\u0080-\uffff]/, word: /[\w$#@\u0080-\uffff]+/y }
const PLAIN = {
  nestedComments: false,
  mysqlWays: false,
  dollarQuotes: false,
  escapeStrings: false,
  brackets: false,
  oracleQuotes: false,
  ...ASCII,
}

const dialects: Readonly<Record<SqlEngine, Dialect>> = {
  postgresql: { ...PLAIN, nestedComments: true, dollarQuotes: true, escapeStrings: true },
  mysql: { ...PLAIN, mysqlWays: true },
  sqlserver: { ...PLAIN, ...HASHED, nestedComments: true, brackets: true },
  oracle: { ...PLAIN, ...HASHED, oracleQuotes: true },
  sqlite: { ...PLAIN, brackets: true },
}

const ORACLE_CLOSERS: Readonly<Record<string, string>> = { '[': ']', '{': '}', '<': '>', '(': ')' }

/**
 * Takes a statement apart as the engine's own lexer would, as far as it matters for what the statement may do: comments
 * are left out, strings and names are one token each. Errors: UnclearStatement for what has no end, and for what
 * lexers read in more than one way. Takes time in proportion to the length.
 */
export function readTokens(statement: string, engine: SqlEngine): SqlToken[] {
  const dialect = dialects[engine]
  if (statement.includes('\0')) throw new UnclearStatement('it holds a NUL character')
  if (/\r(?!\n)/.test(statement)) throw new UnclearStatement('it holds a carriage return without a line feed')
  const tokens: SqlToken[] = []
  let at = 0
  while (at < statement.length) {
    const afterGap = skipGap(statement, at, dialect)
    if (afterGap > at) {
      at = afterGap
      continue
    }
    const token = readToken(statement, at, dialect)
    tokens.push(token)
    at = token.end
  }
  return tokens
}

/** Answers where the white space or comment that begins here ends; the same place when there is none. */
function skipGap(statement: string, at: number, dialect: Dialect): number {
  const character = statement[at]!
  if (/\s/.test(character)) return at + 1
  const two = statement.slice(at, at + 2)
  const isDashes = two === '--' && (!dialect.mysqlWays || /^(\s|$)/.test(statement.slice(at + 2, at + 3)))
  if (isDashes || (character === '#' && dialect.mysqlWays)) {
    const end = statement.indexOf('\n', at)
    return end < 0 ? statement.length : end + 1
  }
  if (two !== '/*') return at
  if (dialect.mysqlWays && /^\/\*M?!/.test(statement.slice(at, at + 4))) {
    throw new UnclearStatement('it holds a comment that the server executes (/*! ... */)')
  }
  return endOfComment(statement, at, dialect.nestedComments)
}

function endOfComment(statement: string, start: number, nested: boolean): number {
  const marks = /\/\*|\*\//g
  marks.lastIndex = start + 2
  let depth = 1
  for (let mark = marks.exec(statement); mark !== null; mark = marks.exec(statement)) {
    if (mark[0] === '*/') depth--
    else if (nested) depth++
    // In `/*/` the second slash would otherwise be taken for the end of a comment within.
    else marks.lastIndex = mark.index + 1
    if (depth === 0) return mark.index + 2
  }
  throw new UnclearStatement('a comment in it has no end')
}

function readToken(statement: string, at: number, dialect: Dialect): SqlToken {
  const character = statement[at]!
  const token = (kind: SqlToken['kind'], end: number, text: string): SqlToken => ({ kind, text, start: at, end })
  const quoted = (kind: SqlToken['kind'], from: number, closer: string, escapes: boolean): SqlToken => {
    const end = endOfQuoted(statement, from, closer, escapes)
    return token(kind, end, statement.slice(from + 1, end - 1).replaceAll(closer + closer, closer))
  }
  if (character === "'") return quoted('text', at, "'", dialect.mysqlWays)
  // MySQL takes double quotes for strings; other lexers for names. Functions are looked up by either.
  if (character === '"') return quoted(dialect.mysqlWays ? 'text' : 'name', at, '"', dialect.mysqlWays)
  if (character === '`') return quoted('name', at, '`', false)
  if (character === '[' && dialect.brackets) return quoted('name', at, ']', false)
  if (character === '$' && dialect.dollarQuotes) {
    const tag = /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
    tag.lastIndex = at
    const opener = tag.exec(statement)?.[0]
    if (opener !== undefined) {
      const end = statement.indexOf(opener, at + opener.length)
      if (end < 0) throw new UnclearStatement('a dollar-quoted string in it has no end')
      return token('text', end + opener.length, '')
    }
  }
  if (!dialect.wordStart.test(character)) return token('sign', at + 1, character)
  dialect.word.lastIndex = at
  const word = dialect.word.exec(statement)![0]
  const after = at + word.length
  const next = statement[after]
  if (dialect.escapeStrings && /^e$/i.test(word) && next === "'") return quoted('escaped_text', after, "'", true)
  if (dialect.escapeStrings && /^u$/i.test(word) && /^&["']/.test(statement.slice(after, after + 2))) {
    throw new UnclearStatement('it holds a name or string with Unicode escapes (U&)')
  }
  if (dialect.oracleQuotes && /^n?q$/i.test(word) && next === "'") {
    const opener = statement[after + 1] ?? ''
    const end = statement.indexOf(`${ORACLE_CLOSERS[opener] ?? opener}'`, after + 2)
    if (opener === '' || end < 0) throw new UnclearStatement('a string in it has no end')
    return token('text', end + 2, '')
  }
  return token('word', after, word.toUpperCase())
}

/** A closer that is doubled stands for itself. */
function endOfQuoted(statement: string, start: number, closer: string, escapes: boolean): number {
  for (let at = start + 1; at < statement.length; at++) {
    const character = statement[at]
    if (character === '\\' && escapes) at++
    else if (character === closer) {
      if (statement[at + 1] !== closer) return at + 1
      at++
    }
  }
  throw new UnclearStatement(closer === "'" ? 'a string in it has no end' : 'a quoted name in it has no end')
}
