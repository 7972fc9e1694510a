/** A map that forgets what was not asked for lately. */
export interface Recent<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  /** Counts further weight that an entry has taken on, such as series that it remembers. */
  grow(weight: number): void
  readonly size: number
}

/**
 * Keeps at most two generations of `weightMax` each; `weigh` says what an entry counts. When the young
 * generation is full it becomes the old one, and the one before is dropped: no list to mend on each read.
 */
export function createRecent<V>(weightMax: number, weigh: (value: V) => number = () => 1): Recent<V> {
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  let weight = 0

  const turn = (): void => {
    old = young
    young = new Map()
    weight = 0
  }
  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const older = old.get(key)
      if (older === undefined) return undefined
      old.delete(key)
      this.set(key, older)
      return older
    },
    set(key, value) {
      const added = weigh(value)
      if (weight + added > weightMax) turn()
      weight += added
      old.delete(key)
      young.set(key, value)
    },
    grow(more) {
      weight += more
      if (weight > weightMax) turn()
    },
    get size() {
      return young.size + old.size
    },
  }
}
