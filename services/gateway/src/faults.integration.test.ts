import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { readGatewayConfig } from './config.ts'
import { createGateway } from './service.ts'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'

let kit: GatewayKit | undefined
afterEach(async () => {
  await kit?.end()
  kit = undefined
})

describe('the gateway when something is wrong', () => {
  it('says what is away, answers what it still knows, and recovers by itself', async () => {
    kit = await startGatewayKit()
    const { request } = kit
    process.kill(kit.store.server.childPid() ?? 0, 'SIGKILL')
    const away = await eventually(
      () => request('/readyz', { token: null }),
      ({ status }) => expect(status).toBe(503),
    )
    expect(away.body.failing).toEqual([expect.stringMatching(/^analytics store: ClickHouse does not answer/)])
    expect((await request('/livez', { token: null })).status).toBe(200)
    expect((await request('/api/v1/overview')).status).toBe(200)
    const letters = await request('/api/v1/dead-letters')
    if (letters.status !== 200) {
      expect(letters).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
      expect(letters.headers.get('retry-after')).not.toBeNull()
    }
    await eventually(
      () => request('/readyz', { token: null }),
      ({ status }) => expect(status).toBe(200),
    )
  })

  it('says in one sentence that its port is taken', async () => {
    kit = await startGatewayKit()
    const port = new URL(kit.url).port
    const config = readGatewayConfig({ env: { DRIFTLINE_HTTP_PORT: port }, yaml: {}, file: null })
    const second = createGateway(config, kit.gatewayDeps)
    await expect(second.start()).rejects.toMatchObject({ code: 'port_in_use' })
    await second.stop()
  })
})

describe('TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-tls-'))
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('encrypts, and marks cookies and answers accordingly', async () => {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    execFileSync('openssl', [...made, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    kit = await startGatewayKit({ DRIFTLINE_TLS_CERT_FILE: cert, DRIFTLINE_TLS_KEY_FILE: key })
    const port = new URL(kit.url).port
    const headers = await new Promise<NodeJS.Dict<string | string[]>>((resolve, reject) => {
      get({ port, host: '127.0.0.1', path: '/livez', rejectUnauthorized: false }, (response) => {
        response.resume()
        resolve(response.headers)
      }).on('error', reject)
    })
    expect(headers['strict-transport-security']).toMatch(/max-age=31536000/)
  })

  it('names the file that it cannot read', async () => {
    kit = await startGatewayKit()
    const env = {
      DRIFTLINE_HTTP_PORT: '0',
      DRIFTLINE_TLS_CERT_FILE: '/nowhere.pem',
      DRIFTLINE_TLS_KEY_FILE: '/nowhere.key',
    }
    const gateway = createGateway(readGatewayConfig({ env, yaml: {}, file: null }), kit.gatewayDeps)
    await expect(gateway.start()).rejects.toThrow(/tls.cert_file: \/nowhere.pem cannot be read/)
    await gateway.stop()
  })
})
