/**
 * One lane per (tenant, source), and the newest stream has it: what the intake still holds of an older stream of an
 * agent that lost its connection and came back must not be interleaved with the new one.
 */
export interface SourceLanes {
  /** Takes the lane, ends the stream that had it, and resolves when nothing of that one is on its way any more. */
  take(key: string, holder: LaneHolder): Promise<void>
}

export interface LaneHolder {
  supersede(): void
  /** Resolves when the stream has ended and the bus has settled what it had in flight. */
  readonly closed: Promise<void>
}

export function createSourceLanes(): SourceLanes {
  const holders = new Map<string, LaneHolder>()
  return {
    async take(key, holder) {
      const before = holders.get(key)
      holders.set(key, holder)
      void holder.closed.then(() => {
        if (holders.get(key) === holder) holders.delete(key)
      })
      before?.supersede()
      await before?.closed
    },
  }
}
