import { describe, expect, it } from 'vitest'
import { encodeDescription, encodeTable, type TableParts } from '../testing/tables.ts'
import { advanceHost, createHostState, type Frame, tableFromRecent } from './host-state.ts'

const START = 1_700_000_000_000
const LIMITS = { durationMs: 150_000, bytes: 1_000_000 }

function frame(timeMs: number, parts: TableParts, changes: Partial<Frame> = {}): Frame {
  return {
    timeMs,
    keyFrame: false,
    description: new Uint8Array(),
    table: encodeTable(parts),
    gapBefore: false,
    ...changes,
  }
}

const keyFrame = (timeMs: number, ...pids: number[]): Frame =>
  frame(
    timeMs,
    { started: pids.map((pid) => ({ pid, startMs: START })), values: pids.map((pid) => ({ pid })) },
    { keyFrame: true, description: encodeDescription() },
  )

describe('the state of a host', () => {
  it('is whole after a key frame and keeps its description', () => {
    const host = createHostState('h')
    advanceHost(host, keyFrame(1000, 1, 2), 1005, LIMITS)
    expect(host).toMatchObject({ complete: true, timeMs: 1000, heardAtMs: 1005 })
    expect(host.description).toMatchObject({ osName: 'Linux', logicalCpus: 2, intervalSeconds: 1 })
    expect(host.groups.get('os:h:name-1')).toBe(1)
  })

  it('skips frames that are not newer: repeats after a reconnect', () => {
    const host = createHostState('h')
    advanceHost(host, keyFrame(1000, 1), 1000, LIMITS)
    expect(advanceHost(host, keyFrame(1000, 1, 2), 1001, LIMITS)).toBeNull()
    expect(host.rows.size).toBe(1)
  })

  it.each([
    ['a gap in the numbering', { gapBefore: true }, { values: [{ pid: 1, cpu: 1 }] }],
    ['values of an unknown instance', {}, { values: [{ pid: 99 }] }],
  ])('knows after %s that its table may be wrong, until the next key frame', (_, changes, parts) => {
    const host = createHostState('h')
    advanceHost(host, keyFrame(1000, 1), 1000, LIMITS)
    advanceHost(host, frame(2000, parts, changes), 2000, LIMITS)
    expect(host.complete).toBe(false)
    advanceHost(host, keyFrame(3000, 1), 3000, LIMITS)
    expect(host.complete).toBe(true)
  })

  it('shows a past moment from memory, as long as memory reaches back without a gap', () => {
    const host = createHostState('h')
    advanceHost(host, keyFrame(1000, 1), 1000, LIMITS)
    advanceHost(host, frame(2000, { started: [{ pid: 2, startMs: START }], values: [{ pid: 2 }] }), 2000, LIMITS)
    advanceHost(host, frame(3000, { ended: [{ pid: 1, startMs: START }] }), 3000, LIMITS)
    expect([...(tableFromRecent(host, 1999)?.rows.keys() ?? [])]).toEqual([1])
    expect([...(tableFromRecent(host, 2000)?.rows.keys() ?? [])]).toEqual([1, 2])
    expect([...(tableFromRecent(host, 9000)?.rows.keys() ?? [])]).toEqual([2])
    expect(tableFromRecent(host, 999)).toBeNull()
    advanceHost(host, frame(4000, { values: [{ pid: 2, cpu: 1 }] }, { gapBefore: true }), 4000, LIMITS)
    expect(tableFromRecent(host, 4000)).toBeNull()
  })

  it('keeps a bounded number of bytes and time', () => {
    const host = createHostState('h')
    for (let second = 1; second <= 500; second++) {
      advanceHost(host, keyFrame(second * 1000, 1, 2, 3), second * 1000, { durationMs: 10_000, bytes: 1_000_000 })
    }
    expect(host.recent).toHaveLength(11)
    for (let second = 501; second <= 520; second++) {
      advanceHost(host, keyFrame(second * 1000, 1, 2, 3), second * 1000, { durationMs: 10_000, bytes: 1 })
    }
    expect(host.recent).toHaveLength(1)
    expect(host.recentBytes).toBe(host.recent[0]?.table.length)
  })
})
