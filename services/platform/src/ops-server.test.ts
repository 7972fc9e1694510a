import { Gauge } from 'prom-client'
import { afterEach, expect, test } from 'vitest'
import { createSelfMetrics } from './metrics.ts'
import { createOpsServer, type HealthCheck, type OpsServer } from './ops-server.ts'

let server: OpsServer | undefined
afterEach(() => server?.stop())

async function open(checks: HealthCheck[]): Promise<string> {
  server = createOpsServer({ bind: '127.0.0.1', port: 0 }, { metrics: createSelfMetrics(), checks })
  await server.start()
  return `http://127.0.0.1:${server.port()}`
}

test('is alive, and ready when every check passes', async () => {
  const url = await open([{ name: 'bus', check: async () => ({ ok: true }) }])
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
})

test('is not ready while a check fails or throws, and says which', async () => {
  const url = await open([
    { name: 'bus', check: async () => ({ ok: false, reason: 'away' }) },
    { name: 'store', check: () => Promise.reject(new Error('refused')) },
  ])
  const response = await fetch(`${url}/readyz`)
  expect(response.status).toBe(503)
  expect(await response.text()).toBe('bus: away\nstore: refused\n')
})

test('does not wait for a check that never answers', async () => {
  const url = await open([{ name: 'store', check: () => new Promise(() => {}) }])
  const response = await fetch(`${url}/readyz`)
  expect(response.status).toBe(503)
  expect(await response.text()).toBe('store: no answer within 3500 ms\n')
}, 20_000)

test('answers although a metric cannot be read', async () => {
  const metrics = createSelfMetrics()
  metrics.registry.registerMetric(
    new Gauge({
      name: 'broken',
      help: 'Fails when it is read',
      registers: [],
      collect() {
        throw new Error('cannot be read')
      },
    }),
  )
  server = createOpsServer({ bind: '127.0.0.1', port: 0 }, { metrics, checks: [] })
  await server.start()
  expect((await fetch(`http://127.0.0.1:${server.port()}/metrics`)).status).toBe(500)
})

test('shows its metrics', async () => {
  const url = await open([])
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('driftline_process_resident_memory_bytes')
})

test('a taken port is named', async () => {
  const url = await open([])
  const second = createOpsServer(
    { bind: '127.0.0.1', port: Number(new URL(url).port) },
    { metrics: createSelfMetrics(), checks: [] },
  )
  await expect(second.start()).rejects.toMatchObject({ code: 'port_in_use' })
})
