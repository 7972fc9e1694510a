import { afterEach, describe, expect, it, vi } from 'vitest'
import { createEngineChecks } from './engine-checks.ts'

afterEach(() => void vi.useRealTimers())

describe('the checks of engines', () => {
  it('are of those that a service uses', async () => {
    const checks = createEngineChecks({ analytics: { ping: async () => true }, hotState: { get: async () => null } })
    expect(checks.map(({ name }) => name)).toEqual(['analytics store', 'hot state'])
    for (const { check } of checks) expect(await check()).toEqual({ ok: true })
  })

  it('say why one fails', async () => {
    const [no, broken] = createEngineChecks({
      analytics: { ping: async () => false },
      metadata: { ping: () => Promise.reject(new Error('connection refused')) },
    })
    expect(await no?.check()).toEqual({ ok: false, reason: 'ClickHouse does not answer' })
    expect(await broken?.check()).toEqual({
      ok: false,
      reason: 'the metadata database does not answer: connection refused',
    })
  })

  it('do not wait for ever', async () => {
    vi.useFakeTimers()
    const [check] = createEngineChecks({ bus: { bus: { read: () => new Promise(() => {}) }, topic: 'ticks' } })
    const judged = check?.check()
    await vi.advanceTimersByTimeAsync(3000)
    expect(await judged).toEqual({ ok: false, reason: 'the bus does not answer within 3000 ms' })
  })
})
