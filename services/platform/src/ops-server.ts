import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from './errors.ts'
import type { Component } from './lifecycle.ts'
import type { SelfMetrics } from './metrics.ts'

/** Whether something that a service needs answers now; a reason for people when it does not. */
export interface HealthCheck {
  readonly name: string
  check(): Promise<{ ok: true } | { ok: false; reason: string }>
}

export interface OpsConfig {
  readonly bind: string
  /** 0 picks a free port. */
  readonly port: number
}

/** `/livez`, `/readyz` and `/metrics` for a service that has no HTTP door of its own. `port()` answers after the start. */
export interface OpsServer extends Component {
  port(): number
}

export function createOpsServer(
  config: OpsConfig,
  deps: { metrics: SelfMetrics; checks: readonly HealthCheck[] },
): OpsServer {
  let server: Server | undefined
  return {
    name: 'ops-server',
    async start() {
      server = createServer((request, response) => {
        // Metrics are made by whoever counts: one that cannot be read must not end the service.
        answer(request.url ?? '/', response, deps).catch(() => response.writeHead(500).end())
      })
      await listen(server, config.port, config.bind)
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
    port() {
      assert(server, 'the ops server has not started')
      return (server.address() as AddressInfo).port
    },
  }
}

/** Listens, or says in one sentence why it cannot. Errors: `port_in_use`, `config_invalid`. */
export function listen(server: Server, port: number, bind: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `${bind}:${port}`
      if (cause.code === 'EADDRINUSE') {
        reject(new AppError('port_in_use', `${where} is taken by another program; choose another port`, { cause }))
      } else reject(new AppError('config_invalid', `cannot listen on ${where}: ${cause.message}`, { cause }))
    })
    server.listen(port, bind, resolve)
  })
}

/** A check that has no answer after this has failed; whoever asks for readiness waits hardly longer. */
const CHECK_MS_MAX = 3500

/** Runs every check; names each that fails, or does not answer in time, with its reason. */
export async function readiness(checks: readonly HealthCheck[]): Promise<{ ready: boolean; failing: string[] }> {
  const results = await Promise.all(
    checks.map(async ({ name, check }) => {
      try {
        const result = await inTime(check())
        return result.ok ? null : `${name}: ${result.reason}`
      } catch (error) {
        return `${name}: ${(error as Error).message}`
      }
    }),
  )
  const failing = results.filter((line) => line !== null)
  return { ready: failing.length === 0, failing }
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_MS_MAX} ms`)), CHECK_MS_MAX)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

async function answer(
  url: string,
  response: ServerResponse,
  deps: { metrics: SelfMetrics; checks: readonly HealthCheck[] },
): Promise<void> {
  const path = url.split('?', 1)[0]
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type }).end(body)
  }
  if (path === '/livez') return send(200, 'text/plain', 'ok\n')
  if (path === '/readyz') {
    const { ready, failing } = await readiness(deps.checks)
    return send(ready ? 200 : 503, 'text/plain', ready ? 'ok\n' : `${failing.join('\n')}\n`)
  }
  if (path === '/metrics') {
    return send(200, deps.metrics.registry.contentType, await deps.metrics.registry.metrics())
  }
  send(404, 'text/plain', 'not found\n')
}
