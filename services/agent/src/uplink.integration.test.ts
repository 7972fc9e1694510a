import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServerCredentials } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSpool, type Spool } from './spool.ts'
import { type Collector, startCollector } from './testing/collector.ts'
import { createUplink, type TlsFiles, type Uplink } from './uplink.ts'

let directory: string
let spool: Spool
let uplink: Uplink | null = null
let collector: Collector
const messages: string[] = []
const say = (_: unknown, message?: string): void => void messages.push(message ?? '')
const logger = { info: say, warn: say, error: say } as unknown as Parameters<typeof createUplink>[1]['logger']
const NO_TLS: TlsFiles = { authority: null, certificate: null, key: null }
const NO_DEFINITIONS = { missing: () => ({ series: [], messages: [] }) }

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'uplink-'))
  spool = createSpool({ directory: join(directory, 'spool'), bytesMax: 1e7, segmentBytes: 1e6 }, 9)
  messages.length = 0
})
afterEach(async () => {
  await uplink?.stop()
  uplink = null
  await collector.stop()
  spool.close()
  rmSync(directory, { recursive: true })
})

function connect(server: string, tls = NO_TLS): void {
  const identity = { server, apiKey: 'k', host: 'h', source: 's', agentVersion: '1', tls }
  uplink = createUplink(
    { ...identity, silenceMs: 800, backoffFirstMs: 20, backoffMaxMs: 200 },
    { spool, logger, onRefusal: () => {} },
  )
  uplink.start()
}
/** AgentBatch of epoch 9: fields 1 and 2 as varints. */
function put(...sequences: number[]): void {
  for (const sequence of sequences) spool.append(sequence, Buffer.from([8, 9, 16, sequence]), NO_DEFINITIONS)
  uplink?.notify()
}
const received = (): number[] => collector.batches.map(({ batch }) => Number(batch.sequence))

describe('uplink', () => {
  it('keeps to the window', async () => {
    collector = await startCollector({ window: 3 })
    collector.react = () => 'ignore'
    put(1, 2, 3, 4, 5)
    connect(collector.address)
    await collector.until('three batches', () => collector.batches.length === 3)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(received()).toEqual([1, 2, 3])
  })

  it('gives up a server that does not answer, and tries again', async () => {
    collector = await startCollector()
    collector.react = (batch) => (batch.sequence === 2n && collector.connections === 1 ? 'ignore' : 'acknowledge')
    put(1, 2)
    connect(collector.address)
    await collector.until('everything', () => collector.connections === 2 && spool.backlog() === 0)
    expect(received()).toEqual([1, 2, 2])
    expect(messages).toContain('connection given up')
  })

  it('counts refusals and goes on behind them', async () => {
    collector = await startCollector()
    collector.react = (batch) => (batch.sequence === 2n ? 'refuse' : 'acknowledge')
    put(1, 2, 3)
    connect(collector.address)
    await collector.until('everything', () => spool.backlog() === 0)
    expect(uplink?.refused()).toBe(1)
    expect(received()).toEqual([1, 2, 3])
  })

  it('complains once about a server that is not there', async () => {
    collector = await startCollector()
    const { address } = collector
    await collector.stop()
    put(1)
    connect(address)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(messages.length).toBeGreaterThan(0)
    expect(messages.length).toBeLessThan(4)
    expect(spool.backlog()).toBe(1)
  })

  it('speaks mutual TLS', async () => {
    const pem = makeCertificates(directory)
    const credentials = ServerCredentials.createSsl(
      pem('ca.pem'),
      [{ cert_chain: pem('server.pem'), private_key: pem('server.key') }],
      true,
    )
    collector = await startCollector({ credentials })
    put(1)
    const server = collector.address.replace('http://127.0.0.1', 'https://localhost')
    const text = (name: string): string => pem(name).toString()
    connect(server, { authority: text('ca.pem'), certificate: text('agent.pem'), key: text('agent.key') })
    await collector.until('the batch', () => spool.backlog() === 0)
    await uplink?.stop()
    put(2)
    connect(server, { authority: text('ca.pem'), certificate: null, key: null })
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(received()).toEqual([1])
    expect(spool.backlog()).toBe(1)
  })
})

/** An authority, and what it signed for a server called localhost and for an agent. */
function makeCertificates(into: string): (name: string) => Buffer {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: into, stdio: 'ignore' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test-ca')
  for (const [name, host] of Object.entries({ server: 'localhost', agent: 'agent' })) {
    const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key']
    openssl('req', '-x509', ...key, ...signed, '-keyout', `${name}.key`, '-out', `${name}.pem`, ...subject)
  }
  return (name) => readFileSync(join(into, name))
}
