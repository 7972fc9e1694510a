/** The words of one line, as parallel arrays that are used again for each line. */
export interface Tokens {
  count: number
  /** Hash of the word as it stands in a template. */
  readonly hash: Int32Array
  /** 1 where the whole word is left open. */
  readonly wild: Uint8Array
  /** The word is the bytes `from` to `openFrom`, then `<*>` for those up to `openTo`, then those up to `to`. */
  readonly from: Int32Array
  readonly openFrom: Int32Array
  readonly openTo: Int32Array
  readonly to: Int32Array
  /** Hash of the whole line as a template, in two halves. */
  low: number
  high: number
}

export const TOKENS_MAX = 64
const LINE_BYTES_MAX = 2_048
/** Longer words are ids, keys, encoded bytes. */
const WORD_BYTES_MAX = 40
const HEX_WORD_BYTES_MIN = 8
const WILD_HASH = 0x2a3c3e
const FNV_PRIME = 0x01000193
const FNV_BASIS = 0x811c9dc5 | 0

export function createTokens(): Tokens {
  return {
    count: 0,
    hash: new Int32Array(TOKENS_MAX),
    wild: new Uint8Array(TOKENS_MAX),
    from: new Int32Array(TOKENS_MAX),
    openFrom: new Int32Array(TOKENS_MAX),
    openTo: new Int32Array(TOKENS_MAX),
    to: new Int32Array(TOKENS_MAX),
    low: 0,
    high: 0,
  }
}

// What a byte says about the word that holds it.
const DIGIT = 1
const MARK = 2
const SLASH = 4
const NOT_HEX = 8
const EQUALS = 16
const SPACE = 32
const OPENING = 64
const CLOSING = 128
const CLASS = new Uint8Array(256).fill(NOT_HEX)
for (let byte = 0; byte <= 32; byte++) CLASS[byte] = SPACE
for (let byte = 48; byte <= 57; byte++) CLASS[byte] = DIGIT
for (const letter of 'abcdefABCDEF') CLASS[letter.charCodeAt(0)] = 0
CLASS['-'.charCodeAt(0)] = 0
for (const mark of '@\\') CLASS[mark.charCodeAt(0)] = MARK | NOT_HEX
CLASS['/'.charCodeAt(0)] = SLASH | NOT_HEX
CLASS['='.charCodeAt(0)] = EQUALS | NOT_HEX
for (const mark of '([{<') CLASS[mark.charCodeAt(0)] = OPENING | NOT_HEX
for (const mark of ')]}>,;:.!?') CLASS[mark.charCodeAt(0)] = CLOSING | NOT_HEX

/** Splits the first line of a message into words, leaving open what differs from line to line. */
export function splitMessage(tokens: Tokens, buffer: Uint8Array, start: number, end: number): void {
  begin(tokens)
  const to = Math.min(end, start + LINE_BYTES_MAX)
  let at = start
  while (at < to && tokens.count < TOKENS_MAX) {
    const byte = buffer[at]!
    if (byte === 10) break
    if ((CLASS[byte]! & SPACE) !== 0) at += 1
    else at = takeWord(tokens, buffer, at, to)
  }
}

/** Reads one word; answers the offset behind it. */
function takeWord(tokens: Tokens, buffer: Uint8Array, start: number, to: number): number {
  let core = start
  while (core < to && (CLASS[buffer[core]!]! & OPENING) !== 0) core += 1
  const quote = quotedEnd(buffer, core, to)
  if (quote > 0) {
    const end = wordEnd(buffer, quote, to)
    push(tokens, buffer, start, core, quote, end)
    return end
  }
  let seen = 0
  let equals = -1
  let hash = FNV_BASIS
  let at = start
  while (at < to) {
    const byte = buffer[at]!
    const kind = CLASS[byte]!
    if ((kind & SPACE) !== 0) break
    if ((kind & EQUALS) !== 0 && equals < 0 && (seen & DIGIT) === 0 && at > core) {
      equals = at
      const quoteEnd = quotedEnd(buffer, at + 1, to)
      if (quoteEnd > 0) {
        const end = wordEnd(buffer, quoteEnd, to)
        push(tokens, buffer, start, at + 1, quoteEnd, end)
        return end
      }
    }
    hash = Math.imul(hash ^ byte, FNV_PRIME)
    // Brackets around the word say nothing about it.
    if (at >= core) seen |= kind
    at += 1
  }
  const open = equals >= 0 || isVariable(seen, at - core)
  if (!open) {
    pushConstant(tokens, start, at, hash)
    return at
  }
  let tail = at
  while (tail > core && (CLASS[buffer[tail - 1]!]! & CLOSING) !== 0) tail -= 1
  const openFrom = equals >= 0 ? equals + 1 : core
  push(tokens, buffer, start, openFrom, Math.max(openFrom, tail), at)
  return at
}

function isVariable(seen: number, length: number): boolean {
  if ((seen & (DIGIT | MARK | SLASH)) !== 0) return true
  return length > WORD_BYTES_MAX || (length >= HEX_WORD_BYTES_MIN && (seen & NOT_HEX) === 0)
}

/** Offset behind a quoted text that begins at `at`; 0 when none begins there or it does not end. */
function quotedEnd(buffer: Uint8Array, at: number, to: number): number {
  const quote = at < to ? buffer[at]! : 0
  if (quote !== 34 && quote !== 39) return 0
  for (let i = at + 1; i < to; i++) {
    const byte = buffer[i]!
    if (byte === 92) i += 1
    else if (byte === quote) return i + 1
    else if (byte === 10) return 0
  }
  return 0
}

function wordEnd(buffer: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && (CLASS[buffer[at]!]! & SPACE) === 0) at += 1
  return at
}

/** Splits a request into its method, the parts of its path and its status; parts that differ are left open. */
export function splitRequest(
  tokens: Tokens,
  buffer: Uint8Array,
  methodFrom: number,
  methodTo: number,
  pathFrom: number,
  pathTo: number,
  status: number,
): void {
  begin(tokens)
  pushHashed(tokens, buffer, methodFrom, Math.min(methodTo, methodFrom + WORD_BYTES_MAX))
  const to = Math.min(pathTo, pathFrom + LINE_BYTES_MAX)
  let at = pathFrom
  while (at < to && tokens.count < TOKENS_MAX - 2) {
    const partFrom = at
    let seen = 0
    if (buffer[at] === 47) at += 1
    const core = at
    while (at < to && buffer[at] !== 47) seen |= CLASS[buffer[at++]!]!
    const version = at - core <= 3 && buffer[core] === 118
    if (!version && ((seen & (EQUALS | SPACE)) !== 0 || isVariable(seen, at - core))) {
      push(tokens, buffer, partFrom, core, at, at)
    } else pushHashed(tokens, buffer, partFrom, at)
  }
  // The status is no range of the buffer; its number stands in for the hash.
  pushConstant(tokens, -1, status, status + 1)
}

function begin(tokens: Tokens): void {
  tokens.count = 0
  tokens.low = FNV_BASIS
  tokens.high = 0x9e3779b9 | 0
}

function pushHashed(tokens: Tokens, buffer: Uint8Array, from: number, to: number): void {
  let hash = FNV_BASIS
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ buffer[at]!, FNV_PRIME)
  pushConstant(tokens, from, to, hash)
}

function pushConstant(tokens: Tokens, from: number, to: number, hash: number): void {
  add(tokens, from, to, to, to, hash, 0)
}

function push(tokens: Tokens, buffer: Uint8Array, from: number, openFrom: number, openTo: number, to: number): void {
  let hash = FNV_BASIS
  for (let at = from; at < openFrom; at++) hash = Math.imul(hash ^ buffer[at]!, FNV_PRIME)
  hash = Math.imul(hash ^ WILD_HASH, FNV_PRIME)
  for (let at = openTo; at < to; at++) hash = Math.imul(hash ^ buffer[at]!, FNV_PRIME)
  add(tokens, from, openFrom, openTo, to, hash, from === openFrom && openTo === to ? 1 : 0)
}

function add(
  tokens: Tokens,
  from: number,
  openFrom: number,
  openTo: number,
  to: number,
  hash: number,
  wild: number,
): void {
  const at = tokens.count
  if (at >= TOKENS_MAX) return
  tokens.count = at + 1
  tokens.from[at] = from
  tokens.openFrom[at] = openFrom
  tokens.openTo[at] = openTo
  tokens.to[at] = to
  tokens.hash[at] = hash
  tokens.wild[at] = wild
  tokens.low = Math.imul(tokens.low ^ hash, FNV_PRIME)
  tokens.high = Math.imul((tokens.high << 5) ^ (tokens.high >>> 27) ^ hash, 0x85ebca6b)
}

/** A word as it stands in a template. */
export function tokenText(tokens: Tokens, buffer: Uint8Array, at: number): string {
  const from = tokens.from[at]!
  if (from < 0) return String(tokens.to[at]!).padStart(3, '0')
  const text = (start: number, end: number): string => Buffer.from(buffer.subarray(start, end)).toString('utf8')
  const openFrom = tokens.openFrom[at]!
  const to = tokens.to[at]!
  if (openFrom === to && tokens.openTo[at] === to) return text(from, to)
  return `${text(from, openFrom)}${OPEN}${text(tokens.openTo[at]!, to)}`
}

/** What stands in a template for what differs. */
export const OPEN = '<*>'

/** The hash of a word as `tokenText` wrote it; of the status of a request when `isStatus`. */
export function hashOfText(word: string, isStatus: boolean): number {
  if (isStatus) return Number(word) + 1
  const openAt = word.indexOf(OPEN)
  const bytes = Buffer.from(openAt < 0 ? word : word.slice(0, openAt))
  let hash = FNV_BASIS
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME)
  if (openAt < 0) return hash
  hash = Math.imul(hash ^ WILD_HASH, FNV_PRIME)
  for (const byte of Buffer.from(word.slice(openAt + OPEN.length))) hash = Math.imul(hash ^ byte, FNV_PRIME)
  return hash
}
