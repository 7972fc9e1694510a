import { ExpressionFault, expressionLimits, type Span } from './syntax.ts'
import { isTimeUnit, writtenUnit } from './units.ts'

export type Token = { readonly at: Span } & (
  | { readonly kind: 'number'; readonly value: number; readonly unit: string | null }
  | { readonly kind: 'text'; readonly value: string }
  /** `quoted` names stand in backticks and are never keywords or functions. */
  | { readonly kind: 'name'; readonly name: string; readonly quoted: boolean }
  | { readonly kind: 'sign'; readonly sign: string }
  | { readonly kind: 'end' }
)

const SPACE = /\s+/y
const DIGITS = /(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y
const GROUPED = /^(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})*,\d{3})$/
const NAME = /[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}\p{N}_]+)*/uy
const UNIT = /%|°C|[\p{L}µ]+/uy
const PER = /\/([a-zµ]+)(?!\s*\(|[\p{L}\p{N}_.])/uy
const SIGN = /<=|>=|==|!=|&&|\|\||[<>!+\-*/(),[\]=]/y
const TEXT = /"(?:[^"\\\p{Cc}]|\\["\\])*"|'(?:[^'\\\p{Cc}]|\\['\\])*'/uy
const QUOTED = /`([^`\p{Cc}]+)`/uy

/** Words that join conditions; a metric of such a name is written in backticks. */
export const keywords: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'like', 'for'])

/** Cuts a text into tokens, the last of kind `end`. Throws `ExpressionFault`. */
export function tokenize(text: string): Token[] {
  if (text.length > expressionLimits.length) {
    const at = { offset: expressionLimits.length, length: text.length - expressionLimits.length }
    throw new ExpressionFault('too_long', `An expression has at most ${expressionLimits.length} characters`, at)
  }
  const tokens: Token[] = []
  for (let offset = skipSpace(text, 0); offset < text.length; ) {
    const token = tokenAt(text, offset)
    tokens.push(token)
    offset = skipSpace(text, offset + token.at.length)
  }
  tokens.push({ kind: 'end', at: { offset: text.length, length: 0 } })
  return tokens
}

function matchAt(pattern: RegExp, text: string, offset: number): RegExpExecArray | null {
  pattern.lastIndex = offset
  return pattern.exec(text)
}

function skipSpace(text: string, offset: number): number {
  return offset + (matchAt(SPACE, text, offset)?.[0].length ?? 0)
}

function tokenAt(text: string, offset: number): Token {
  const digits = matchAt(DIGITS, text, offset)
  if (digits !== null) return numberAt(text, offset, digits[0])
  const name = matchAt(NAME, text, offset)
  if (name !== null) {
    return { kind: 'name', name: name[0], quoted: false, at: { offset, length: name[0].length } }
  }
  const quoted = matchAt(QUOTED, text, offset)
  if (quoted !== null) {
    return { kind: 'name', name: quoted[1]!, quoted: true, at: { offset, length: quoted[0].length } }
  }
  const literal = matchAt(TEXT, text, offset)
  if (literal !== null) {
    const value = literal[0].slice(1, -1).replace(/\\(.)/gu, '$1')
    return { kind: 'text', value, at: { offset, length: literal[0].length } }
  }
  const sign = matchAt(SIGN, text, offset)
  if (sign !== null) return { kind: 'sign', sign: sign[0], at: { offset, length: sign[0].length } }
  throw strangeCharacter(text, offset)
}

function strangeCharacter(text: string, offset: number): ExpressionFault {
  const char = String.fromCodePoint(text.codePointAt(offset)!)
  if (char === '"' || char === "'" || char === '`') {
    const what = char === '`' ? 'This name' : 'This text'
    const rest = { offset, length: text.length - offset }
    return new ExpressionFault('unfinished_text', `${what} has no proper end: a closing ${char} is missing`, rest)
  }
  const at = { offset, length: char.length }
  return new ExpressionFault('unexpected_character', `"${char}" has no meaning here`, at)
}

function numberAt(text: string, offset: number, digits: string): Token {
  // A comma after the digits belongs to a list, not to the number.
  const written = digits.replace(/,+$/, '')
  const whole = /^[\d,]*/.exec(written)![0]
  const at = { offset, length: written.length }
  if (whole.includes(',') && !GROUPED.test(whole)) {
    const message = 'Commas group digits as in 1,00,000 or 100,000; a decimal point is written as in 1.5'
    throw new ExpressionFault('bad_number', message, at)
  }
  const value = Number(written.replaceAll(',', ''))
  if (!Number.isFinite(value)) throw new ExpressionFault('bad_number', 'This number is too large', at)
  const { unit, end } = unitAt(text, offset + written.length)
  return { kind: 'number', value, unit, at: { offset, length: end - offset } }
}

/** The unit after a number, if there is one, and where it ends. */
function unitAt(text: string, numberEnd: number): { unit: string | null; end: number } {
  const open = matchAt(PER, text, numberEnd)
  if (open !== null && isTimeUnit(open[1]!)) return { unit: open[0], end: numberEnd + open[0].length }
  const start = skipSpace(text, numberEnd)
  const written = matchAt(UNIT, text, start)
  if (written === null || keywords.has(written[0].toLowerCase())) return { unit: null, end: numberEnd }
  const end = start + written[0].length
  if (writtenUnit(written[0]) === undefined) {
    const advice = 'use ms, s, min, h, d, B, KB, MB, GB, KiB, MiB, GiB, %, cores or °C, or leave the unit out'
    const message = `"${written[0]}" is not a unit that is known here: ${advice}`
    throw new ExpressionFault('unknown_unit', message, { offset: start, length: written[0].length })
  }
  const per = matchAt(PER, text, end)
  if (per === null || !isTimeUnit(per[1]!)) return { unit: written[0], end }
  return { unit: written[0] + per[0], end: end + per[0].length }
}
