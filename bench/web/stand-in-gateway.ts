import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { WebSocket, WebSocketServer } from 'ws'
import type { MadeUpHost } from './made-up-host.ts'

export interface StandIn {
  readonly url: string
  close(): Promise<void>
}

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.woff2': 'font/woff2',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
}

const description = {
  osName: 'Debian',
  osVersion: '12',
  kernel: '6.1',
  architecture: 'x64',
  logicalCpus: 16,
  memoryBytes: 64 * 1024 ** 3,
  bootTime: new Date(Date.now() - 86_400_000).toISOString(),
  agentVersion: '0.1.0',
  intervalSeconds: 1,
}

/**
 * Serves the built web app and as much of the API as the page of one host asks for, from a made-up process table that
 * changes once a second. It takes the place of the gateway here so that the figures are of the screen alone.
 */
export async function startStandIn(dist: string, host: string, source: MadeUpHost): Promise<StandIn> {
  const empty = { items: [], nextCursor: null }
  const answers: readonly (readonly [RegExp, () => unknown])[] = [
    [
      /^\/sessions\/current$/,
      () => ({
        expiresAt: null,
        user: { kind: 'user', userId: '1', username: 'bench', role: 'viewer', tenant: 'default', permissions: [] },
      }),
    ],
    [
      /^\/hosts\/[^/]+\/processes$/,
      () => ({ host, time: new Date().toISOString(), description, items: source.rows(), nextCursor: null }),
    ],
    [/^\/processes\/[^/]+\/performance$/, () => ({ step: 60, resolution: '1m', points: [] })],
    [/^\/query$/, () => ({ unit: '', step: 60, resolution: '1m', series: [] })],
    [/^\/(hosts|processes|alerts|anomalies|sources)$/, () => empty],
  ]

  const serveFile = (path: string, response: ServerResponse): void => {
    let file = join(dist, normalize(path))
    if (!existsSync(file) || statSync(file).isDirectory()) file = join(dist, 'index.html')
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' })
    createReadStream(file).pipe(response)
  }

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    if (!path.startsWith('/api/v1/')) return serveFile(path, response)
    const found = answers.find(([pattern]) => pattern.test(path.slice('/api/v1'.length)))
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(found ? found[1]() : { title: 'Not part of the bench', status: 404 }))
  })

  const listening = new Set<WebSocket>()
  const channel = `host:${host}/processes`
  let seq = 0
  new WebSocketServer({ server, path: '/api/v1/live' }).on('connection', (socket) => {
    socket.on('message', (data) => {
      const { subscribe = [] } = JSON.parse(String(data)) as { subscribe?: string[] }
      if (!subscribe.includes(channel)) return
      socket.send(
        JSON.stringify({
          channel,
          seq,
          snapshot: { host, time: new Date().toISOString(), description, rows: source.rows() },
        }),
      )
      listening.add(socket)
    })
    socket.on('close', () => listening.delete(socket))
  })
  const timer = setInterval(() => {
    const changes = { time: new Date().toISOString(), ...source.tick() }
    seq += 1
    const frame = JSON.stringify({ channel, seq, changes })
    for (const socket of listening) if (socket.readyState === WebSocket.OPEN) socket.send(frame)
  }, 1000)

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      clearInterval(timer)
      for (const socket of listening) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
