import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, systemClock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import { listen } from '@driftline/platform/ops-server'
import { problem, readDemoRequest } from './demo-request.ts'
import { createDemoShop, type DemoShop } from './demo-shop.ts'

/**
 * A small shop's back office on this machine, for flows to be tried on: pages with links of which one is broken, a
 * form to sign in, a REST API, GraphQL; slow and failing wherever `?delayMs=` and `?status=` ask for it.
 */
export interface DemoTarget extends Component {
  /** `http://127.0.0.1:<port>`, after the start. */
  url(): string
}

export interface DemoTargetConfig {
  /** 0 picks a free one. Only this machine reaches it. */
  readonly port: number
}

const CONNECTIONS_MAX = 500
const DELAY_MS_MAX = 60_000
const BIND = '127.0.0.1'

export function createDemoTarget(
  config: DemoTargetConfig,
  { logger, clock = systemClock }: { readonly logger: Logger; readonly clock?: Clock },
): DemoTarget {
  let server: Server | undefined
  return {
    name: 'demo-target',
    async start() {
      const shop = createDemoShop(() => clock.nowMs())
      server = createServer((request, response) => {
        answer(shop, request, response).catch((error: unknown) => {
          // A client that goes away in the middle of its request is no news.
          if (!request.destroyed) logger.warn({ error }, 'the demo target could not answer')
          response.destroy()
        })
      })
      server.maxConnections = CONNECTIONS_MAX
      await listen(server, config.port, BIND)
    },
    async stop() {
      const closing = server
      server = undefined
      if (closing === undefined) return
      await new Promise((resolve) => {
        closing.close(resolve)
        closing.closeAllConnections()
      })
    },
    url() {
      assert(server, 'the demo target has not started')
      return `http://${BIND}:${(server.address() as AddressInfo).port}`
    },
  }
}

async function answer(shop: DemoShop, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = await readDemoRequest(incoming)
  const wanted = request === null ? null : numberIn(request.query.get('status'), 400, 599)
  const given =
    request === null
      ? problem(413, 'The body is too large')
      : wanted === null
        ? shop.answer(request)
        : problem(wanted, `Answered with ${wanted} because the address asks for it`)
  await delay(numberIn(request?.query.get('delayMs') ?? null, 1, DELAY_MS_MAX) ?? 0, response)
  if (response.destroyed) return
  for (const [name, value] of Object.entries(given.headers)) response.setHeader(name, value as string)
  // A page of the demo has nothing that a browser should keep or run.
  response.setHeader('cache-control', 'no-store')
  response.setHeader('content-security-policy', "default-src 'none'; img-src data:; form-action 'self'")
  response.statusCode = given.status
  response.end(incoming.method === 'HEAD' ? undefined : given.body)
}

function numberIn(text: string | null, min: number, max: number): number | null {
  const number = Number(text ?? Number.NaN)
  return Number.isInteger(number) && number >= min ? Math.min(max, number) : null
}

/** Ends early when the client goes away or the server stops. */
function delay(milliseconds: number, response: ServerResponse): Promise<void> {
  if (milliseconds === 0) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      response.off('close', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    response.on('close', done)
  })
}
