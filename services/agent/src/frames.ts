import type { Columns, InstanceTable } from './table.ts'
import type { WireWriter } from './wire.ts'

/** Encodes process tables: all of it in key frames, else what changed since the frame before. */
export interface FrameBuilder {
  /** Writes a ProcessTable as the bytes of a field. Remembers what it told, so every frame must be sent, or the next
   * one be a key frame. Answers the number of instances whose values were written. */
  write(writer: WireWriter, field: number, table: InstanceTable, keyFrame: boolean): number
}

/**
 * A value is told again once it is further than this from the value last told, so an error never grows beyond it.
 * CPU time moves in clock ticks, far above its band; memory and rates move all the time and would be told in vain.
 */
export const deadbands = {
  cpuCores: 0.001,
  memoryShare: 0.005,
  residentBytes: 64 * 1024,
  virtualBytes: 1024 * 1024,
  rateShare: 0.02,
  rateBytesPerSecond: 512,
} as const

/** What was last told of each slot. */
interface Told {
  parentPid: Int32Array
  cpuCores: Float64Array
  residentBytes: Float64Array
  virtualBytes: Float64Array
  readBytesPerSecond: Float64Array
  writeBytesPerSecond: Float64Array
  threads: Int32Array
  openFiles: Int32Array
  state: Uint8Array
}

export function createFrameBuilder(): FrameBuilder {
  let told = createTold(512)
  let started = new Int32Array(512)
  let changed = new Int32Array(512)
  const texts = createTexts()

  const ensure = (slots: number): void => {
    if (slots <= started.length) return
    const grown = createTold(slots)
    for (const name of Object.keys(told) as (keyof Told)[]) grown[name].set(told[name])
    told = grown
    started = new Int32Array(slots)
    changed = new Int32Array(slots)
  }

  return {
    write: (writer, field, table, keyFrame) => {
      const columns = table.columns()
      ensure(columns.pid.length)
      texts.reset()
      let startedCount = 0
      let changedCount = 0
      for (let slot = 0; slot < table.size(); slot++) {
        if (columns.visible[slot] === 0) continue
        // A parent that ended hands its children on: the new one is part of who they are, so all of it is told.
        const whole = keyFrame || columns.fresh[slot] === 1 || columns.parentPid[slot] !== told.parentPid[slot]
        if (whole) started[startedCount++] = slot
        if (!whole && !hasMoved(told, columns, slot)) continue
        changed[changedCount++] = slot
        remember(told, columns, slot)
      }
      const mark = writer.open(field)
      // Field order is free on the wire: the texts are known once the identities have been written.
      if (startedCount > 0) writeIdentities(writer, table, started, startedCount, texts)
      if (changedCount > 0) writeValues(writer, columns, changed, changedCount)
      if (table.ended.pid.length > 0) writeEnds(writer, table)
      texts.write(writer)
      writer.close(mark)
      return changedCount
    },
  }
}

function createTold(slots: number): Told {
  return {
    parentPid: new Int32Array(slots),
    cpuCores: new Float64Array(slots),
    residentBytes: new Float64Array(slots),
    virtualBytes: new Float64Array(slots),
    readBytesPerSecond: new Float64Array(slots),
    writeBytesPerSecond: new Float64Array(slots),
    threads: new Int32Array(slots),
    openFiles: new Int32Array(slots),
    state: new Uint8Array(slots),
  }
}

function hasMoved(told: Told, columns: Columns, slot: number): boolean {
  const { memoryShare, rateShare, rateBytesPerSecond } = deadbands
  return (
    columns.state[slot] !== told.state[slot] ||
    columns.threads[slot] !== told.threads[slot] ||
    columns.openFiles[slot] !== told.openFiles[slot] ||
    beyond(columns.cpuCores[slot]!, told.cpuCores[slot]!, deadbands.cpuCores, 0) ||
    beyond(columns.residentBytes[slot]!, told.residentBytes[slot]!, deadbands.residentBytes, memoryShare) ||
    beyond(columns.virtualBytes[slot]!, told.virtualBytes[slot]!, deadbands.virtualBytes, memoryShare) ||
    beyond(columns.readBytesPerSecond[slot]!, told.readBytesPerSecond[slot]!, rateBytesPerSecond, rateShare) ||
    beyond(columns.writeBytesPerSecond[slot]!, told.writeBytesPerSecond[slot]!, rateBytesPerSecond, rateShare)
  )
}

/** A fall to zero is always told: "nothing any more" is not "a little less". */
function beyond(value: number, last: number, absolute: number, share: number): boolean {
  if (value === last) return false
  if (Number.isNaN(value) || Number.isNaN(last)) return Number.isNaN(value) !== Number.isNaN(last)
  if (value === 0) return true
  return Math.abs(value - last) >= Math.max(absolute, share * Math.abs(last))
}

function remember(told: Told, columns: Columns, slot: number): void {
  told.parentPid[slot] = columns.parentPid[slot]!
  told.state[slot] = columns.state[slot]!
  told.threads[slot] = columns.threads[slot]!
  told.openFiles[slot] = columns.openFiles[slot]!
  told.cpuCores[slot] = columns.cpuCores[slot]!
  told.residentBytes[slot] = columns.residentBytes[slot]!
  told.virtualBytes[slot] = columns.virtualBytes[slot]!
  told.readBytesPerSecond[slot] = columns.readBytesPerSecond[slot]!
  told.writeBytesPerSecond[slot] = columns.writeBytesPerSecond[slot]!
}

function writeIdentities(
  writer: WireWriter,
  table: InstanceTable,
  slots: Int32Array,
  count: number,
  texts: Texts,
): void {
  const columns = table.columns()
  const mark = writer.open(2)
  writeIntegers(writer, 1, columns.pid, slots, count)
  const times = writer.open(2)
  for (let at = 0; at < count; at++) writer.signed64(columns.startTimeMs[slots[at]!]!)
  writer.close(times)
  writeIntegers(writer, 3, columns.parentPid, slots, count)
  for (const [at, name] of (['name', 'command', 'user', 'group', 'container'] as const).entries()) {
    const column = writer.open(4 + at)
    for (let place = 0; place < count; place++) writer.varint(texts.indexOf(table.identity(slots[place]!)[name]))
    writer.close(column)
  }
  writeIntegers(writer, 9, columns.kernelThread, slots, count)
  writer.close(mark)
}

function writeValues(writer: WireWriter, columns: Columns, slots: Int32Array, count: number): void {
  const mark = writer.open(3)
  writeIntegers(writer, 1, columns.pid, slots, count)
  writeIntegers(writer, 2, columns.state, slots, count)
  writeFloats(writer, 3, columns.cpuCores, slots, count)
  writeIntegers(writer, 4, columns.residentBytes, slots, count)
  writeIntegers(writer, 5, columns.virtualBytes, slots, count)
  writeFloats(writer, 6, columns.readBytesPerSecond, slots, count)
  writeFloats(writer, 7, columns.writeBytesPerSecond, slots, count)
  writeIntegers(writer, 8, columns.threads, slots, count)
  writeIntegers(writer, 9, columns.openFiles, slots, count)
  writer.close(mark)
}

function writeEnds(writer: WireWriter, table: InstanceTable): void {
  const { pid, startTimeMs, kind } = table.ended
  const mark = writer.open(4)
  const pids = writer.open(1)
  for (const each of pid) writer.varint(each)
  writer.close(pids)
  const times = writer.open(2)
  for (const each of startTimeMs) writer.signed64(each)
  writer.close(times)
  const kinds = writer.open(3)
  for (const each of kind) writer.varint(each)
  writer.close(kinds)
  writer.close(mark)
}

type IntegerColumn = Int32Array | Uint8Array | Float64Array

/** Unknown counts (-1) and sizes (NaN) are 0 on the wire, whose integers have no word for "unknown". */
function writeIntegers(
  writer: WireWriter,
  field: number,
  column: IntegerColumn,
  slots: Int32Array,
  count: number,
): void {
  const mark = writer.open(field)
  for (let at = 0; at < count; at++) {
    const value = column[slots[at]!]!
    const isKnown = value >= 0
    writer.varint(isKnown ? value : 0)
  }
  writer.close(mark)
}

function writeFloats(writer: WireWriter, field: number, column: Float64Array, slots: Int32Array, count: number): void {
  const mark = writer.open(field)
  for (let at = 0; at < count; at++) writer.float(column[slots[at]!]!)
  writer.close(mark)
}

interface Texts {
  reset(): void
  indexOf(text: string): number
  write(writer: WireWriter): void
}

/** The texts of one frame; the first is the empty one. */
function createTexts(): Texts {
  const indexes = new Map<string, number>([['', 0]])
  return {
    reset: () => {
      indexes.clear()
      indexes.set('', 0)
    },
    indexOf: (text) => {
      let index = indexes.get(text)
      if (index === undefined) {
        index = indexes.size
        indexes.set(text, index)
      }
      return index
    },
    write: (writer) => {
      for (const text of indexes.keys()) writer.textElement(1, text)
    },
  }
}
