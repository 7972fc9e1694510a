import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { networkPolicy } from '@driftline/checks/network-policy'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createRedisHotState } from '@driftline/platform/hot-state/redis-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, describe, expect, it } from 'vitest'
import { createHostLimits, type HostLimits } from './host-limits.ts'
import { windowOf } from './host-turns.ts'

const clock = { nowMs: () => Date.now() }
const logger = createLogger('fatal')
const patience = (): AbortSignal => AbortSignal.timeout(20_000)

interface Calls {
  increments: number
  leases: number
  broken: boolean
}

/** What every hot state makes of the limits; each call of `open` is another instance of the checker. */
function describeLimits(title: string, openState: () => Promise<HotState>): void {
  describe(title, () => {
    const opened: { limits: HostLimits; state: HotState }[] = []
    const open = async (rules: object = {}) => {
      const state = await openState()
      const calls: Calls = { increments: 0, leases: 0, broken: false }
      const away = (): void => {
        if (calls.broken) throw new Error('the hot state is away')
      }
      const hotState: Pick<HotState, 'increment' | 'acquireLease' | 'releaseLease'> = {
        async increment(...args) {
          calls.increments++
          away()
          return state.increment(...args)
        },
        async acquireLease(...args) {
          calls.leases++
          away()
          return state.acquireLease(...args)
        },
        async releaseLease(...args) {
          away()
          return state.releaseLease(...args)
        },
      }
      const policy = networkPolicy.parse({ requestsPerSecond: 1000, concurrent: 4, ...rules })
      const guard = { isExempt: (host: string, port: number) => host === 'product.example' && port === 8080 }
      const limits = createHostLimits({ policies: { of: async () => policy }, hotState, guard, clock })
      opened.push({ limits, state })
      return { limits, calls }
    }
    const host = (): string => `${randomUUID()}.example`
    afterAll(async () => {
      for (const { limits, state } of opened) {
        await limits.stop()
        await state.stop()
      }
    })

    it('lets so many in at once, over all instances, in the order in which they came', async () => {
      const [a, b] = [await open({ concurrent: 3 }), await open({ concurrent: 3 })]
      const name = host()
      let inside = 0
      let most = 0
      const order: number[] = []
      await Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const leave = await (index % 2 === 0 ? a : b).limits.enter('acme', name, patience())
          if (index % 2 === 0) order.push(index)
          inside++
          most = Math.max(most, inside)
          await sleep(10)
          inside--
          leave()
          leave()
        }),
      )
      expect(most).toBeLessThanOrEqual(3)
      expect(order).toEqual([...order].sort((one, two) => one - two))
    })

    it('lets so many begin in each second, over all instances', async () => {
      const [a, b] = [await open({ requestsPerSecond: 20 }), await open({ requestsPerSecond: 20 })]
      const name = host()
      const windows = new Map<number, number>()
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const leave = await (index % 2 === 0 ? a : b).limits.enter('acme', name, patience())
          const second = Math.floor(Date.now() / 1000)
          windows.set(second, (windows.get(second) ?? 0) + 1)
          leave()
        }),
      )
      // One that was let in at the very end of a second may be counted in the next.
      expect(Math.max(...windows.values())).toBeLessThanOrEqual(24)
      expect(windows.size).toBeGreaterThanOrEqual(3)
    })

    it('asks the hot state about once for a request, and not at all for hosts of its own', async () => {
      const { limits, calls } = await open()
      const name = host()
      for (let turn = 0; turn < 100; turn++) (await limits.enter('acme', name, patience()))()
      expect(calls.increments).toBeLessThanOrEqual(100)
      expect(calls.leases).toBeLessThanOrEqual(4)
      const before = calls.increments
      for (const own of ['127.0.0.1', 'localhost', '[::1]', '0x7f.1']) (await limits.enter('acme', own, patience()))()
      ;(await limits.enter('acme', 'product.example', patience(), 8080))()
      expect(calls.increments).toBe(before)
      ;(await limits.enter('acme', 'product.example', patience(), 443))()
      expect(calls.increments).toBe(before + 1)
    })

    it('keeps tenants and hosts apart, and takes the first limit that fits', async () => {
      const name = host()
      const hosts = [{ host: `*.${name}`, concurrent: 1, requestsPerSecond: 1000 }]
      const { limits } = await open({ concurrent: 2, hosts })
      await limits.enter('acme', `one.${name}`, patience())
      const leave = await limits.enter('other', `one.${name}`, patience())
      await limits.enter('acme', `two.${name}`, patience())
      await limits.enter('acme', name, patience())
      await limits.enter('acme', name, patience())
      await expect(limits.enter('acme', `one.${name}`, AbortSignal.timeout(100))).rejects.toMatchObject({
        reason: 'host_busy',
        message: expect.stringMatching(
          /^No turn at one\..* came within 0\.\d s: its limits are 1000 requests\/s and 1 at once/,
        ),
      })
      leave()
    })

    it('does not count those who gave up', async () => {
      const { limits } = await open({ concurrent: 1 })
      const name = host()
      const leave = await limits.enter('acme', name, patience())
      const gone = await Promise.allSettled(
        Array.from({ length: 20 }, () => limits.enter('acme', name, AbortSignal.timeout(20))),
      )
      expect(gone.every(({ status }) => status === 'rejected')).toBe(true)
      await expect(limits.enter('acme', name, AbortSignal.abort())).rejects.toMatchObject({ reason: 'host_busy' })
      const next = limits.enter('acme', name, patience())
      leave()
      ;(await next)()
    })

    it('bounds the line', async () => {
      const { limits } = await open({ concurrent: 1 })
      const name = host()
      const abort = new AbortController()
      const leave = await limits.enter('acme', name, patience())
      const line = Array.from({ length: 1000 }, () => limits.enter('acme', name, abort.signal).catch(() => null))
      await sleep(0)
      await expect(limits.enter('acme', name, patience())).rejects.toMatchObject({
        reason: 'host_busy',
        message: expect.stringMatching(/1000 other requests wait$/),
      })
      abort.abort()
      expect((await Promise.all(line)).every((each) => each === null)).toBe(true)
      leave()
    })

    it('goes on with the limits of its own while the hot state is away', async () => {
      const { limits, calls } = await open({ concurrent: 2, requestsPerSecond: 50 })
      calls.broken = true
      const name = host()
      const first = await limits.enter('acme', name, patience())
      await limits.enter('acme', name, patience())
      await expect(limits.enter('acme', name, AbortSignal.timeout(50))).rejects.toMatchObject({ reason: 'host_busy' })
      first()
      await limits.enter('acme', name, patience())
    })

    it('gives its places to others when it stops', async () => {
      const [a, b] = [await open({ concurrent: 1 }), await open({ concurrent: 1 })]
      const name = host()
      await a.limits.enter('acme', name, patience())
      await expect(b.limits.enter('acme', name, AbortSignal.timeout(300))).rejects.toMatchObject({
        reason: 'host_busy',
      })
      await a.limits.stop()
      ;(await b.limits.enter('acme', name, patience()))()
    })

    it('has the place of one that crashed back after its lifetime', async () => {
      const state = await openState()
      const name = host()
      const key = JSON.stringify(['acme', name, false])
      await state.acquireLease(`checker-place:${key}:0`, 'crashed', 800)
      const { limits } = await open({ concurrent: 1 })
      await expect(limits.enter('acme', name, AbortSignal.timeout(200))).rejects.toMatchObject({ reason: 'host_busy' })
      ;(await limits.enter('acme', name, patience()))()
      await state.stop()
    })
  })
}

const shared = createInProcessHotState({ maxKeys: 100_000 }, { clock })
describeLimits('limits of hosts in one process', async () => ({ ...shared, stop: async () => {} }))

describeWithServer('redis', 'limits of hosts over Redis', (server) => {
  const keyPrefix = `test-${randomUUID()}:`
  describeLimits('several instances', async () => {
    const state = createRedisHotState({ url: server().url, keyPrefix }, { logger })
    await state.start()
    return state
  })
})

describe('windows', () => {
  it.each([
    [10, 1000, 10],
    [1, 1000, 1],
    [0.2, 5000, 1],
    [1.5, 2000, 3],
    [10_000, 1000, 10_000],
    [0.3, 3334, 1],
  ])('%d/s: in each %d ms %d', (perSecond, windowMs, perWindow) => {
    expect(windowOf(perSecond)).toEqual({ windowMs, perWindow })
  })
})
