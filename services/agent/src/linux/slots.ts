/** What the reader remembers of each slot of the instance table between scans: parallel columns, as there. */
export interface SlotMemory {
  /** Kept descriptors; -1 for none. */
  statFile: Int32Array
  ioFile: Int32Array
  /** Last scan that listed the pid. */
  seen: Int32Array
  startTicks: Float64Array
  /** When the counters below were read, monotonic seconds; 0 before the first reading. */
  readAt: Float64Array
  cpuTicks: Float64Array
  ioAt: Float64Array
  readBytes: Float64Array
  writeBytes: Float64Array
  /** Scans for which the I/O counters are read in any case, because they moved lately. */
  ioActive: Uint8Array
  ioDenied: Uint8Array
  nameHash: Int32Array
  argumentsAddress: Float64Array
  identityHash: Int32Array
  /** Monotonic seconds of the next reading of slow-changing files. */
  slowAt: Float64Array
  slowRounds: Uint8Array
  /** One of `End`, as far as it is known. */
  endKind: Uint8Array
}

export function createSlotMemory(slots: number): SlotMemory {
  return {
    statFile: new Int32Array(slots).fill(-1),
    ioFile: new Int32Array(slots).fill(-1),
    seen: new Int32Array(slots),
    startTicks: new Float64Array(slots),
    readAt: new Float64Array(slots),
    cpuTicks: new Float64Array(slots),
    ioAt: new Float64Array(slots),
    readBytes: new Float64Array(slots),
    writeBytes: new Float64Array(slots),
    ioActive: new Uint8Array(slots),
    ioDenied: new Uint8Array(slots),
    nameHash: new Int32Array(slots),
    argumentsAddress: new Float64Array(slots),
    identityHash: new Int32Array(slots),
    slowAt: new Float64Array(slots),
    slowRounds: new Uint8Array(slots),
    endKind: new Uint8Array(slots),
  }
}

export function growSlotMemory(memory: SlotMemory, slots: number): SlotMemory {
  const grown = createSlotMemory(slots)
  for (const name of Object.keys(memory) as (keyof SlotMemory)[]) grown[name].set(memory[name])
  return grown
}

/** Makes a slot ready for another instance. Descriptors must have been closed. */
export function clearSlotMemory(memory: SlotMemory, slot: number): void {
  for (const name of Object.keys(memory) as (keyof SlotMemory)[]) memory[name][slot] = 0
  memory.statFile[slot] = -1
  memory.ioFile[slot] = -1
}
