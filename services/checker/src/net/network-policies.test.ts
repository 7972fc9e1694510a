import { networkPolicy } from '@driftline/checks/network-policy'
import { describe, expect, it } from 'vitest'
import { createNetworkPolicies } from './network-policies.ts'

function setUp() {
  const state = { nowMs: 1_000_000, version: 1, reads: 0, broken: false }
  const store = {
    async get() {
      state.reads++
      if (state.broken) throw new Error('the database is away')
      const policy = networkPolicy.parse({ concurrent: state.version })
      return { policy, version: state.version, updatedAt: null, updatedBy: null }
    },
  }
  const policies = createNetworkPolicies({ store, clock: { nowMs: () => state.nowMs } })
  const concurrent = async (): Promise<number> => (await policies.of('acme')).concurrent
  return { state, policies, concurrent }
}

describe('policies of tenants', () => {
  it('are read again after two seconds, and once for all that ask at the same time', async () => {
    const { state, policies, concurrent } = setUp()
    await Promise.all(Array.from({ length: 10 }, concurrent))
    state.version = 2
    state.nowMs += 1999
    expect(await concurrent()).toBe(1)
    expect(state.reads).toBe(1)
    state.nowMs += 1
    expect(await concurrent()).toBe(2)
    const same = await policies.of('acme')
    state.nowMs += 5000
    expect(await policies.of('acme')).toBe(same)
    expect(state.reads).toBe(3)
  })

  it('hold on for a minute while the database is away, and no longer', async () => {
    const { state, concurrent } = setUp()
    await concurrent()
    state.broken = true
    state.nowMs += 30_000
    expect(await concurrent()).toBe(1)
    state.nowMs += 31_000
    await expect(concurrent()).rejects.toThrow('the database is away')
    state.broken = false
    expect(await concurrent()).toBe(1)
  })

  it('are read again when the clock was set back', async () => {
    const { state, concurrent } = setUp()
    await concurrent()
    state.version = 2
    state.nowMs -= 3_600_000
    expect(await concurrent()).toBe(2)
  })
})
