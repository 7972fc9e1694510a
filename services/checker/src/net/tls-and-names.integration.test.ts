import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dnsConfig, tcpConfig, tlsConfig } from '@driftline/checks/types/network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CheckTools } from '../check-type.ts'
import { createDnsType } from '../types/dns/dns-type.ts'
import { createTcpType } from '../types/tcp/tcp-type.ts'
import { createTlsType } from '../types/tls/tls-type.ts'
import { type Certificates, type KeyAndCertificate, makeCertificates } from './testing/certificates.ts'
import { type HostileServer, startHostileServer } from './testing/hostile-server.ts'
import { addressRecord, type NameServer, nameRecord, startNameServer } from './testing/name-server.ts'
import { createContext, createNetRig } from './testing/net-rig.ts'

let certificates: Certificates
let servers: Server[] = []
const rig = createNetRig()
const tools = rig as unknown as CheckTools
beforeAll(() => {
  certificates = makeCertificates()
})
afterAll(async () => {
  await rig.stop()
  for (const server of servers) server.close()
  servers = []
})

async function serve(identity: KeyAndCertificate, more: object = {}): Promise<number> {
  const server = createServer({ ...identity, ...more }, (_request, response) => response.end('secure'))
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const ask = (port: number, more: object = {}) =>
  rig.http.request({
    tenant: 'acme',
    method: 'GET',
    url: `https://127.0.0.1:${port}/`,
    signal: AbortSignal.timeout(10_000),
    ...more,
  })
const trusting = () => ({ identity: { certificate: '', key: '', authorities: certificates.authority } })

describe('certificates', () => {
  it.each([
    [
      'good',
      false,
      /comes from an authority that is not trusted here|was issued by authority, which is not known here/,
    ],
    ['expired', true, /^The certificate of 127\.0\.0\.1 expired on \d{4}-\d\d-\d\d, \d days ago$/],
    ['otherHost', true, /^The certificate of 127\.0\.0\.1 is for other\.example, not for 127\.0\.0\.1$/],
    ['selfSigned', true, /^The certificate of 127\.0\.0\.1 is self-signed: no authority vouches for it$/],
  ] as const)('says what is wrong with %s', async (name, trusted, message) => {
    const port = await serve(certificates[name])
    await expect(ask(port, trusted ? trusting() : {})).rejects.toMatchObject({
      reason: 'certificate_invalid',
      message: expect.stringMatching(message),
    })
  })

  it('trusts the authorities of a credential, and shows its certificate where one is asked for', async () => {
    const port = await serve(certificates.good)
    expect((await ask(port, trusting())).body.toString()).toBe('secure')
    const strict = { ca: certificates.authority, requestCert: true, rejectUnauthorized: true }
    const asking = await serve(certificates.good, strict)
    const { key, cert: certificate } = certificates.client
    const identity = { certificate, key, authorities: certificates.authority }
    expect((await ask(asking, { identity })).body.toString()).toBe('secure')
    await expect(ask(asking, trusting())).rejects.toMatchObject({ reason: 'credentials_refused' })
  })

  it.each([
    ['good', {}, ['certificate_invalid'], false],
    ['good', { trusted: false }, [], false],
    ['soon', { trusted: false }, ['certificate_expiring'], false],
    ['soon', { trusted: false, daysLeftMin: 3 }, [], false],
    ['expired', { trusted: false }, ['certificate_invalid'], false],
    ['otherHost', { serverName: 'other.example' }, ['certificate_invalid'], false],
  ] as const)('the tls check of %s with %j finds %j', async (name, more, reasons, trusted) => {
    const port = await serve(certificates[name])
    const { context } = createContext()
    const config = tlsConfig.parse({ host: '127.0.0.1', port, ...more })
    const answer = await createTlsType(tools).run(config, context)
    expect(answer.faults?.map(({ failure }) => failure.reason)).toEqual(reasons)
    expect(answer.fact('trusted')).toBe(trusted)
    expect(answer.fact('subject')).toBe(name)
    expect(answer.fact('issuer')).toBe('authority')
    expect(answer.fact('protocol')).toBe('TLSv1.3')
    expect(answer.fact('fingerprint')).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
    if (name === 'soon') expect(answer.fact('days_left')).toBeCloseTo(4.9, 1)
  })

  it('says the days in the message of one that expires soon', async () => {
    const port = await serve(certificates.soon)
    const config = tlsConfig.parse({ host: '127.0.0.1', port, trusted: false })
    const { faults } = await createTlsType(tools).run(config, createContext().context)
    expect(faults?.[0]?.failure.message).toMatch(
      /^The certificate of 127\.0\.0\.1 expires in 4 days, on \d{4}-\d\d-\d\d, expected at least 14 days$/,
    )
  })
})

describe('names that change between look-up and connection', () => {
  let names: NameServer
  let good: HostileServer
  let inner: HostileServer
  let turn = 0
  beforeAll(async () => {
    good = await startHostileServer('127.0.0.2')
    inner = await startHostileServer('127.0.0.1', good.port)
    names = await startNameServer(() => [addressRecord(turn++ === 0 ? '127.0.0.2' : '127.0.0.1')])
  })
  afterAll(() => Promise.all([names.stop(), good.stop(), inner.stop()]))

  it('connects to the address that was checked, and refuses the next', async () => {
    const resolver = new Resolver()
    resolver.setServers([names.address])
    const rebinding = createNetRig({
      policy: { allowedNetworks: ['127.0.0.2/32'] },
      resolver: async (name) => (await resolver.resolve4(name)).map((address) => ({ address })),
    })
    const url = `http://rebind.example:${good.port}/echo`
    const request = { tenant: 'acme', method: 'GET', url, signal: AbortSignal.timeout(10_000) }
    expect((await rebinding.http.request(request)).body.toString()).toMatch(/host: rebind\.example/)
    expect(names.questions).toEqual(['A rebind.example'])
    await rebinding.http.stop()
    await expect(rebinding.http.request(request)).rejects.toMatchObject({
      reason: 'address_refused',
      message: expect.stringMatching(
        /^Connecting to rebind\.example \(127\.0\.0\.1\) is not allowed: it is a loopback/,
      ),
    })
    expect(inner.requests).toEqual([])
    await rebinding.stop()
  })
})

describe('the dns check', () => {
  let names: NameServer
  beforeAll(async () => {
    names = await startNameServer((question) => {
      if (question === 'A crm.example') return [addressRecord('192.0.2.20'), addressRecord('192.0.2.10')]
      if (question === 'CNAME www.example') return [nameRecord('crm.example')]
      if (question === 'MX crm.example') return [Buffer.concat([Buffer.from([0, 10]), nameRecord('mail.example')])]
      if (question === 'TXT crm.example') return [Buffer.from('\u0005v=one')]
      if (question.endsWith('broken.example')) return 'servfail'
      if (question.endsWith('silent.example')) return 'silence'
      return question.endsWith('crm.example') ? [] : 'nxdomain'
    })
  })
  afterAll(() => names.stop())
  const look = (name: string, type: string, server = names.address, timeoutMs = 10_000) =>
    createDnsType(tools).run(dnsConfig.parse({ name, type, server }), createContext(timeoutMs).context)

  it.each([
    ['crm.example', 'A', '192.0.2.10, 192.0.2.20', 2, []],
    ['www.example', 'CNAME', 'crm.example', 1, []],
    ['crm.example', 'MX', '10 mail.example', 1, []],
    ['crm.example', 'TXT', 'v=one', 1, []],
    ['crm.example', 'AAAA', '', 0, ['value_missing']],
    ['other.example', 'A', '', 0, ['name_unknown']],
  ])('%s %s: %j', async (name, type, records, count, reasons) => {
    const answer = await look(name, type)
    expect([answer.fact('records'), answer.fact('count')]).toEqual([records, count])
    expect(answer.faults?.map(({ failure }) => failure.reason)).toEqual(reasons)
  })

  it.each([
    ['broken.example', 'A', undefined, 'lookup_failed', 10_000],
    ['silent.example', 'A', undefined, 'timeout', 300],
    ['crm.example', 'A', '10.1.2.3', 'address_refused', 5000],
    ['crm.example', 'A', '169.254.169.254:53', 'address_refused', 5000],
    ['crm.example', 'A', 'a b', 'config_invalid', 5000],
    ['crm.example', 'A', '127.0.0.1:99999', 'config_invalid', 5000],
  ])('%s %s at %s ends as %4$s', async (name, type, server, reason, timeoutMs) => {
    await expect(look(name, type, server, timeoutMs)).rejects.toMatchObject({ reason })
  })
})

describe('the tcp check', () => {
  let server: HostileServer
  beforeAll(async () => {
    server = await startHostileServer()
  })
  afterAll(() => server.stop())
  const run = (more: object, timeoutMs = 5000) =>
    createTcpType(tools).run(
      tcpConfig.parse({ host: '127.0.0.1', port: server.port, ...more }),
      createContext(timeoutMs).context,
    )

  it('connects, and hears what is said', async () => {
    const bare = await run({})
    expect(bare.fact('latency')).toBeGreaterThan(0)
    expect(bare.fact('banner')).toBeUndefined()
    const greeted = await run({ send: 'GET /ssh HTTP/1.1\r\n\r\n', readBytes: 100 })
    expect(greeted.fact('banner')).toBe('SSH-2.0-OpenSSH_9.2p1\r\n')
    expect((await run({ send: 'GET /ssh HTTP/1.1\r\n\r\n', readBytes: 3 })).fact('banner')).toBe('SSH')
  })

  it.each([
    [{ readBytes: 10 }, 'timeout'],
    [{ send: 'GET /close-at-once \r\n', readBytes: 10 }, 'connection_lost'],
    [{ host: '10.1.2.3' }, 'address_refused'],
    [{ port: 1 }, 'connection_refused'],
  ])('%j ends as %s', async (more, reason) => {
    await expect(run(more, 500)).rejects.toMatchObject({ reason })
  })
})
