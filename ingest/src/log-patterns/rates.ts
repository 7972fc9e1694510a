/** Counts lines by template and second, and says which templates have a series of their own. */
export interface Rates {
  count(number: number, timeMs: number): void
  /** What was counted for one template counts for another from now on. */
  move(number: number, into: number): void
  /**
   * Ends a batch: answers the lines of each template that has a rate, by second (milliseconds since the Unix epoch).
   * True when it changed which templates have one.
   */
  flush(emit: (number: number, timeMs: number, lines: number) => void): boolean
  /** Ids of the templates that have a rate, and how many had one in the present day of event time. */
  save(idOf: (number: number) => bigint | undefined): RatedTemplates
  restore(saved: RatedTemplates, numberOf: (id: bigint) => number): void
}

export interface RatedTemplates {
  readonly ids: readonly bigint[]
  readonly day: number
  readonly admitted: number
}

/** Templates with a series at a time, and within a day: this bounds what one source adds to the series. */
export const RATED_MAX = 64
export const RATED_PER_DAY_MAX = 256
/** A template takes the place of the rarest one when it has this many lines in a batch, and twice those of the other. */
const TAKE_OVER_LINES_MIN = 100
const DAY_MS = 86_400_000

export function createRates(numbers: number): Rates {
  // One cell for each (second, template) of the batch.
  const cells = new Map<number, number>()
  let cellNumber: number[] = []
  let cellTimeMs: number[] = []
  let cellLines: number[] = []
  const lines = new Float64Array(numbers)
  const rated = new Uint8Array(numbers)
  const touched: number[] = []
  let ratedCount = 0
  let day = 0
  let admitted = 0
  let lastKey = -1
  let lastCell = 0

  const admit = (number: number): void => {
    rated[number] = 1
    ratedCount += 1
    admitted += 1
  }

  /** The one with the fewest lines in this batch among those that have a rate. */
  const rarest = (): number => {
    let found = -1
    for (let number = 0; number < numbers; number++) {
      if (rated[number] === 1 && (found === -1 || lines[number]! < lines[found]!)) found = number
    }
    return found
  }

  /** Gives rates to the most frequent of the batch. Looks at nothing but the batch, so that it comes out the same again. */
  const choose = (newestDay: number): boolean => {
    if (newestDay > day) {
      day = newestDay
      admitted = ratedCount
    }
    let changed = false
    const candidates = touched.filter((number) => rated[number] === 0 && number > 1)
    candidates.sort((a, b) => lines[b]! - lines[a]! || a - b)
    for (const number of candidates) {
      if (admitted >= RATED_PER_DAY_MAX) break
      if (ratedCount >= RATED_MAX) {
        const other = rarest()
        if (lines[number]! < TAKE_OVER_LINES_MIN || lines[number]! < 2 * lines[other]!) break
        rated[other] = 0
        ratedCount -= 1
      }
      admit(number)
      changed = true
    }
    return changed
  }

  return {
    count(number, timeMs) {
      if (lines[number] === 0) touched.push(number)
      lines[number]! += 1
      const key = Math.floor(timeMs / 1_000) * 1_024 + number
      if (key !== lastKey) {
        const known = cells.get(key)
        lastKey = key
        lastCell = known ?? cellNumber.length
        if (known === undefined) {
          cells.set(key, lastCell)
          cellNumber.push(number)
          cellTimeMs.push(Math.floor(timeMs / 1_000) * 1_000)
          cellLines.push(0)
        }
      }
      cellLines[lastCell]! += 1
    },
    move(number, into) {
      if (lines[number]! > 0) {
        if (lines[into] === 0) touched.push(into)
        lines[into]! += lines[number]!
        lines[number] = 0
      }
      if (rated[number] === 1) {
        rated[number] = 0
        ratedCount -= 1
      }
      for (let cell = 0; cell < cellNumber.length; cell++) if (cellNumber[cell] === number) cellNumber[cell] = into
      lastKey = -1
    },
    flush(emit) {
      let newestDay = 0
      for (const timeMs of cellTimeMs) newestDay = Math.max(newestDay, Math.floor(timeMs / DAY_MS))
      const changed = cellNumber.length > 0 && choose(newestDay)
      // Cells of templates that became one are put together here.
      const sums = new Map<number, number>()
      for (let cell = 0; cell < cellNumber.length; cell++) {
        const number = cellNumber[cell]!
        if (rated[number] === 0) continue
        const key = (cellTimeMs[cell]! / 1_000) * 1_024 + number
        sums.set(key, (sums.get(key) ?? 0) + cellLines[cell]!)
      }
      for (const [key, sum] of sums) emit(key % 1_024, Math.floor(key / 1_024) * 1_000, sum)
      for (const number of touched) lines[number] = 0
      touched.length = 0
      cells.clear()
      cellNumber = []
      cellTimeMs = []
      cellLines = []
      lastKey = -1
      return changed
    },
    save(idOf) {
      const ids: bigint[] = []
      for (let number = 0; number < numbers; number++) {
        const id = rated[number] === 1 ? idOf(number) : undefined
        if (id !== undefined) ids.push(id)
      }
      return { ids, day, admitted }
    },
    restore(state, numberOf) {
      for (const id of state.ids.slice(0, RATED_MAX)) {
        const number = numberOf(id)
        if (number > 1 && rated[number] === 0) {
          rated[number] = 1
          ratedCount += 1
        }
      }
      day = state.day
      admitted = state.admitted
    },
  }
}
