import { describe, expect, it } from 'vitest'
import { createRateMeter } from './rate-meter.ts'
import { createSources, type SourceFrame } from './sources.ts'

const NOW = 1_700_000_000_000
const description = { agentVersion: '1.2.3', intervalSeconds: 1 }

function frame(sequence: number, changes: Partial<SourceFrame> = {}): SourceFrame {
  const times = { eventMs: NOW, storedAtMs: NOW + 20, nowMs: NOW + 25 }
  return { source: 'a', epoch: '1', sequence: String(sequence), host: 'web-1', description, ...times, ...changes }
}

describe('sources', () => {
  it('notice by the numbering what is missing, and not what is repeated or begins', () => {
    const sources = createSources(10)
    const gaps = [frame(1), frame(2), frame(2), frame(5), frame(6), frame(1, { epoch: '2' })].map(sources.frame)
    expect(gaps).toEqual([false, false, false, true, false, false])
    expect(sources.missed()).toBe(2)
    expect(createSources(10).frame(frame(7))).toBe(true)
  })

  it('are shown with version, lag and status', () => {
    const sources = createSources(10)
    sources.frame(frame(1))
    expect(sources.list(NOW + 100)).toMatchObject([{ name: 'web-1', version: '1.2.3', lagSeconds: 0.02, status: 'ok' }])
    expect(sources.list(NOW + 60_000)).toMatchObject([{ status: 'silent' }])
  })

  it('say how much is still to come while a spool is emptied', () => {
    const sources = createSources(10)
    sources.frame(frame(1, { eventMs: NOW - 30_000 }))
    expect(sources.behind(NOW + 25)).toBe(28)
    sources.frame(frame(2))
    expect(sources.behind(NOW + 25)).toBe(0)
  })

  it('are bounded: the one unheard for longest goes', () => {
    const sources = createSources(2)
    for (const [index, source] of ['a', 'b', 'c'].entries()) sources.frame(frame(1, { source, nowMs: NOW + index }))
    expect(sources.list(NOW).map((item) => item.source)).toEqual(['b', 'c'])
  })
})

describe('a rate', () => {
  it('is of the last whole seconds', () => {
    const meter = createRateMeter()
    for (let second = 0; second < 20; second++) meter.add(100, NOW + second * 1000)
    expect(meter.perSecond(NOW + 20_000)).toBe(100)
    expect(meter.perSecond(NOW + 60_000)).toBe(0)
  })
})
