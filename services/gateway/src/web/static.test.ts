import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWeb } from './static.ts'

let server: Server
const directory = mkdtempSync(join(tmpdir(), 'driftline-web-'))

beforeAll(async () => {
  mkdirSync(join(directory, 'assets'))
  writeFileSync(join(directory, 'index.html'), '<!doctype html><title>app</title>')
  writeFileSync(join(directory, 'assets/main-1a2b.js'), 'export {}')
  writeFileSync(join(directory, 'assets/main-1a2b.js.br'), brotliCompressSync('export {}'))
  writeFileSync(join(directory, 'manifest.webmanifest'), '{}')
  const app = express().use(createWeb(directory))
  app.use((_request, response) => void response.status(404).send('none'))
  server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.close()
  rmSync(directory, { recursive: true })
})

/** Raw: `fetch` would unpack, and tidy up the path. */
function ask(path: string, headers: Record<string, string> = {}) {
  const { port } = server.address() as AddressInfo
  return new Promise<{ status: number; type: string; cache: string; encoding: string; bytes: number }>((resolve) => {
    get({ port, path, headers: { accept: '*/*', ...headers } }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      response.on('end', () => {
        const header = (name: string): string => String(response.headers[name] ?? '')
        resolve({
          status: response.statusCode ?? 0,
          type: header('content-type'),
          cache: header('cache-control'),
          encoding: header('content-encoding'),
          bytes,
        })
      })
    })
  })
}

describe('the web app', () => {
  it.each(['/', '/hosts/web-1.example', '/processes/os%3Aweb-1%3Anginx.service'])(
    'answers %s with its page',
    async (path) => {
      expect(await ask(path, { accept: 'text/html,application/xhtml+xml,*/*' })).toMatchObject({
        status: 200,
        type: 'text/html; charset=utf-8',
        cache: 'no-cache',
      })
    },
  )

  it('keeps files with a hash in their name for good, and asks again for others', async () => {
    expect((await ask('/assets/main-1a2b.js')).cache).toBe('public, max-age=31536000, immutable')
    expect((await ask('/manifest.webmanifest')).cache).toBe('no-cache')
  })

  it('sends what is packed to who can unpack it', async () => {
    const packed = await ask('/assets/main-1a2b.js', { 'accept-encoding': 'gzip, br' })
    expect(packed).toMatchObject({ status: 200, encoding: 'br', type: 'text/javascript; charset=utf-8' })
    expect(await ask('/assets/main-1a2b.js')).toMatchObject({ encoding: '', bytes: 9 })
  })

  it.each(['/missing.js', '/assets/gone-ffff.css', '/../secret.txt', '/%2e%2e/secret.txt', '/.env'])(
    '%s is 404',
    async (path) => {
      expect((await ask(path)).status).toBe(404)
    },
  )

  it('never answers a page for a file that a page refers to', async () => {
    expect((await ask('/assets/gone-ffff.css', { accept: 'text/html' })).status).toBe(404)
  })
})
