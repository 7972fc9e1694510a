import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { networkPolicy } from '@driftline/checks/network-policy'
import { webBrowserConfig } from '@driftline/checks/types/web'
import { createLogger } from '@driftline/platform/logger'
import { createBrowserPool } from '../../services/checker/src/browser/browser-pool.ts'
import type { CheckContext, CheckTools } from '../../services/checker/src/check-type.ts'
import { createAddressGuard } from '../../services/checker/src/net/address-guard.ts'
import { createWebBrowserType } from '../../services/checker/src/types/web-browser/web-browser.ts'

// A step in a real browser on a small local page: the first one starts Chromium. To reach: cold below 1.5 s, warm
// below 300 ms.
const ROUNDS = 20
const site = createServer(
  (_request, response) => void response.setHeader('content-type', 'text/html').end('<title>t</title>'),
)
await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
const { port } = site.address() as AddressInfo
const policies = { of: async () => networkPolicy.parse({ ownHosts: ['127.0.0.1'] }) }
const guard = createAddressGuard({ policies, exempt: () => [{ host: '127.0.0.1', port }], presetNetworks: [] })
const pool = createBrowserPool(
  { executable: null, pagesMax: 2, idleMs: 60_000, userAgent: 'Driftline/bench' },
  { guard, logger: createLogger('fatal') },
)
const limits = { enter: async () => () => {} }
const tools = { guard, policies, limits, http: {}, browsers: pool } as unknown as CheckTools
const type = createWebBrowserType(tools)

async function step(): Promise<number> {
  const startedMs = performance.now()
  const context: CheckContext = {
    tenant: 'default',
    process: 'flow:bench',
    signal: AbortSignal.timeout(30_000),
    deadlineMs: startedMs + 30_000,
    startedMs: Date.now(),
    log: () => {},
    mask: (text) => text,
    secret: () => {},
  }
  const answer = await type.run(webBrowserConfig.parse({ url: `http://127.0.0.1:${port}/` }), context)
  if ((await answer.fact('title')) !== 't') throw new Error('the page was not opened')
  await answer.close?.()
  return performance.now() - startedMs
}

const cold = await step()
const warm: number[] = []
for (let round = 0; round < ROUNDS; round++) warm.push(await step())
warm.sort((a, b) => a - b)
process.stdout.write(
  `browser step  cold ${cold.toFixed(0)} ms, warm p50 ${warm[ROUNDS / 2]!.toFixed(0)} ms, max ${warm.at(-1)!.toFixed(0)} ms\n`,
)
await pool.stop()
site.close()
