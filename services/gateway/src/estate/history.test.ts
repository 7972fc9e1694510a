import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { describe, expect, it } from 'vitest'
import { encodeTable } from '../testing/tables.ts'
import { createEstate } from './estate.ts'
import { createHistory, joinFrames } from './history.ts'
import type { Frame } from './host-state.ts'

/** A frame at a second: `k` is a key frame, `g` one with a gap before it, `c` a change. */
function frame(text: string): Frame {
  const [kind = '', second = ''] = [text[0], text.slice(1)]
  const pid = Number(second) + 1
  const table = encodeTable({ started: [{ pid, startMs: 1000 }], values: [{ pid }] })
  return {
    timeMs: Number(second) * 1000,
    keyFrame: kind === 'k',
    description: new Uint8Array(),
    table,
    gapBefore: kind === 'g',
  }
}
const framesOf = (text: string): Frame[] => (text === '' ? [] : text.split(' ').map(frame))

describe('frames of the store and of memory', () => {
  it.each([
    ['k1 c2 c3', 'c2 c3 c4', [1, 2, 3, 4]],
    ['k1 c2', 'c4 c5 k6 c7', [1, 2, 6, 7]],
    ['k1 c2', 'c2 g4 c5 k6', [1, 2, 6]],
    ['k1 c2 c3 c4', 'c2 g4 c5', [1, 2, 3, 4, 5]],
    ['', 'c1 c2', []],
    ['', 'c1 k2 c3', [2, 3]],
    ['k1', '', [1]],
  ])('%s and %s follow on each other as %j', (stored, recent, seconds) => {
    const joined = joinFrames(framesOf(stored), framesOf(recent), Number.NEGATIVE_INFINITY, 60_000)
    expect(joined.map(({ timeMs }) => timeMs / 1000)).toEqual(seconds)
  })
})

describe('the past of a host of which nothing is stored yet', () => {
  const historyOf = (recent: string) => {
    const recentLimits = { durationMs: 60_000, bytes: 1e6 }
    const estate = createEstate({
      processes: 9,
      hosts: 9,
      series: 9,
      sources: 9,
      recent: recentLimits,
      findings: { openAnomalies: 1, closedAnomalies: 1, alerts: 1 },
    })
    estate
      .tenant('default')
      .ensureHost('web-1')
      .recent.push(...framesOf(recent))
    const store = { query: async () => [] } as unknown as AnalyticsStore
    return createHistory({ store, estate })
  }

  it('is not known while memory begins between key frames', async () => {
    expect(await historyOf('c1 c2').tableAt('default', 'web-1', 9000)).toBeNull()
  })

  it('is known from the first key frame on, and stands still at a gap', async () => {
    const table = await historyOf('c1 k2 c3 g5 c6').tableAt('default', 'web-1', 9000)
    expect([table?.timeMs, [...(table?.rows.keys() ?? [])]]).toEqual([3000, [3, 4]])
  })

  it('plays up to a gap, and on from the next key frame', async () => {
    const frames = await historyOf('k1 c2 g4 c5 k6 c7').framesBetween('default', 'web-1', 1000, 7000)
    expect(frames.map(({ timeMs }) => timeMs)).toEqual([2000, 6000, 7000])
  })
})
