import { badParameter } from './problems.ts'

export interface Page<T> {
  readonly items: T[]
  readonly nextCursor: string | null
}

/** Makes an opaque cursor of the sort key of the last item on a page. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key), 'utf8').toString('base64url')
}

/** Reads a cursor back; `shape` says the type of each part. Errors: 400 for one that this list did not make. */
export function decodeCursor(
  cursor: string | undefined,
  shape: readonly ('string' | 'number')[],
): (string | number)[] | null {
  if (cursor === undefined) return null
  let key: unknown
  try {
    key = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    key = null
  }
  const fits =
    Array.isArray(key) &&
    key.length === shape.length &&
    shape.every((type, index) => typeof key[index] === type && (type === 'string' || Number.isFinite(key[index])))
  if (!fits) throw badParameter('cursor', 'is not a cursor that this list gave')
  return key as (string | number)[]
}

/** The last moment that the stores can hold: 2299-12-31. */
const TIME_MS_MAX = Date.UTC(2299, 11, 31)

/** Reads the cursor of a list that is newest first: the moment and id of its last item. Errors: 400. */
export function decodePlace(cursor: string | undefined): { timeMs: number; id: string } | null {
  const [timeMs, id] = (decodeCursor(cursor, ['number', 'string']) ?? []) as [number?, string?]
  if (timeMs === undefined || id === undefined) return null
  return { timeMs: Math.floor(Math.min(Math.max(0, timeMs), TIME_MS_MAX)), id }
}

/**
 * One page of a list in memory that is sorted ascending by `keyOf`, a unique text. The cursor is the last key, so that
 * items which come or go between two pages neither repeat nor hide others.
 */
export function pageByKey<T>(
  sorted: readonly T[],
  keyOf: (item: T) => string,
  page: { limit: number; cursor?: string | undefined },
): Page<T> {
  const after = decodeCursor(page.cursor, ['string'])?.[0] as string | undefined
  const rest = after === undefined ? sorted : sorted.filter((item) => keyOf(item) > after)
  const items = rest.slice(0, page.limit)
  const last = items.at(-1)
  return { items, nextCursor: rest.length > items.length && last !== undefined ? encodeCursor([keyOf(last)]) : null }
}
