/** Endings of files that a rotation compressed. Of these, gzip alone is read on. */
const COMPRESSED = /\.(gz|bz2|xz|zst|lz4|Z|zip)$/
/** What rotations put between or behind: numbers, dates, and a few words. Each character fits one alternative only. */
const MARK = /^[-._](?:[-._:+TZ\d]|old|bak|prev|orig|archive)+$|^~$/i
const SAYS_SOMETHING = /\d|old|bak|prev|orig|archive|~/i

const isMark = (text: string): boolean => MARK.test(text) && SAYS_SOMETHING.test(text)

export const isCompressedName = (name: string): boolean => COMPRESSED.test(name)

/** Parts of a name that a rotation may have put in: at its end, or before its last extension. */
const AT_END = /[-._](?:[-._:+TZ\d]|old|bak|prev|orig|archive)+$|~$/i

/**
 * What a name was before it was rotated: `app.log` of `app.log.1`, `app.log-20260131.gz`, `app-2026-01-31.log` and
 * `app.1.log`. Names that were never rotated are their own.
 */
export function unrotatedName(name: string): string {
  const plain = name.replace(COMPRESSED, '')
  const atEnd = AT_END.exec(plain)
  if (atEnd !== null && atEnd.index > 0 && isMark(atEnd[0])) return plain.slice(0, atEnd.index)
  const dot = plain.lastIndexOf('.')
  const before = dot > 0 ? AT_END.exec(plain.slice(0, dot)) : null
  if (before === null || before.index === 0 || !isMark(before[0])) return plain
  return plain.slice(0, before.index) + plain.slice(dot)
}

/** Whether one of two names, or both, may have been made from the other by a rotation. */
export const areRelated = (a: string, b: string): boolean => a !== b && unrotatedName(a) === unrotatedName(b)

/** Whether a file of this name may be a copy that a rotation made of the other: `app-worker.log` is not one of `app.log`. */
export const isRotatedNameOf = (name: string, original: string): boolean =>
  areRelated(name, original) && unrotatedName(name) !== name

/**
 * Whether a rotation would call what it makes of `original` so. Narrower than being related: `web-2.log` is related to
 * `web-1.log`, and more likely a log of its own.
 */
export function derivesFrom(name: string, original: string): boolean {
  const plain = name.replace(COMPRESSED, '')
  if (plain === original) return name !== original
  if (plain.startsWith(original) && isMark(plain.slice(original.length))) return true
  const dot = original.lastIndexOf('.')
  if (dot <= 0 || !plain.startsWith(original.slice(0, dot)) || !plain.endsWith(original.slice(dot))) return false
  return isMark(plain.slice(dot, plain.length - (original.length - dot)))
}
