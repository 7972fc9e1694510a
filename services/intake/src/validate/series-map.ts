import { createIdTable } from '@driftline/platform/id-table'
import type { Series } from '@driftline/proto'

/** What `lowOf` and `highOf` stand for when a series is known but its definition was refused. */
export const REFUSED = 0

/**
 * What the series ids of one stream mean: the agent's id to ours, both as halves of 32 bits so that mapping a sample
 * makes no object. Bounded by `maxSize`; once an id found no room, unknown ids are dropped instead of refused.
 */
export interface SeriesMap {
  readonly size: number
  readonly overflowed: boolean
  /** Index of the agent's id: -1 when unknown, `REFUSED`, or an index for `lows` and `highs`. */
  indexOf(low: number, high: number): number
  lows(): Uint32Array
  highs(): Uint32Array
  /** Answers `new` or `changed` when consumers must hear of it, and `full` when there is no room. */
  define(agentId: bigint, series: Series): 'new' | 'changed' | 'same' | 'full'
  /** Makes samples of this id drop out without refusing the rest of their batch, whatever it meant before. */
  refuse(agentId: bigint): void
  /** Every definition that holds. */
  all(): readonly Series[]
}

const LOW = 0xffff_ffffn

export function createSeriesMap(options: { readonly maxSize: number; readonly seed: number }): SeriesMap {
  const table = createIdTable(options)
  const definitions: (Series | undefined)[] = [undefined]
  /** Indexes of definitions that were refused since: used again, or changes of mind would make the arrays grow. */
  const spare: number[] = []
  let lows = new Uint32Array(256)
  let highs = new Uint32Array(256)
  let overflowed = false

  const place = (low: number, high: number): number => {
    const index = spare.at(-1) ?? definitions.length
    if (!table.set(low, high, index)) {
      overflowed = true
      return -1
    }
    if (spare.pop() === undefined) definitions.push(undefined)
    if (index >= lows.length) {
      lows = widen(lows)
      highs = widen(highs)
    }
    return index
  }

  return {
    get size() {
      return table.size
    },
    get overflowed() {
      return overflowed
    },
    indexOf: (low, high) => table.get(low, high),
    lows: () => lows,
    highs: () => highs,
    define(agentId, series) {
      const low = Number(agentId & LOW)
      const high = Number(agentId >> 32n)
      let index = table.get(low, high)
      if (index === -1 || index === REFUSED) index = place(low, high)
      if (index === -1) return 'full'
      const before = definitions[index]
      definitions[index] = series
      lows[index] = Number(series.id & LOW)
      highs[index] = Number(series.id >> 32n)
      if (before === undefined) return 'new'
      const same = before.id === series.id && before.unit === series.unit && before.kind === series.kind
      return same ? 'same' : 'changed'
    },
    refuse(agentId) {
      const low = Number(agentId & LOW)
      const high = Number(agentId >> 32n)
      const index = table.get(low, high)
      if (!table.set(low, high, REFUSED)) overflowed = true
      if (index <= REFUSED) return
      definitions[index] = undefined
      spare.push(index)
    },
    all: () => definitions.filter((series) => series !== undefined),
  }
}

function widen(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(array.length * 2)
  wider.set(array)
  return wider
}
