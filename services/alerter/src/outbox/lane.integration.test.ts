import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { AlerterTiming } from '../config.ts'
import { anomalyOf, eventually, testConfig } from '../testing/alerter-test-kit.ts'
import { answerWith, type Receiver, startReceiver } from '../testing/receiver.ts'
import { type Stack, startAlerterOver, startStack } from '../testing/stack.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function receiverOf(): Promise<Receiver> {
  const receiver = await startReceiver()
  stops.push(() => receiver.stop())
  return receiver
}

async function stackFor(urls: readonly string[], timing: Partial<AlerterTiming> = {}): Promise<Stack> {
  const channels = urls.map((url) => ({ channel: 'webhook', url }))
  const stack = await startStack({ config: testConfig({ alert_channels: channels }, timing) })
  stops.push(() => stack.stop())
  return stack
}

async function outcome(stack: Stack): Promise<{ state: string; last_error: string | null; attempts: number }[]> {
  const { db } = stack.metadata
  return db.selectFrom('alert_deliveries').select(['state', 'last_error', 'attempts']).orderBy('id').execute()
}

const metric = async (stack: Stack, name: string): Promise<string> =>
  (await stack.metrics.registry.getSingleMetricAsString(name)) ?? ''

describe('a receiver that', () => {
  it.each([
    [400, 'the receiver answered 400'],
    [404, 'the receiver answered 404'],
    [410, 'the receiver answered 410'],
    [302, 'the receiver answered 302: redirects are not followed'],
  ])('answers %d is not asked again', async (status, reason) => {
    const receiver = await receiverOf()
    receiver.answer = answerWith(status, { location: receiver.url })
    const stack = await stackFor([receiver.url])
    await stack.publish(anomalyOf())
    await eventually('it fails', async () => (await outcome(stack))[0]?.state === 'failed')
    expect(await outcome(stack)).toEqual([{ state: 'failed', last_error: reason, attempts: 1 }])
    expect(receiver.received).toHaveLength(1)
  })

  it.each([500, 503, 408, 429])('answers %d at first is asked again, with the same id', async (status) => {
    const receiver = await receiverOf()
    receiver.answer = (response) => response.writeHead(receiver.received.length < 3 ? status : 200).end()
    const stack = await stackFor([receiver.url])
    await stack.publish(anomalyOf())
    await eventually('it arrives', async () => (await outcome(stack))[0]?.state === 'delivered')
    expect(receiver.received).toHaveLength(3)
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1)
    expect(await metric(stack, 'driftline_alerter_deliveries_total')).toContain('result="retried"} 2')
  })

  it('asks for a pause is given it', async () => {
    const receiver = await receiverOf()
    receiver.answer = (response, received) => {
      const isFirst = receiver.received[0] === received
      response.writeHead(isFirst ? 429 : 200, { 'retry-after': '1' }).end()
    }
    const stack = await stackFor([receiver.url])
    await stack.publish(anomalyOf(), anomalyOf({ id: 'an_2', process: 'os:web-2:nginx' }))
    await eventually('both arrive', async () => (await outcome(stack)).every(({ state }) => state === 'delivered'))
    const [first] = receiver.received
    const again = receiver.received.filter((each) => each !== first && each.id === first?.id)
    expect(again[0]!.atMs - first!.atMs).toBeGreaterThan(900)
  })

  it('never answers, or never stops answering, holds up no other', async () => {
    const hung = await receiverOf()
    hung.answer = () => {}
    const endless = await receiverOf()
    endless.answer = (response) => {
      response.writeHead(200)
      const more = setInterval(() => response.write(Buffer.alloc(100_000)), 1)
      response.on('close', () => clearInterval(more))
    }
    const good = await receiverOf()
    const stack = await stackFor([hung.url, endless.url, good.url], { attemptMs: 300 })
    await stack.publish(anomalyOf())
    await eventually('the good one hears of it', () => good.received[0])
    await eventually(
      'the endless one is done',
      async () => (await outcome(stack)).filter(({ state }) => state === 'delivered').length === 2,
    )
    await eventually('the hung one is tried again', () => hung.received.length > 1)
    const waiting = (await outcome(stack)).find(({ state }) => state === 'pending')
    expect(waiting?.last_error).toBe('the receiver did not answer in time')
  })

  it('breaks the connection, or speaks no HTTP, is asked again', async () => {
    const answers = ['', 'nonsense\r\n\r\n', 'HTTP/1.1 204 No Content\r\n\r\n']
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answers.shift() ?? 'HTTP/1.1 204 No Content\r\n\r\n'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    stops.push(() => server.close())
    const { port } = server.address() as AddressInfo
    const stack = await stackFor([`http://user:hidden@127.0.0.1:${port}/secret`])
    await stack.publish(anomalyOf())
    await eventually('it is tried', async () => (await outcome(stack))[0]?.last_error !== null)
    await eventually('it arrives', async () => (await outcome(stack))[0]?.state === 'delivered')
    expect(await outcome(stack)).toMatchObject([{ attempts: 3 }])
    const episodes = await stack.metadata.db.selectFrom('alert_episodes').select('recipients').execute()
    expect(episodes).toEqual([{ recipients: [`webhook:http://127.0.0.1:${port}`] }])
  })

  it('is away opens the breaker; all that waited arrives when it is back', async () => {
    const receiver = await receiverOf()
    receiver.answer = answerWith(503)
    const timing = { breakerVolume: 3, backoffMs: 30, backoffMaxMs: 60_000 }
    const stack = await stackFor([receiver.url], timing)
    const anomalies = Array.from({ length: 8 }, (_, i) => anomalyOf({ id: `an_${i}`, process: `os:web-${i}:nginx` }))
    await stack.publish(...anomalies)
    const state = (): Promise<string> => metric(stack, 'driftline_alerter_breaker_state')
    await eventually('the breaker opens', async () => /\} 2$/m.test(await state()))
    receiver.answer = answerWith(204)
    await eventually('all arrives', async () => (await outcome(stack)).every((each) => each.state === 'delivered'))
    expect(await state()).toMatch(/\} 0$/m)
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(8)
  })

  it('never takes it is given up, visibly', async () => {
    const receiver = await receiverOf()
    receiver.answer = answerWith(500)
    const stack = await stackFor([receiver.url], { attemptsMax: 3 })
    await stack.publish(anomalyOf())
    await eventually('it fails', async () => (await outcome(stack))[0]?.state === 'failed')
    expect(await outcome(stack)).toEqual([{ state: 'failed', last_error: 'the receiver answered 500', attempts: 3 }])
  })
})

it('begins nothing while it stops, so that a stop repeats nothing', async () => {
  const receiver = await receiverOf()
  receiver.answer = (response, received) => {
    const isFirst = received === receiver.received[0]
    setTimeout(() => response.writeHead(204).end(), isFirst ? 500 : 150)
  }
  const config = testConfig({ alert_channels: [{ channel: 'webhook', url: receiver.url }] }, { concurrency: 2 })
  const stack = await startStack({ config })
  stops.push(() => stack.stop())
  const anomalies = Array.from({ length: 8 }, (_, i) => anomalyOf({ id: `an_${i}`, process: `os:web-${i}:nginx` }))
  await stack.publish(...anomalies)
  await eventually('two are on their way', () => receiver.received.length >= 2)
  await stack.restart(config)
  await eventually('all arrive', async () => {
    const rows = await outcome(stack)
    return rows.length === 8 && rows.every(({ state }) => state === 'delivered')
  })
  expect(receiver.received).toHaveLength(8)
})

it('sends each message once however many alerters share the outbox', async () => {
  const receiver = await receiverOf()
  // On a busy machine a short lease runs out while its message is sent, and then it may be sent again.
  const timing = { leaseMs: 30_000 }
  const first = await stackFor([receiver.url], timing)
  const config = testConfig({ alert_channels: [{ channel: 'webhook', url: receiver.url }] }, timing)
  for (let i = 0; i < 2; i++) stops.push(await startAlerterOver(first, config))
  const anomalies = Array.from({ length: 40 }, (_, i) => anomalyOf({ id: `an_${i}`, process: `os:web-${i}:nginx` }))
  await first.publish(...anomalies)
  await eventually('all arrive', async () => {
    const rows = await outcome(first)
    return rows.length === 40 && rows.every(({ state }) => state === 'delivered')
  })
  expect(receiver.received).toHaveLength(40)
})
