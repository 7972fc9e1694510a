import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type MosquittoOptions, startMosquitto } from '../../../../infra/servers/mosquitto.ts'
import type { TrialServer } from '../../../../infra/servers/server-process.ts'
import { runClient } from '../testing/broker-rig.ts'
import { makeCertificates, type SessionRig, startSession } from '../testing/session-rig.ts'
import { connectionLimits } from './connection.ts'

const rigs: SessionRig[] = []
const brokers: TrialServer[] = []
const open = (...args: Parameters<typeof startSession>): SessionRig => {
  const rig = startSession(...args)
  rigs.push(rig)
  return rig
}
const broker = async (options?: MosquittoOptions): Promise<TrialServer> => {
  const made = await startMosquitto(options)
  brokers.push(made)
  return made
}
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.session.stop({ forget: true })
  for (const each of brokers.splice(0)) await each.stop()
})

const isIn = (rig: SessionRig): Promise<void> =>
  vi.waitFor(() => expect(rig.session.state()).toEqual({ phase: 'connected' }), { timeout: 20_000 })
const failsWith = (rig: SessionRig, reason: string): Promise<void> =>
  vi.waitFor(() => expect(rig.session.state()).toMatchObject({ phase: 'failed', problem: { reason } }), {
    timeout: 20_000,
  })
const publish = async (url: string, topic: string, text: string, ...more: (string | number)[]): Promise<void> => {
  const args = ['-p', new URL(url).port, '-q', 1, '-t', topic, '-m', text, ...more]
  expect(await runClient('mosquitto_pub', args)).toEqual({ code: 0, output: '' })
}
const receives = (rig: SessionRig, ...texts: string[]): Promise<void> =>
  vi.waitFor(() => expect(rig.texts()).toEqual(texts), { timeout: 20_000 })

describeWithServer('mosquitto', 'a session with Mosquitto', (server) => {
  test.each([4, 5] as const)(
    'protocol %i: what is published comes once, whatever the filters are',
    async (protocol) => {
      const root = `once-${protocol}`
      const rig = open(server().url, { protocol, filters: [`${root}/#`, `${root}/a`, `${root}/+`] })
      await isIn(rig)
      await publish(server().url, `${root}/a`, 'one')
      await publish(server().url, `${root}/a/b`, 'two', '-r')
      await receives(rig, 'one', 'two')
      expect(rig.taken.map(({ message }) => message.retained)).toEqual([false, false])
      const late = open(server().url, { protocol, filters: [`${root}/#`] })
      await receives(late, 'two')
      expect(late.taken[0]!.message.retained).toBe(true)
    },
  )

  test.each([4, 5] as const)(
    'protocol %i: what was not settled comes again after a restart of ours',
    async (protocol) => {
      const options = { protocol, clientId: `again-${protocol}`, filters: [`again-${protocol}/#`] }
      const first = startSession(server().url, options)
      await isIn(first)
      await publish(server().url, `again-${protocol}/a`, 'settled')
      await receives(first, 'settled')
      first.hold(true)
      await publish(server().url, `again-${protocol}/a`, 'held')
      await receives(first, 'settled', 'held')
      await first.session.stop()
      await publish(server().url, `again-${protocol}/a`, 'meanwhile')
      const second = open(server().url, options)
      await receives(second, 'held', 'meanwhile')
      expect(second.taken[0]!.message.repeated).toBe(true)
    },
  )

  test('subscriptions change without losing the session', async () => {
    const rig = open(server().url, { filters: ['change/a'] })
    await isIn(rig)
    rig.session.setFilters(['change/b', 'change/c'])
    await vi.waitFor(async () => {
      await publish(server().url, 'change/c', 'new')
      expect(rig.texts()).toContain('new')
    })
    const before = rig.texts().length
    await publish(server().url, 'change/a', 'old')
    await publish(server().url, 'change/b', 'after')
    await vi.waitFor(() => expect(rig.texts().slice(before)).toEqual(['after']))
    expect(rig.states.filter(({ phase }) => phase === 'connected')).toHaveLength(1)
  })

  test('a message that is too large is cut off, and the next one comes', async () => {
    const limits = { ...connectionLimits, packetBytesMax: 100_000 }
    const rig = open(server().url, { filters: ['large/#'], limits })
    await isIn(rig)
    const directory = mkdtempSync(join(tmpdir(), 'driftline-large-'))
    writeFileSync(join(directory, 'large'), Buffer.alloc(2_000_000, 97))
    await runClient('mosquitto_pub', [
      '-p',
      new URL(server().url).port,
      '-q',
      1,
      '-t',
      'large/a',
      '-f',
      join(directory, 'large'),
    ])
    rmSync(directory, { recursive: true })
    await publish(server().url, 'large/a', 'small')
    await vi.waitFor(() => expect(rig.texts()).toHaveLength(2))
    expect(rig.taken[0]!.byteLength).toBeGreaterThan(2_000_000)
    expect(rig.taken[0]!.message.payload.length).toBeLessThan(100_000)
    expect(rig.texts()[1]).toBe('small')
  })

  test('in flight is bounded by what we said, and goes on when there is room', async () => {
    const limits = { ...connectionLimits, receiveMaximum: 5 }
    const rig = open(server().url, { filters: ['flight/#'], limits })
    await isIn(rig)
    rig.hold(true)
    for (let index = 0; index < 12; index++) await publish(server().url, 'flight/a', String(index))
    await vi.waitFor(() => expect(rig.texts()).toHaveLength(5))
    rig.hold(false)
    await vi.waitFor(() => expect(rig.texts()).toHaveLength(12))
  })
})

describeWithServer('mosquitto', 'a session with a Mosquitto of its own', () => {
  test.each([4, 5] as const)(
    'protocol %i: outlives a restart of the broker; what is durable is not taken twice',
    async (protocol) => {
      const { url, crash, restart } = await broker()
      const rig = open(url, { protocol, filters: ['a'] })
      await isIn(rig)
      rig.hold(true)
      await publish(url, 'a', 'one')
      await receives(rig, 'one')
      await crash()
      await failsWith(rig, 'connection_refused')
      rig.hold(false)
      await restart()
      await isIn(rig)
      await publish(url, 'a', 'two')
      await receives(rig, 'one', 'two')
    },
  )

  test('says that the password is wrong, and comes in with the right one', async () => {
    const { url } = await broker({ users: { ann: 'secret' } })
    for (const protocol of [4, 5] as const) {
      await failsWith(open(url, { protocol }), 'not_authorized')
      await failsWith(open(url, { protocol, username: 'ann', password: 'wrong' }), 'not_authorized')
      await isIn(open(url, { protocol, username: 'ann', password: 'secret' }))
    }
  })
})

describeWithServer('mosquitto', 'a session over TLS', () => {
  let directory: string
  let at: (name: string) => string
  const pem = (name: string): string => readFileSync(at(name), 'utf8')
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'driftline-tls-'))
    at = makeCertificates(directory)
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  test('trusts the authority that it is given, and no other', async () => {
    const { url } = await broker({ tls: { certFile: at('server.pem'), keyFile: at('server.key') } })
    await isIn(open(url, { authority: pem('authority.pem') }))
    await failsWith(open(url), 'certificate_not_trusted')
    await failsWith(open(url, { authority: pem('stranger.pem') }), 'certificate_not_trusted')
    await failsWith(
      open(url, { authority: pem('authority.pem'), serverName: 'other.example' }),
      'certificate_of_another_name',
    )
    await failsWith(open(url.replace('mqtts', 'mqtt')), 'connection_closed')
  })

  test('shows its own certificate where one is wanted', async () => {
    const tls = { certFile: at('server.pem'), keyFile: at('server.key'), clientAuthorityFile: at('authority.pem') }
    const { url } = await broker({ tls })
    const authority = pem('authority.pem')
    await isIn(open(url, { authority, certificate: pem('client.pem'), privateKey: pem('client.key') }))
    await failsWith(open(url, { authority }), 'own_certificate_refused')
    await failsWith(open(url, { authority, certificate: 'none', privateKey: 'none' }), 'own_certificate_invalid')
  })

  test('says that there is no TLS', async () => {
    const { url } = await broker()
    await failsWith(open(url.replace('mqtt:', 'mqtts:')), 'connection_closed')
  })
})

test.each<[string, string, string]>([
  ['a name that is not found', 'mqtt://broker.invalid:1883', 'name_not_found'],
  ['a port where nothing listens', 'mqtt://127.0.0.1:1', 'connection_refused'],
])('says %s', async (_title, url, reason) => {
  await failsWith(open(url), reason)
})

/** A server that answers as it is told. */
async function serve(onSocket: (socket: Socket) => void): Promise<{ url: string; server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, server, sockets }
}

test.each<[string, (socket: Socket) => void, string]>([
  ['hangs before it lets us in', () => {}, 'no_answer'],
  ['speaks HTTP', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'not_mqtt'],
  ['lets us in and hangs', (socket) => socket.write(Uint8Array.of(0x20, 3, 0, 0, 0)), 'no_answer'],
  [
    'sends a packet that cannot be',
    (socket) => socket.write(Uint8Array.of(0x20, 3, 0, 0, 0, 0x36, 2, 0, 0)),
    'not_mqtt',
  ],
  ['promises a packet of 256 MB', (socket) => socket.write(Uint8Array.of(0x20, 0xff, 0xff, 0xff, 0x7f)), 'no_answer'],
])('notices a broker that %s', async (_title, onSocket, reason) => {
  const { url, server, sockets } = await serve(onSocket)
  const limits = { ...connectionLimits, connectTimeoutMs: 200, keepAliveSeconds: 1, pingTimeoutMs: 100 }
  const rig = open(url, { limits, filters: [] })
  await failsWith(rig, reason)
  await rig.session.stop()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})
