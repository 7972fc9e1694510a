/**
 * OpenTelemetry severity numbers of the words and numbers that loggers write (OpenTelemetry logs data model,
 * appendix B: syslog's alert is ERROR3, critical is ERROR2, notice is INFO2).
 */
export const severity = { none: 0, trace: 1, debug: 5, info: 9, notice: 10, warn: 13, error: 17, fatal: 21 } as const

const WORDS: [string, number][] = [
  ['trace', 1],
  ['trc', 1],
  ['verbose', 1],
  ['finest', 1],
  ['finer', 2],
  ['fine', 5],
  ['debug', 5],
  ['dbg', 5],
  ['config', 8],
  ['info', 9],
  ['inf', 9],
  ['information', 9],
  ['informational', 9],
  ['log', 9],
  ['notice', 10],
  ['warn', 13],
  ['wrn', 13],
  ['warning', 13],
  ['err', 17],
  ['error', 17],
  ['eror', 17],
  ['severe', 17],
  ['crit', 18],
  ['critical', 18],
  ['alert', 19],
  ['fatal', 21],
  ['ftl', 21],
  ['panic', 21],
  ['emerg', 21],
  ['emergency', 21],
]

/** Letters by which glog and klog begin their lines. */
const LETTERS: Record<string, number> = { t: 1, v: 1, d: 5, i: 9, n: 10, w: 13, e: 17, c: 18, a: 19, f: 21, p: 21 }

const WORD_BYTES_MAX = 13

interface Word {
  readonly bytes: Uint8Array
  readonly severity: number
}

/** The words by their first letter, a to z. */
const BY_LETTER: readonly (readonly Word[])[] = Array.from({ length: 26 }, (_, letter) =>
  WORDS.filter(([word]) => word.charCodeAt(0) === 97 + letter).map(([word, number]) => ({
    bytes: Buffer.from(word),
    severity: number,
  })),
)
const ONE_LETTER = Uint8Array.from({ length: 26 }, (_, letter) => LETTERS[String.fromCharCode(97 + letter)] ?? 0)

/** By syslog's number, 0 (emergency) to 7 (debug). */
export const syslogSeverity = Uint8Array.of(21, 19, 18, 17, 13, 10, 9, 5)

/** The severity that a word of letters in any case names, one letter included; 0 for none. */
export function severityOfWord(buffer: Uint8Array, from: number, to: number): number {
  const length = to - from
  if (length < 1 || length > WORD_BYTES_MAX) return 0
  const letter = (buffer[from]! | 32) - 97
  if (letter < 0 || letter > 25) return 0
  if (length === 1) return ONE_LETTER[letter]!
  const words = BY_LETTER[letter]!
  for (let i = 0; i < words.length; i++) {
    const { bytes, severity: found } = words[i]!
    if (bytes.length !== length) continue
    let at = 1
    while (at < length && (buffer[from + at]! | 32) === bytes[at]) at += 1
    if (at === length) return found
  }
  return 0
}

/** The severity of a number in a field of level: tens as bunyan and pino write them, 0 to 7 as syslog does. */
export function severityOfLevelNumber(level: number): number {
  if (level >= 0 && level <= 7) return syslogSeverity[Math.floor(level)]!
  if (level < 10 || level > 100) return 0
  const tens = Math.min(6, Math.floor(level / 10))
  return [1, 5, 9, 13, 17, 21][tens - 1]!
}

/** What the status of an HTTP answer says: 5xx is an error, 4xx a warning. */
export function severityOfStatus(status: number): number {
  if (status >= 500) return severity.error
  if (status >= 400) return severity.warn
  return status > 0 ? severity.info : severity.none
}

const LEVEL_SEARCH_BYTES = 192

/**
 * Finds a level in free text, among the first 192 bytes of its first line: a word in capitals (`ERROR`), or in any
 * case where its surroundings say that it is a level (`[error]`, `error:`, `level=error`). "0 errors" is none.
 */
export function findSeverity(buffer: Uint8Array, from: number, to: number): number {
  const end = Math.min(to, from + LEVEL_SEARCH_BYTES)
  let at = from
  while (at < end) {
    let byte = buffer[at]!
    if (byte === 10) return 0
    if (!isLetter(byte)) {
      at += 1
      continue
    }
    const start = at
    let capitals = true
    while (at < end && isLetter(byte)) {
      if (byte > 90) capitals = false
      at += 1
      byte = at < end ? buffer[at]! : 0
    }
    const length = at - start
    if (length < 3 || length > WORD_BYTES_MAX) continue
    const before = start > from ? buffer[start - 1]! : 32
    if (!capitals && !marksLevel(before, byte)) continue
    if (isDigit(before) || isDigit(byte) || before === 95 || byte === 95) continue
    const found = severityOfWord(buffer, start, at)
    // "LOG" and "CONFIG" in capitals are too often something else.
    if (found > 0 && !(capitals && (length === 6 || length === 3) && isVague(found))) return found
  }
  return 0
}

const isVague = (found: number): boolean => found === 8

const isLetter = (byte: number): boolean => (byte | 32) >= 97 && (byte | 32) <= 122

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57

/** Whether a word between these bytes is set off as a level: in brackets, behind `=`, before a colon. */
const marksLevel = (before: number, after: number): boolean =>
  (before === 91 && after === 93) || (before === 60 && after === 62) || before === 61 || after === 58
