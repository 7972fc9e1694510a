import { fromBinary } from '@bufbuild/protobuf'
import { type ProcessTable, ProcessTableSchema } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFrameBuilder, deadbands } from './frames.ts'
import { createInstanceTable, End, type Identity, type InstanceTable } from './table.ts'
import { createWireWriter } from './wire.ts'

interface Row {
  startTimeMs: number
  parentPid: number
  identity: Identity
  values: readonly number[]
}

const FIELD = 7

function build(frames: ReturnType<typeof createFrameBuilder>, table: InstanceTable, keyFrame: boolean): ProcessTable {
  const writer = createWireWriter()
  frames.write(writer, FIELD, table, keyFrame)
  // The frame is the bytes of a field: tag and length come first.
  const bytes = Buffer.from(writer.view())
  let at = 1
  while (bytes[at]! >= 0x80) at++
  return fromBinary(ProcessTableSchema, bytes.subarray(at + 1))
}

/** Applies a frame as the wire's documentation says: ended, started, values. */
function apply(rows: Map<number, Row>, frame: ProcessTable, keyFrame: boolean): void {
  if (keyFrame) rows.clear()
  for (const pid of frame.ended?.pid ?? []) rows.delete(pid)
  const text = (index: number | undefined): string => frame.strings[index!]!
  for (const [at, pid] of (frame.started?.pid ?? []).entries()) {
    const { name, command, user, group, container, startTimeMs, parentPid } = frame.started!
    rows.set(pid, {
      parentPid: parentPid[at]!,
      startTimeMs: Number(startTimeMs[at]),
      identity: {
        name: text(name[at]),
        command: text(command[at]),
        user: text(user[at]),
        group: text(group[at]),
        container: text(container[at]),
      },
      values: [],
    })
  }
  for (const [at, pid] of (frame.values?.pid ?? []).entries()) {
    const v = frame.values!
    const row = rows.get(pid)
    if (row === undefined) throw new Error(`values of a pid that never started: ${pid}`)
    row.values = [
      v.state[at]!,
      v.cpuCores[at]!,
      Number(v.residentBytes[at]),
      Number(v.virtualBytes[at]),
      v.readBytesPerSecond[at]!,
      v.writeBytesPerSecond[at]!,
      v.threads[at]!,
      v.openFiles[at]!,
    ]
  }
}

/** What the rebuilt rows tell wrongly: beyond the deadbands, or of an instance that is not there. */
function differences(rows: Map<number, Row>, table: InstanceTable): string[] {
  const c = table.columns()
  const { rateBytesPerSecond, rateShare, memoryShare } = deadbands
  const wrong: string[] = []
  let alive = 0
  for (let slot = 0; slot < table.size(); slot++) {
    if (c.visible[slot] === 0) continue
    alive++
    const row = rows.get(c.pid[slot]!)
    const [state, cpu, resident, virtual, read, write, threads, openFiles] = row?.values ?? []
    const checks = {
      start: row?.startTimeMs === c.startTimeMs[slot],
      identity: JSON.stringify(row?.identity) === JSON.stringify(table.identity(slot)),
      parent: row?.parentPid === c.parentPid[slot],
      state: state === c.state[slot],
      cpu: isNear(cpu, c.cpuCores[slot]!, deadbands.cpuCores, 0),
      resident: isNear(resident, c.residentBytes[slot]!, deadbands.residentBytes, memoryShare),
      virtual: isNear(virtual, c.virtualBytes[slot]!, deadbands.virtualBytes, memoryShare),
      read: isNear(read, c.readBytesPerSecond[slot]!, rateBytesPerSecond, rateShare),
      write: isNear(write, c.writeBytesPerSecond[slot]!, rateBytesPerSecond, rateShare),
      threads: threads === c.threads[slot],
      openFiles: openFiles === Math.max(0, c.openFiles[slot]!),
    }
    for (const [name, isRight] of Object.entries(checks)) if (!isRight) wrong.push(`${name} of ${c.pid[slot]}`)
  }
  return rows.size === alive ? wrong : [...wrong, `${rows.size} rows of ${alive} instances`]
}

/** Floats of 32 bits add an error of their own. */
function isNear(told: number | undefined, real: number, absolute: number, share: number): boolean {
  if (told === undefined || Number.isNaN(real)) return told !== undefined && Number.isNaN(told)
  return Math.abs(told - real) <= Math.max(absolute, share * told) * 1.001 + real * 1e-6
}

const rate = fc.oneof(fc.constant(Number.NaN), fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true }))
const action = fc.record({
  pid: fc.integer({ min: 1, max: 12 }),
  kind: fc.constantFrom('values', 'end', 'exec', 'hide', 'reuse'),
  name: fc.string({ unit: 'grapheme', maxLength: 8 }),
  parent: fc.integer({ min: 0, max: 12 }),
  state: fc.integer({ min: 0, max: 6 }),
  cpu: fc.oneof(fc.constant(Number.NaN), fc.double({ min: 0, max: 64, noNaN: true })),
  bytes: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  read: rate,
  write: rate,
  count: fc.integer({ min: -1, max: 1000 }),
})
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

function act(table: InstanceTable, each: Action, serial: number): void {
  let slot = table.slotOf(each.pid)
  const identity = { name: each.name, command: `${each.name} x`, user: 'u', group: `os:h:${each.name}`, container: '' }
  if (slot >= 0 && (each.kind === 'end' || each.kind === 'reuse')) table.end(slot, End.success)
  if (each.kind === 'end') return
  slot = table.slotOf(each.pid)
  if (slot < 0) {
    slot = table.add(each.pid, 1_790_000_000_000 + serial)
    table.identify(slot, identity)
  } else if (each.kind === 'exec') table.identify(slot, identity)
  if (each.kind === 'hide') table.identify(slot, null)
  const columns = table.columns()
  columns.parentPid[slot] = each.parent
  columns.state[slot] = each.state
  columns.cpuCores[slot] = each.cpu
  columns.residentBytes[slot] = each.bytes
  columns.virtualBytes[slot] = each.bytes
  columns.readBytesPerSecond[slot] = each.read
  columns.writeBytesPerSecond[slot] = each.write
  columns.threads[slot] = Math.abs(each.count)
  columns.openFiles[slot] = each.count
}

describe('frames', () => {
  it('rebuild the table from a key frame and the changes after it', () => {
    const scan = fc.record({ keyFrame: fc.boolean(), actions: fc.array(action, { maxLength: 12 }) })
    fc.assert(
      fc.property(fc.array(scan, { minLength: 1, maxLength: 12 }), (scans) => {
        const table = createInstanceTable()
        const frames = createFrameBuilder()
        const rows = new Map<number, Row>()
        let serial = 0
        for (const [at, { keyFrame, actions }] of scans.entries()) {
          table.beginScan()
          for (const each of actions) act(table, each, serial++)
          const whole = keyFrame || at === 0
          apply(rows, build(frames, table, whole), whole)
          expect(differences(rows, table)).toEqual([])
        }
      }),
      { numRuns: 60 },
    )
  })

  it('tell nothing of what does not change, and nothing of noise', () => {
    const table = createInstanceTable()
    const frames = createFrameBuilder()
    for (let pid = 1; pid <= 2000; pid++) table.identify(table.add(pid, pid), { ...NOBODY, name: `p${pid}` })
    table.columns().residentBytes.fill(100e6)
    expect(build(frames, table, true).values?.pid.length).toBe(2000)
    table.beginScan()
    table.columns().residentBytes.fill(100e6 + 60_000)
    const quiet = build(frames, table, false)
    expect(quiet.values).toBeUndefined()
    expect(quiet.started).toBeUndefined()
    expect(quiet.strings).toEqual([''])
  })

  it('do not let small steps add up unseen', () => {
    const table = createInstanceTable()
    const frames = createFrameBuilder()
    const slot = table.add(1, 1)
    table.identify(slot, NOBODY)
    build(frames, table, true)
    let told = 0
    for (let step = 1; step <= 100; step++) {
      table.beginScan()
      table.columns().residentBytes[slot] = step * 10_000
      const frame = build(frames, table, false)
      if (frame.values !== undefined) told = Number(frame.values.residentBytes[0])
      expect(step * 10_000 - told).toBeLessThan(deadbands.residentBytes)
    }
  })

  it('never end what was never told', () => {
    const table = createInstanceTable()
    const slot = table.add(5, 1)
    table.identify(slot, NOBODY)
    table.end(slot, End.failure)
    expect(table.ended.pid).toEqual([])
    const other = table.add(6, 1)
    table.identify(other, NOBODY)
    table.beginScan()
    table.end(other, End.failure)
    expect(table.ended).toEqual({ pid: [6], startTimeMs: [1], kind: [End.failure] })
  })
})

const NOBODY: Identity = { name: '', command: '', user: '', group: '', container: '' }
