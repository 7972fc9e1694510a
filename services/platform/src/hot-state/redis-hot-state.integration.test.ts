import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { startRedis } from '../../../../infra/servers/redis.ts'
import { describeWithServer } from '../testing/real-servers.ts'
import { describeHotState } from './hot-state.contract.ts'
import type { HotState } from './hot-state.ts'
import { createRedisHotState } from './redis-hot-state.ts'

const deps = { logger: pino({ level: 'silent' }) }

describeWithServer('redis', 'hot state on Redis', (server) => {
  const keyPrefix = `test-${randomUUID()}:`
  const open = (): HotState => createRedisHotState({ url: server().url, keyPrefix }, deps)
  describeHotState('the contract', () => ({ open, pass: async (ms) => sleep(ms) }))

  it('is one state for several processes', async () => {
    const views = [open(), open()] as const
    await Promise.all(views.map((view) => view.start()))
    await views[0].set('shared', 'v', 60_000)
    expect(await views[1].get('shared')).toBe('v')
    expect(await views[0].acquireLease('shared', 'a', 60_000)).toBe(true)
    expect(await views[1].acquireLease('shared', 'b', 60_000)).toBe(false)
    await Promise.all(views.map((view) => view.stop()))
  })
})

describeWithServer('redis', 'hot state on a Redis server of its own', () => {
  let own: Awaited<ReturnType<typeof startRedis>>
  let state: HotState
  beforeAll(async () => {
    own = await startRedis()
    state = createRedisHotState({ url: own.url }, deps)
    await state.start()
  })
  afterAll(async () => {
    await state.stop()
    await own.stop()
  })

  it('fails fast while the server is away and recovers by itself', async () => {
    await state.set('k', 'v', 60_000)
    await own.crash()
    for (let attempt = 0; attempt < 5; attempt++) {
      const startedAtMs = Date.now()
      await expect(state.get('k')).rejects.toMatchObject({ code: 'hot_state_unavailable', retryable: true })
      expect(Date.now() - startedAtMs).toBeLessThan(1500)
    }
    await own.restart()
    await vi.waitFor(async () => expect(await state.get('k')).toBeNull(), { timeout: 5000 })
    expect(await state.increment('k', 1, 60_000)).toBe(1)
  })

  it('gives up on a server that does not answer, and uses it again when it does', async () => {
    const processId = Number((await sendToRedis(own.url, 'INFO server')).match(/process_id:(\d+)/)?.[1])
    process.kill(processId, 'SIGSTOP')
    const startedAtMs = Date.now()
    await expect(state.get('k')).rejects.toMatchObject({ code: 'hot_state_unavailable', retryable: true })
    expect(Date.now() - startedAtMs).toBeLessThan(1500)
    process.kill(processId, 'SIGCONT')
    await vi.waitFor(async () => expect(await state.get('k')).toBe('1'), { timeout: 5000 })
  })

  it('starts once a server that is late is there, and says when none comes', async () => {
    await own.crash()
    const late = createRedisHotState({ url: own.url, startWithinMs: 10_000 }, deps)
    const starting = late.start()
    await own.restart()
    await starting
    await late.stop()
    const impatient = createRedisHotState({ url: 'redis://127.0.0.1:1', startWithinMs: 100 }, deps)
    await expect(impatient.start()).rejects.toMatchObject({ code: 'hot_state_unavailable', retryable: true })
    await impatient.stop()
  })
})

/** One inline command over a plain socket. */
async function sendToRedis(url: string, command: string): Promise<string> {
  const { connect } = await import('node:net')
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(`${command}\r\n`)
  const [answer] = await socket.setEncoding('utf8').take(1).toArray()
  socket.destroy()
  return answer as string
}
