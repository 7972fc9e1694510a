/** What a detector knows of some processes, found by unit as time passes and by process as it is forgotten. */
export interface PerUnit<T> {
  get(process: number): T | undefined
  set(unit: number, process: number, entry: T): void
  delete(process: number): void
  /** Entries of a unit by process, in the order in which they were set; undefined for none. */
  of(unit: number): ReadonlyMap<number, T> | undefined
  /** Plain data, given back to `createPerUnit`. */
  state(): PerUnitState<T>
}

export type PerUnitState<T> = Map<number, Map<number, T>>

export function createPerUnit<T>(state: PerUnitState<T> = new Map()): PerUnit<T> {
  const unitOf = new Map<number, number>()
  for (const [unit, entries] of state) for (const process of entries.keys()) unitOf.set(process, unit)
  return {
    get: (process) => state.get(unitOf.get(process) ?? -1)?.get(process),
    set(unit, process, entry) {
      const entries = state.get(unit) ?? new Map<number, T>()
      entries.set(process, entry)
      state.set(unit, entries)
      unitOf.set(process, unit)
    },
    delete(process) {
      const unit = unitOf.get(process)
      if (unit === undefined) return
      unitOf.delete(process)
      const entries = state.get(unit)!
      entries.delete(process)
      if (entries.size === 0) state.delete(unit)
    },
    of: (unit) => state.get(unit),
    state: () => state,
  }
}
