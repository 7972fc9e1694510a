/** Numbers for the event seconds of one batch, in the order in which they came. */
export interface Seconds {
  readonly count: number
  /** The number of the second of a time in milliseconds. */
  slotOf(timeMs: number): number
  /** When a second begins, milliseconds since the Unix epoch. */
  startMs(slot: number): number
  clear(): void
}

/** Lines of one second stand together, so that the last one is nearly always the one that is asked for. */
export function createSeconds(): Seconds {
  const slots = new Map<number, number>()
  const starts: number[] = []
  let lastSecond = -1
  let lastSlot = 0
  return {
    get count() {
      return starts.length
    },
    slotOf(timeMs) {
      const second = Math.floor(timeMs / 1_000)
      if (second === lastSecond) return lastSlot
      let slot = slots.get(second)
      if (slot === undefined) {
        slot = starts.length
        slots.set(second, slot)
        starts.push(second * 1_000)
      }
      lastSecond = second
      lastSlot = slot
      return slot
    },
    startMs: (slot) => starts[slot]!,
    clear() {
      slots.clear()
      starts.length = 0
      lastSecond = -1
    },
  }
}
