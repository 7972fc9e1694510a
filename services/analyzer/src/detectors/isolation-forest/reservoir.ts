/**
 * A sample of the rows of the last weeks, bounded: of all rows within the window those with the lowest numbers are kept,
 * a row's number being a hash of its minute, so that the same rows give the same sample. It is even but for rare rows,
 * which stay longer. Plain data: it is stored in checkpoints as it is.
 */
export interface Reservoir {
  readonly featureCount: number
  readonly rowsMax: number
  /** Mixed into the hash, so that different processes keep different minutes. */
  readonly salt: number
  count: number
  /** Minutes since the Unix epoch, per row; room for more than `count`. */
  minute: Int32Array
  priority: Uint32Array
  /** `featureCount` values a row, NaN where there was none. */
  values: Float32Array
}

const ROWS_FIRST = 64

export function createReservoir(featureCount: number, rowsMax: number, salt: number): Reservoir {
  const rows = Math.min(ROWS_FIRST, rowsMax)
  return {
    featureCount,
    rowsMax,
    salt,
    count: 0,
    minute: new Int32Array(rows),
    priority: new Uint32Array(rows),
    values: new Float32Array(rows * featureCount),
  }
}

/** Rare rows have numbers so many times lower, so that what was seen once stays known. */
const RARE = 16

/** Takes the row that begins at `offset` of `values`, forgets those before `fromMinute`, and stays within its bound. */
export function addRow(
  reservoir: Reservoir,
  minute: number,
  values: Float32Array,
  offset: number,
  { fromMinute, isRare }: { readonly fromMinute: number; readonly isRare: boolean },
): void {
  forgetBefore(reservoir, fromMinute)
  const priority = Math.floor(hashOf(minute, reservoir.salt) / (isRare ? RARE : 1))
  const row = reservoir.count < reservoir.rowsMax ? nextRow(reservoir) : rowToReplace(reservoir, priority)
  if (row === -1) return
  reservoir.minute[row] = minute
  reservoir.priority[row] = priority
  const { featureCount } = reservoir
  for (let at = 0; at < featureCount; at++) reservoir.values[row * featureCount + at] = values[offset + at]!
}

function forgetBefore(reservoir: Reservoir, fromMinute: number): void {
  const { featureCount, minute, priority, values } = reservoir
  for (let row = reservoir.count - 1; row >= 0; row--) {
    if (minute[row]! >= fromMinute) continue
    const last = --reservoir.count
    minute[row] = minute[last]!
    priority[row] = priority[last]!
    values.copyWithin(row * featureCount, last * featureCount, (last + 1) * featureCount)
  }
}

function nextRow(reservoir: Reservoir): number {
  const { count, rowsMax, featureCount, minute, priority, values } = reservoir
  if (count === minute.length) {
    const rows = Math.min(rowsMax, 2 * count)
    reservoir.minute = new Int32Array(rows)
    reservoir.minute.set(minute)
    reservoir.priority = new Uint32Array(rows)
    reservoir.priority.set(priority)
    reservoir.values = new Float32Array(rows * featureCount)
    reservoir.values.set(values)
  }
  reservoir.count += 1
  return count
}

/** The row with the highest number, when it is above that of the new one; else -1. */
function rowToReplace({ count, priority }: Reservoir, than: number): number {
  let highest = 0
  for (let row = 1; row < count; row++) if (priority[row]! > priority[highest]!) highest = row
  return priority[highest]! > than ? highest : -1
}

/** The finalizer of MurmurHash3: neighbouring minutes get numbers far apart. */
function hashOf(minute: number, salt: number): number {
  let hash = (minute ^ salt) >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
