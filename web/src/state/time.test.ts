import { createPinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createApp, h } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import { useTime } from './time.ts'

const now = Date.UTC(2026, 10, 17, 14, 40, 10)
beforeEach(() => void vi.useFakeTimers({ now }))
afterEach(() => void vi.useRealTimers())

async function open(url: string) {
  const page = { render: () => h('p') }
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:rest(.*)*', component: page }] })
  const app = createApp(page)
  app.use(createPinia())
  app.use(router)
  await router.push(url)
  return { router, time: app.runWithContext(() => useTime()) }
}

it('opens with the range that holds the data, and grows with it', async () => {
  const { time, router } = await open('/')
  expect(time.rangeMs).toBe(3_600_000)
  time.noteBeginning(now - 60_000)
  expect(time.rangeMs).toBe(300_000)
  await vi.advanceTimersByTimeAsync(250_000)
  expect(time.rangeMs).toBe(900_000)
  expect(router.currentRoute.value.query).toEqual({})
})

it('leaves a range alone that somebody chose, and one that looks at the past', async () => {
  const { time, router } = await open('/?range=1h')
  time.noteBeginning(now - 60_000)
  expect(time.rangeMs).toBe(3_600_000)
  time.setRange(900_000)
  await vi.advanceTimersByTimeAsync(200)
  expect(router.currentRoute.value.query).toEqual({ range: '15m' })
  const past = await open('/')
  past.time.noteBeginning(now - 290_000)
  past.time.rewind(now - 60_000)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(past.time.rangeMs).toBe(300_000)
})

it('keeps a new range when another part of the query changes before the URL knows of it', async () => {
  const { time, router } = await open('/?range=5m')
  time.setRange(900_000)
  time.rewind(now - 600_000)
  await router.replace({ query: { range: '5m', q: 'nginx' } })
  expect([time.rangeMs, time.atMs]).toEqual([900_000, now - 600_000])
  await vi.advanceTimersByTimeAsync(200)
  expect(router.currentRoute.value.query).toMatchObject({ range: '15m', q: 'nginx', at: time.at })
})
