import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'

/** A real server that tests share, started on the first demand of a test run. */
export interface RunningServer {
  readonly url: string
  stop(): Promise<void>
}

const starters: Record<string, () => Promise<RunningServer>> = {
  kafka: async () => (await import('./kafka.ts')).startKafka(),
  postgres: async () => (await import('./postgres.ts')).startPostgres(),
  redis: async () => (await import('./redis.ts')).startRedis(),
  mosquitto: async () => (await import('./mosquitto.ts')).startMosquitto(),
  prometheus: async () => (await import('./prometheus.ts')).startPrometheus(),
  nginx: async () => (await import('./nginx.ts')).startNginx(),
  smtp: async () => (await import('./smtp.ts')).startSmtp(),
  oauth2: async () => (await import('./oauth2.ts')).startOauth2(),
  mariadb: async () => (await import('./mariadb.ts')).startMariadb(),
  sftp: async () => (await import('./sftp.ts')).startSftp(),
  s3: async () => (await import('./s3.ts')).startS3(),
  chromium: findChromium,
}

/**
 * Vitest's global setup: a desk on loopback where test files ask for a server by name (`GET /kafka`). It answers 200
 * with `{url}`, or 501 with `{reason}` when the machine lacks what the server needs.
 */
export default async function openDesk(project: TestProject): Promise<() => Promise<void>> {
  const running = new Map<string, Promise<RunningServer>>()
  const desk = createServer(async (request, response) => {
    const name = request.url?.slice(1) ?? ''
    const starter = starters[name]
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (starter === undefined) return answer(404, { reason: `no server is called "${name}"` })
    try {
      if (!running.has(name)) running.set(name, starter())
      const { url } = await running.get(name)!
      answer(200, { url })
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'missing'
      answer(missing ? 501 : 500, { reason: (error as Error).message })
    }
  })
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve))
  project.provide('serverDesk', `http://127.0.0.1:${(desk.address() as AddressInfo).port}`)
  return async () => {
    desk.close()
    desk.closeAllConnections()
    await Promise.allSettled([...running.values()].map(async (server) => (await server).stop()))
  }
}

async function findChromium(): Promise<RunningServer> {
  const candidates = [process.env.DRIFTLINE_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser']
  const path = candidates.find((candidate) => candidate !== undefined && existsSync(candidate))
  if (path === undefined) {
    throw Object.assign(new Error('Chromium is not installed (Debian package chromium)'), { code: 'missing' })
  }
  return { url: path, stop: async () => {} }
}

declare module 'vitest' {
  interface ProvidedContext {
    serverDesk: string
  }
}
