import { randomInt } from 'node:crypto'
import { viewOf } from './byte-search.ts'

/** Names of the fields of one source, each with a small number, so that rows keep numbers and no strings. */
export interface FieldNames {
  /** Numbers are 1 to `size`. */
  readonly size: number
  /** How often a name was turned away because there were too many, or because it was too long. */
  readonly leftOut: number
  /** What `roles.ts` made of the name, by its number. */
  readonly roles: Uint8Array
  /**
   * The number of the name in these bytes, beneath `parent` (0: at the top; else joined by a dot). Answers -1 when the
   * bound is reached; the field is then left out.
   */
  intern(parent: number, buffer: Uint8Array, from: number, to: number): number
  /** The number of a whole name, made when there is room; -1 without. */
  add(name: string): number
  /** The number of a name, or -1. */
  idOf(name: string): number
  nameOf(id: number): string
  /** The names as JSON keys, one after the other: `,"name":`. That of a name is `keyFrom[id]` to `keyFrom[id + 1]`. */
  readonly keys: DataView
  readonly keyFrom: Uint32Array
}

const NAME_BYTES_MAX = 256

/**
 * `namesMax` bounds the names and, at twice as many, the ways to write them (`a.b` may be a key or a path). `onName`
 * answers the role of a new name. The hash is seeded at random, so that keys cannot be chosen to collide.
 */
export function createFieldNames(options: {
  readonly namesMax?: number
  readonly onName?: (name: string) => number
}): FieldNames {
  const namesMax = options.namesMax ?? 2_048
  const entriesMax = namesMax * 2
  const slots = new Int32Array(nextPowerOfTwo(entriesMax * 2)).fill(-1)
  const mask = slots.length - 1
  const seed = randomInt(2 ** 31)
  const roles = new Uint8Array(namesMax + 1)
  const ids = new Map<string, number>()
  const names: string[] = ['']
  let keys = new Uint8Array(1_024)
  let keysView = viewOf(keys)
  const keyFrom = new Uint32Array(namesMax + 2)
  // One entry per (parent, bytes): the bytes lie one after the other in `store`.
  const entryParent = new Int32Array(entriesMax)
  const entryFrom = new Int32Array(entriesMax)
  const entryTo = new Int32Array(entriesMax)
  const entryId = new Int32Array(entriesMax)
  let store = new Uint8Array(4_096)
  let stored = 0
  let entries = 0
  let leftOut = 0

  const same = (entry: number, parent: number, buffer: Uint8Array, from: number, to: number): boolean => {
    if (entryParent[entry] !== parent) return false
    const start = entryFrom[entry]!
    if (entryTo[entry]! - start !== to - from) return false
    for (let i = from, j = start; i < to; i++, j++) if (buffer[i] !== store[j]) return false
    return true
  }

  const add = (name: string): number => {
    const known = ids.get(name)
    if (known !== undefined) return known
    if (names.length > namesMax || Buffer.byteLength(name) > NAME_BYTES_MAX) {
      leftOut += 1
      return -1
    }
    const id = names.length
    names.push(name)
    const key = Buffer.from(`,${JSON.stringify(name.toWellFormed())}:`)
    if (keyFrom[id]! + key.length > keys.length) {
      keys = grown(keys, keyFrom[id]! + key.length)
      keysView = viewOf(keys)
    }
    keys.set(key, keyFrom[id])
    keyFrom[id + 1] = keyFrom[id]! + key.length
    ids.set(name, id)
    roles[id] = options.onName?.(name) ?? 0
    return id
  }

  const addEntry = (parent: number, buffer: Uint8Array, from: number, to: number, slot: number): number => {
    if (entries >= entriesMax) {
      leftOut += 1
      return -1
    }
    const text = Buffer.from(buffer.subarray(from, to)).toString('utf8')
    const id = add(parent === 0 ? text : `${names[parent]}.${text}`)
    if (id === -1) return -1
    if (stored + to - from > store.length) store = grown(store, stored + to - from)
    store.set(buffer.subarray(from, to), stored)
    entryParent[entries] = parent
    entryFrom[entries] = stored
    entryTo[entries] = stored + to - from
    entryId[entries] = id
    stored += to - from
    slots[slot] = entries
    entries += 1
    return id
  }

  return {
    get size() {
      return names.length - 1
    },
    get leftOut() {
      return leftOut
    },
    roles,
    intern(parent, buffer, from, to) {
      if (to - from > NAME_BYTES_MAX) {
        leftOut += 1
        return -1
      }
      let hash = seed ^ Math.imul(parent, 0x9e3779b1)
      for (let i = from; i < to; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193)
      let slot = (hash ^ (hash >>> 15)) & mask
      for (let entry = slots[slot]!; entry !== -1; entry = slots[slot]!) {
        if (same(entry, parent, buffer, from, to)) return entryId[entry]!
        slot = (slot + 1) & mask
      }
      return addEntry(parent, buffer, from, to, slot)
    },
    add,
    idOf: (name) => ids.get(name) ?? -1,
    nameOf: (id) => names[id] ?? '',
    get keys() {
      return keysView
    },
    keyFrom,
  }
}

function grown(bytes: Uint8Array<ArrayBuffer>, atLeast: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(bytes.length * 2, atLeast))
  larger.set(bytes)
  return larger
}

function nextPowerOfTwo(atLeast: number): number {
  let size = 64
  while (size < atLeast) size *= 2
  return size
}
