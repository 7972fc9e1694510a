/** Values of one batch by group, for exact quantiles of each. */
export interface ValueGroups {
  readonly size: number
  /** Values that found no room since the start. */
  readonly leftOut: number
  add(group: number, value: number): void
  /**
   * Calls `each` with the sorted values of every group that has some, by rising number of the group. `renumber` may
   * put groups together; it answers a number below `groups`. The values are valid during the call only.
   */
  forEachSorted(
    groups: number,
    renumber: ((group: number) => number) | null,
    each: (group: number, sorted: Float64Array) => void,
  ): void
  clear(): void
}

/** Values of one batch that quantiles are made of; further ones are left out and counted. */
const VALUES_MAX = 1 << 19

/** A batch is small enough to keep its values, so quantiles are exact: their only error is the batch's end. */
export function createValueGroups(): ValueGroups {
  let group = new Int32Array(1_024)
  let value = new Float64Array(1_024)
  let sorted = new Float64Array(0)
  let size = 0
  let leftOut = 0

  const grow = (): void => {
    const groups = new Int32Array(group.length * 2)
    groups.set(group)
    group = groups
    const values = new Float64Array(value.length * 2)
    values.set(value)
    value = values
  }

  return {
    get size() {
      return size
    },
    get leftOut() {
      return leftOut
    },
    add(number, measured) {
      if (size === group.length) {
        if (size >= VALUES_MAX) {
          leftOut += 1
          return
        }
        grow()
      }
      group[size] = number
      value[size] = measured
      size += 1
    },
    forEachSorted(groups, renumber, each) {
      // Counting sort by group, then the values of each group by themselves.
      const ends = new Int32Array(groups + 1)
      for (let i = 0; i < size; i++) {
        if (renumber !== null) group[i] = renumber(group[i]!)
        ends[group[i]! + 1]! += 1
      }
      for (let i = 1; i <= groups; i++) ends[i]! += ends[i - 1]!
      if (sorted.length < size) sorted = new Float64Array(value.length)
      const next = ends.slice()
      for (let i = 0; i < size; i++) {
        const at = next[group[i]!]!
        sorted[at] = value[i]!
        next[group[i]!] = at + 1
      }
      for (let i = 0; i < groups; i++) {
        const from = ends[i]!
        const to = ends[i + 1]!
        if (to > from) each(i, sorted.subarray(from, to).sort())
      }
    },
    clear() {
      size = 0
    },
  }
}

/** The value below which a share of sorted values lies, by nearest rank; the median of an even number is the mean of two. */
export function quantileOf(sorted: Float64Array, share: number): number {
  const count = sorted.length
  const middle = count >> 1
  if (share === 0.5 && count % 2 === 0) return (sorted[middle - 1]! + sorted[middle]!) / 2
  return sorted[Math.max(0, Math.ceil(share * count) - 1)]!
}
