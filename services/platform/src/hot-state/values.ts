import { AppError } from '../errors.ts'

const MAX_KEY_LENGTH = 1024
const MAX_VALUE_LENGTH = 1_048_576
const UNSTORABLE_TEXT = /[\0\p{Surrogate}]/u

/** Both implementations refuse the same values, so that what works embedded works distributed. */
export function checkKey(key: string): string {
  if (key.length > 0 && key.length <= MAX_KEY_LENGTH && !UNSTORABLE_TEXT.test(key)) return key
  throw new AppError('value_invalid', `A key has 1 to ${MAX_KEY_LENGTH} characters, none of them NUL`)
}

export function checkValue(value: string): void {
  if (value.length > MAX_VALUE_LENGTH || /\p{Surrogate}/u.test(value)) {
    throw new AppError('value_invalid', `A value is well-formed text of at most ${MAX_VALUE_LENGTH} characters`)
  }
}

/** Answers the lifetime as whole milliseconds. */
export function checkTtl(ttlMs: number): number {
  if (Number.isSafeInteger(ttlMs) && ttlMs >= 1) return ttlMs
  throw new AppError('value_invalid', `${ttlMs} is not a lifetime: it must be a whole number of milliseconds from 1`)
}

/** Answers the count, or the step of one. */
export function checkCount(count: number): number {
  if (Number.isSafeInteger(count)) return count
  throw new AppError('value_invalid', 'A counter must be, and stay, an integer that can be counted exactly')
}
