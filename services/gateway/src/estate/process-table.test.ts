import { ProcessState } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import { processTable } from '../testing/tables.ts'
import { applyFrame, countGroups, type Rows } from './process-table.ts'

const START = 1_700_000_000_000

function tableOf(...pids: number[]): Rows {
  const rows: Rows = new Map()
  applyFrame(
    rows,
    processTable({ started: pids.map((pid) => ({ pid, startMs: START })), values: pids.map((pid) => ({ pid })) }),
    true,
  )
  return rows
}

describe('a frame applied to a process table', () => {
  it('gives whole rows for new instances, with null where the platform has no value', () => {
    const rows: Rows = new Map()
    const { upserts, removed, membership } = applyFrame(
      rows,
      processTable({
        started: [{ pid: 7, startMs: START, ppid: 1, name: 'a (b)\nc', group: 'os:h:a', container: 'web' }],
        values: [{ pid: 7, cpu: 0.123456, rss: 5_000_000_000, state: ProcessState.RUNNING }],
      }),
      true,
    )
    expect(upserts).toEqual([
      {
        pid: 7,
        ppid: 1,
        startTime: '2023-11-14T22:13:20.000Z',
        name: 'a (b)\nc',
        command: '/bin/name-7',
        user: 'root',
        state: 'running',
        cpu: 0.1235,
        rssBytes: 5_000_000_000,
        virtualBytes: 4096,
        readBytesPerSecond: null,
        writeBytesPerSecond: 0,
        threads: 1,
        openFiles: 3,
        group: 'os:h:a',
        container: 'web',
        kernelThread: false,
      },
    ])
    expect({ removed, membership }).toEqual({ removed: [], membership: true })
  })

  it('gives only what changed for known instances', () => {
    const rows = tableOf(1, 2)
    const { upserts, membership } = applyFrame(rows, processTable({ values: [{ pid: 2, cpu: 0.5 }] }), false)
    expect(upserts).toEqual([{ pid: 2, cpu: 0.5 }])
    expect(membership).toBe(false)
    expect(rows.get(2)?.cpu).toBe(0.5)
  })

  it('says nothing when a key frame repeats what is known', () => {
    const rows = tableOf(1, 2)
    const again = processTable({
      started: [1, 2].map((pid) => ({ pid, startMs: START })),
      values: [{ pid: 1 }, { pid: 2 }],
    })
    expect(applyFrame(rows, again, true)).toEqual({ upserts: [], removed: [], membership: false, orphans: 0 })
  })

  it('removes with a key frame what is not in it', () => {
    const rows = tableOf(1, 2, 3)
    const { removed } = applyFrame(rows, processTable({ started: [{ pid: 2, startMs: START }] }), true)
    expect(removed).toEqual([1, 3])
    expect([...rows.keys()]).toEqual([2])
  })

  it('replaces an instance whose pid was taken again, in one frame or in two', () => {
    const rows = tableOf(5)
    const reuse = processTable({
      ended: [{ pid: 5, startMs: START }],
      started: [{ pid: 5, startMs: START + 1000, name: 'other' }],
      values: [{ pid: 5 }],
    })
    const { upserts, removed } = applyFrame(rows, reuse, false)
    expect(removed).toEqual([])
    expect(upserts).toHaveLength(1)
    expect(upserts[0]).toMatchObject({ pid: 5, name: 'other', startTime: new Date(START + 1000).toISOString() })
    const late = applyFrame(rows, processTable({ ended: [{ pid: 5, startMs: START }] }), false)
    expect(late.removed).toEqual([])
    expect(rows.get(5)?.name).toBe('other')
  })

  it('takes exec over as a change of identity, and says that the group changed', () => {
    const rows = tableOf(9)
    const exec = processTable({ started: [{ pid: 9, startMs: START, name: 'sh', group: 'os:h:sh' }] })
    const { upserts, membership } = applyFrame(rows, exec, false)
    expect(upserts).toEqual([{ pid: 9, name: 'sh', group: 'os:h:sh' }])
    expect(membership).toBe(true)
    expect(countGroups(rows)).toEqual(new Map([['os:h:sh', 1]]))
  })

  it('counts values of instances that nobody introduced', () => {
    const rows = tableOf(1)
    expect(applyFrame(rows, processTable({ values: [{ pid: 77 }] }), false).orphans).toBe(1)
    expect(rows.has(77)).toBe(false)
  })
})
