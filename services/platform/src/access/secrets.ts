import { createHash, randomBytes, randomInt } from 'node:crypto'

/** Tokens have 256 random bits, so one plain hash of them is as good as a slow one. */
const SECRET_BYTES = 32
const SESSION_TOKEN = /^dls_[A-Za-z0-9_-]{43}$/
const API_KEY = /^dl_[A-Za-z0-9_-]{43}$/
const API_KEY_PREFIX_LENGTH = 11

export function createSessionToken(): string {
  return `dls_${randomBytes(SECRET_BYTES).toString('base64url')}`
}

export function createApiKeySecret(): string {
  return `dl_${randomBytes(SECRET_BYTES).toString('base64url')}`
}

/** What a bearer's token looks like; anything else is nobody's. */
export function kindOfToken(token: string): 'session' | 'api-key' | 'unknown' {
  if (SESSION_TOKEN.test(token)) return 'session'
  return API_KEY.test(token) ? 'api-key' : 'unknown'
}

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

export function apiKeyPrefix(key: string): string {
  return key.slice(0, API_KEY_PREFIX_LENGTH)
}

/** Sorts by time and is unique: 12 hexadecimal digits of milliseconds, then 20 random ones. */
export function createOrderedId(nowMs: number): string {
  return orderedIdFloor(nowMs) + randomBytes(10).toString('hex')
}

/** Not above any ordered id of that time, and above every earlier one. */
export function orderedIdFloor(timeMs: number): string {
  return Math.max(0, timeMs).toString(16).padStart(12, '0')
}

/** Letters and digits that are not mistaken for each other when they are read from a terminal. */
const READABLE = 'abcdefghjkmnpqrstuvwxyz23456789'

/** Four groups of five, 99 random bits. */
export function createReadablePassword(): string {
  const group = (): string => Array.from({ length: 5 }, () => READABLE[randomInt(READABLE.length)]).join('')
  return [group(), group(), group(), group()].join('-')
}
