import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import type { MqttClient } from 'mqtt'
import { generate } from 'mqtt-packet'
import { afterEach, expect, test, vi } from 'vitest'
import { type BrokerRig, rawSocket, runClient, startBroker } from '../testing/broker-rig.ts'
import { makeCertificates } from '../testing/session-rig.ts'
import type { EmbeddedBrokerConfig } from './embedded-broker.ts'

let rig: BrokerRig | undefined
const start = async (config?: Partial<EmbeddedBrokerConfig>): Promise<BrokerRig> => {
  rig = await startBroker(config)
  return rig
}
afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

const credentials = (password: string) => ({ username: 'any', password })
const seen = (current: BrokerRig): string[] =>
  current.taken.map(({ tenant, topic, text }) => `${tenant} ${topic} ${text}`)

describeWithServer('mosquitto', 'the embedded broker and clients of Mosquitto', (server) => {
  test('takes what mosquitto_pub sends, at every QoS, and acknowledges it', async () => {
    expect(server().url).toContain('mqtt:')
    const { port, taken } = await start()
    for (const qos of [0, 1, 2]) {
      const args = ['-p', port, '-q', qos, '-t', `plant/press-${qos}`, '-m', `{"a":${qos}}`]
      expect(await runClient('mosquitto_pub', args)).toEqual({ code: 0, output: '' })
    }
    await vi.waitFor(() => expect(taken).toHaveLength(3))
    expect(taken.map(({ tenant, topic, text }) => [tenant, topic, text])).toEqual([
      ['default', 'plant/press-0', '{"a":0}'],
      ['default', 'plant/press-1', '{"a":1}'],
      ['default', 'plant/press-2', '{"a":2}'],
    ])
  })

  test.each([
    ['mosquitto_pub with MQTT 5', ['-V', '5'], 'Unsupported protocol version'],
    ['an unknown key', ['-u', 'x', '-P', 'no key'], 'not authorised|bad user name or password'],
    ['a key that may not send', ['-u', 'x', '-P', 'key of a reader'], 'not authorised'],
    ['a user without a password', ['-u', 'x'], 'bad user name or password|not authorised'],
    ['a key that cannot be checked', ['-u', 'x', '-P', 'away'], 'unavailable'],
  ])('refuses %s, and says why', async (_title, args, words) => {
    const { port, taken } = await start()
    const { code, output } = await runClient('mosquitto_pub', ['-p', port, '-t', 'a', '-m', '1', ...args])
    expect(code).not.toBe(0)
    expect(output).toMatch(new RegExp(words, 'i'))
    expect(taken).toEqual([])
  })

  test('speaks TLS on a port of its own', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'driftline-broker-tls-'))
    const at = makeCertificates(directory)
    const { broker, taken } = await start({ tls: { port: 0, certFile: at('server.pem'), keyFile: at('server.key') } })
    const args = ['-p', broker.tlsPort()!, '-h', '127.0.0.1', '-q', 1, '-t', 'a', '-m', 'sealed']
    const trusted = await runClient('mosquitto_pub', [...args, '--cafile', at('authority.pem')])
    expect(trusted).toEqual({ code: 0, output: '' })
    expect(taken.map(({ text }) => text)).toEqual(['sealed'])
    expect((await runClient('mosquitto_pub', [...args, '--cafile', at('stranger.pem')])).code).not.toBe(0)
    expect((await runClient('mosquitto_pub', args)).code).not.toBe(0)
    rmSync(directory, { recursive: true })
  })

  test('keeps a retained message for who subscribes later', async () => {
    const { port } = await start()
    await runClient('mosquitto_pub', ['-p', port, '-r', '-q', 1, '-t', 'plant/state', '-m', 'on'])
    const { output } = await runClient('mosquitto_sub', ['-p', port, '-t', 'plant/#', '-C', 1, '-W', 10])
    expect(output.trim()).toBe('on')
  })
})

test('acknowledges at QoS 1 only what was settled, and forwards it only then', async () => {
  const current = await start()
  const [publisher, subscriber] = [await current.client(), await current.client()]
  const received: string[] = []
  subscriber.on('message', (_topic, payload) => received.push(payload.toString()))
  await subscriber.subscribeAsync('plant/#', { qos: 1 })
  current.hold(true)
  let acknowledged = 0
  for (let index = 0; index < 50; index++) {
    void publisher.publishAsync('plant/a', String(index), { qos: 1 }).then(() => {
      acknowledged += 1
    })
  }
  await vi.waitFor(() => expect(current.taken.length).toBeGreaterThanOrEqual(50))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect([acknowledged, received.length]).toEqual([0, 0])
  current.hold(false)
  await vi.waitFor(() => expect([acknowledged, received.length]).toEqual([50, 50]))
})

test.each<[string, Partial<EmbeddedBrokerConfig>, object, string]>([
  ['nobody from this machine', {}, {}, 'default'],
  ['a key from this machine', {}, credentials('key of acme'), 'acme'],
  ['a key where anonymous is forbidden', { anonymous: false }, credentials('key of default'), 'default'],
  ['nobody where anonymous is forbidden', { anonymous: false }, {}, 'refused: Not authorized'],
  ['a wrong key although anonymous would do', {}, credentials('wrong'), 'refused: Bad username or password'],
  ['an empty key', {}, credentials(''), 'refused: Bad username or password'],
  ['a key that may only read', {}, credentials('key of a reader'), 'refused: Not authorized'],
  ['MQTT 5', {}, { protocolVersion: 5 }, 'refused: Unsupported Protocol Version'],
])('who is let in: %s', async (_title, config, options, expected) => {
  const current = await start(config)
  const came = await current.client(options).then(
    async (client) => {
      await client.publishAsync('a', '1', { qos: 1 })
      return current.taken[0]!.tenant
    },
    (error: Error) => error.message.replace(/^Connection refused/, 'refused'),
  )
  expect(came).toBe(expected)
})

test('clients of one tenant neither see nor reach those of another', async () => {
  const current = await start()
  const [acme, other] = [
    await current.client({ ...credentials('key of acme'), clientId: 'same' }),
    await current.client({ ...credentials('key of default'), clientId: 'same' }),
  ]
  const received: string[] = []
  for (const [name, client] of [['acme', acme] as const, ['default', other] as const]) {
    client.on('message', (topic, payload) => received.push(`${name} ${topic} ${payload}`))
    await client.subscribeAsync('#', { qos: 1 })
  }
  await acme.publishAsync('plant/x', 'of acme', { qos: 1, retain: true })
  await other.publishAsync('plant/y', 'of default', { qos: 1, retain: true })
  await vi.waitFor(() => expect(received).toHaveLength(2))
  expect(received.sort()).toEqual(['acme plant/x of acme', 'default plant/y of default'])
  const late = await current.client(credentials('key of default'))
  late.on('message', (topic) => received.push(`late ${topic}`))
  await late.subscribeAsync('#')
  await vi.waitFor(() => expect(received.filter((each) => each.startsWith('late'))).toEqual(['late plant/y']))
  expect(seen(current)).toEqual(['acme plant/x of acme', 'default plant/y of default'])
  expect(acme.connected && other.connected).toBe(true)
})

test('a key that is revoked ends its connections, and nobody else’s', async () => {
  const current = await start({ limits: { recheckMs: 20 } })
  const acme = await current.client(credentials('key of acme'))
  const local = await current.client()
  const closed = new Promise<void>((resolve) => acme.once('close', () => resolve()))
  current.revoke('key of acme')
  await closed
  expect(local.connected).toBe(true)
})

test('topics of the broker are out of bounds, and only their client is cut off', async () => {
  const current = await start()
  const [rude, other] = [await current.client(), await current.client()]
  const closed = new Promise<void>((resolve) => rude.once('close', () => resolve()))
  rude.publish('$SYS/broker/clients', '1', { qos: 1 }, () => {})
  await closed
  expect(current.refused).toEqual(['default topic_reserved $SYS/broker/clients'])
  expect(await grantedOf(other, ['$SYS/#', 'a'])).toEqual([128, 0])
})

test('a retained bomb is bounded: what is too much is delivered and not kept', async () => {
  const current = await start({ limits: { retainedMax: 100, retainedBytesMax: 200_000 } })
  const client = await current.client()
  const publish = (topic: string, payload: string) => client.publishAsync(topic, payload, { qos: 1, retain: true })
  await Promise.all(Array.from({ length: 300 }, (_, index) => publish(`bomb/${index}`, 'x')))
  expect(current.taken).toHaveLength(300)
  expect(current.refused.filter((each) => each.includes('retained_too_many'))).toHaveLength(200)
  const late = await current.client()
  let kept = 0
  late.on('message', () => {
    kept += 1
  })
  await late.subscribeAsync('bomb/#', { qos: 1 })
  await vi.waitFor(() => expect(kept).toBe(100))
  // Removing makes room again.
  await publish('bomb/0', '')
  await publish('bomb/new', 'y')
  expect(current.refused).toHaveLength(200)
  await publish('bomb/1', 'x'.repeat(199_000))
  expect(current.refused).toHaveLength(201)
})

test.each<[string, (packet: Buffer) => Buffer, string]>([
  [
    'a packet that says it has 200 MB',
    () => Buffer.from([0x30, 0xff, 0xff, 0xff, 0x5f, 0, 1, 0x61]),
    'packet_too_large',
  ],
  ['a packet of 300 KB', () => publishOf(300_000), 'packet_too_large'],
])('%s ends its connection before it is collected', async (_title, make, reason) => {
  const current = await start()
  const { socket, closed } = await rawSocket(current.port)
  socket.write(connectOf('raw'))
  socket.write(make(Buffer.alloc(0)))
  await closed
  expect(current.refused).toEqual([`default ${reason}`])
  expect(current.taken).toEqual([])
})

test.each<[string, Buffer]>([
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
  ['a TLS hello', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
  ['a PUBLISH before CONNECT', Buffer.from([0x30, 4, 0, 1, 0x61, 0x31])],
  ['a CONNECT of 1 MB', Buffer.from([0x10, 0xff, 0xff, 0x3f, 0, 4])],
  ['a CONNECT of another protocol', Buffer.from([0x10, 12, 0, 4, 0x48, 0x54, 0x54, 0x50, 4, 2, 0, 60, 0, 0])],
  ['a CONNECT that is cut short', Buffer.from([0x10, 3, 0, 4, 0x4d])],
])('%s is closed, and others do not notice', async (_title, bytes) => {
  const current = await start()
  const client = await current.client()
  const { socket, closed } = await rawSocket(current.port)
  socket.write(bytes)
  expect(await closed).toEqual(Buffer.alloc(0))
  await client.publishAsync('a', '1', { qos: 1 })
  expect(seen(current)).toEqual(['default a 1'])
})

test('who says nothing is closed in time', async () => {
  const current = await start({ limits: { connectTimeoutMs: 30 } })
  const { closed } = await rawSocket(current.port)
  expect(await closed).toEqual(Buffer.alloc(0))
})

test('clients, subscriptions and rates are bounded', async () => {
  const current = await start({ limits: { clientsMax: 2, subscriptionsPerClientMax: 2, messagesPerClientSecond: 50 } })
  const [one] = [await current.client(), await current.client()]
  await expect(current.client()).rejects.toThrow('Server unavailable')
  expect(await grantedOf(one!, ['a', 'b', 'c'])).toEqual([0, 0, 128])
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: 75 }, () => one!.publishAsync('a', '1', { qos: 1 })))
  // 50 at once, and 25 more at 50 a second.
  expect(performance.now() - startedMs).toBeGreaterThan(400)
})

test('what waits for a subscriber that is away is bounded', async () => {
  const current = await start({ limits: { queuedPerSessionMax: 10 } })
  const options = { clientId: 'away', clean: false }
  const away = await current.client(options)
  await away.subscribeAsync('q/#', { qos: 1 })
  await away.endAsync()
  const publisher = await current.client()
  await Promise.all(Array.from({ length: 30 }, (_, index) => publisher.publishAsync('q/a', String(index), { qos: 1 })))
  expect(current.refused.filter((each) => each.includes('queue_full'))).toHaveLength(20)
  const received: string[] = []
  const back = await current.client(options)
  back.on('message', (_topic, payload) => received.push(payload.toString()))
  await publisher.publishAsync('q/a', 'last', { qos: 1 })
  await vi.waitFor(() => expect(received).toContain('last'))
})

test('a last will is taken as a message; when the broker stops nobody has died', async () => {
  const current = await start()
  const will = { topic: 'plant/press/state', payload: Buffer.from('gone'), qos: 1 as const, retain: false }
  const dying = await current.client({ will })
  const living = await current.client({ will: { ...will, payload: Buffer.from('still here') } })
  dying.stream.destroy()
  await vi.waitFor(() => expect(seen(current)).toEqual(['default plant/press/state gone']))
  expect(living.connected).toBe(true)
  await current.broker.stop()
  expect(seen(current)).toEqual(['default plant/press/state gone'])
})

/** What the broker grants for each filter; mqtt.js makes an error of a refusal among them. */
const grantedOf = (client: MqttClient, filters: string[]): Promise<number[]> =>
  new Promise((resolve) => {
    client.subscribe(filters, (_error, _granted, packet) => resolve((packet?.granted ?? []).map(Number)))
  })

const connectOf = (clientId: string): Buffer =>
  generate({ cmd: 'connect', clientId, protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0 })

const publishOf = (size: number): Buffer =>
  generate({ cmd: 'publish', topic: 'a', payload: Buffer.alloc(size), qos: 0, dup: false, retain: false })
