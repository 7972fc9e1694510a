/** Which tracks have a slot of the streaming detector. Plain data: it is stored as it is. */
export interface SlotState {
  /** Slot of a track plus 1; 0 for none. */
  ofTrack: Int32Array
  /** Of each slot: its track (-1 for none), the order in which it was given, and whether it is a group's. */
  track: Int32Array
  order: Float64Array
  isGroup: Uint8Array
  /** Slots that were ever in use, and those among them that are free, the last freed one last. */
  size: number
  free: number[]
  given: number
  groups: number
}

export interface Slots {
  state(): SlotState
  /** -1 when the track has none. */
  of(track: number): number
  /**
   * A slot for a track that has none; -1 when there is no room. For what is no group room is made by the group that
   * came last: so who has a slot depends on nothing but the order in which tracks came.
   */
  take(track: number, isGroup: boolean): number
  /** Whether `take` would find room. */
  hasRoom(isGroup: boolean): boolean
  isGroup(slot: number): boolean
  /** Frees the slot of a track and answers its number; -1 when it had none. */
  release(track: number): number
}

const INITIAL_TRACKS = 256

export function createSlotState(): SlotState {
  return {
    ofTrack: new Int32Array(INITIAL_TRACKS),
    track: new Int32Array(0),
    order: new Float64Array(0),
    isGroup: new Uint8Array(0),
    size: 0,
    free: [],
    given: 0,
    groups: 0,
  }
}

/** Works on `state` in place; at most `max` slots. */
export function createSlots(state: SlotState, max: number): Slots {
  const of = (track: number): number => (track < state.ofTrack.length ? state.ofTrack[track]! - 1 : -1)
  const hasRoom = (isGroup: boolean): boolean =>
    state.free.length > 0 || state.size < max || (!isGroup && state.groups > 0)

  function release(track: number): number {
    const slot = of(track)
    if (slot === -1) return -1
    state.ofTrack[track] = 0
    state.track[slot] = -1
    state.groups -= state.isGroup[slot]!
    state.isGroup[slot] = 0
    state.free.push(slot)
    return slot
  }

  function lastGroup(): number {
    let last = -1
    for (let slot = 0; slot < state.size; slot++) {
      if (state.isGroup[slot] === 1 && (last === -1 || state.order[slot]! > state.order[last]!)) last = slot
    }
    return last
  }

  function take(track: number, isGroup: boolean): number {
    if (!hasRoom(isGroup)) return -1
    if (state.free.length === 0 && state.size >= max) release(state.track[lastGroup()]!)
    const slot = state.free.pop() ?? state.size++
    if (slot >= state.track.length) growSlots(state)
    if (track >= state.ofTrack.length) growTracks(state, track)
    state.ofTrack[track] = slot + 1
    state.track[slot] = track
    state.order[slot] = state.given++
    state.isGroup[slot] = isGroup ? 1 : 0
    state.groups += state.isGroup[slot]!
    return slot
  }

  return { state: () => state, of, take, hasRoom, isGroup: (slot) => state.isGroup[slot] === 1, release }
}

function growSlots(state: SlotState): void {
  const length = Math.max(16, state.track.length * 2)
  const track = new Int32Array(length).fill(-1)
  track.set(state.track)
  const order = new Float64Array(length)
  order.set(state.order)
  const isGroup = new Uint8Array(length)
  isGroup.set(state.isGroup)
  Object.assign(state, { track, order, isGroup })
}

function growTracks(state: SlotState, track: number): void {
  const ofTrack = new Int32Array(Math.max(track + 1, state.ofTrack.length * 2))
  ofTrack.set(state.ofTrack)
  state.ofTrack = ofTrack
}
