/** Values with weights whose median is asked for; room for `room` of them, used again for each question. */
export interface WeightedMedian {
  clear(): void
  add(value: number, weight: number): void
  /** The lower of the two in the middle is averaged with the upper when they share the weight evenly; NaN of none. */
  median(): number
}

export function createWeightedMedian(room: number): WeightedMedian {
  const values = new Float64Array(room)
  const weights = new Float64Array(room)
  let size = 0
  let total = 0
  return {
    clear() {
      size = 0
      total = 0
    },
    add(value, weight) {
      let at = size
      // Insertion sort: there are a few dozen values, and most come nearly in order.
      while (at > 0 && values[at - 1]! > value) {
        values[at] = values[at - 1]!
        weights[at] = weights[at - 1]!
        at -= 1
      }
      values[at] = value
      weights[at] = weight
      size += 1
      total += weight
    },
    median() {
      if (size === 0) return Number.NaN
      let below = 0
      for (let at = 0; at < size; at++) {
        below += weights[at]!
        if (below * 2 > total || at === size - 1) return values[at]!
        if (below * 2 === total) return values[at]! / 2 + values[at + 1]! / 2
      }
      return values[size - 1]!
    },
  }
}
