import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { create } from '@bufbuild/protobuf'
import type { Bus } from '@driftline/platform/bus/bus'
import { systemClock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import { grpcService } from '@driftline/platform/grpc/grpc-service'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
  topics,
} from '@driftline/proto'
import { credentials, makeClientConstructor, type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import type { IntakeConfig } from './config.ts'
import { defaultLimits } from './limits.ts'
import { createIntake, type Intake } from './service.ts'
import { batchOf, connectAgent } from './testing/agent-client.ts'

const pem = (name: string): string => fileURLToPath(new URL(`./testing/tls/${name}`, import.meta.url))
const tls = { certFile: pem('server.pem'), keyFile: pem('server.key'), clientCaFile: null }
const started: Intake[] = []

/** These tests are about the door, so what is behind it does not matter: a bus that takes everything, or nothing. */
async function startIntake(changes: Partial<IntakeConfig> = {}, error: AppError | null = null): Promise<Intake> {
  const publish: Bus['publish'] = () => (error === null ? Promise.resolve() : Promise.reject(error))
  const bus = { publish, partitionsOf: () => topics.samples.partitions } as unknown as Bus
  const access = { authenticate: async () => ({ tenant: 'default', permissions: new Set(['ingest'] as const) }) }
  const base = {
    bind: '127.0.0.1',
    grpcPort: 0,
    tls: null,
    instance: 'test',
    limits: defaultLimits,
    streamsMax: 2,
    window: 4,
  }
  const deps = { bus, access, logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
  const intake = createIntake({ ...base, ...changes }, deps)
  await intake.start()
  started.push(intake)
  return intake
}

afterEach(async () => {
  for (const intake of started.splice(0)) await intake.stop()
})

function healthClient(port: number) {
  const Client = makeClientConstructor(grpcService(Health), 'health')
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const request = (service: string) => create(HealthCheckRequestSchema, { service })
  return {
    check: (service: string) =>
      new Promise<Serving | ServiceError>((resolve) => {
        client['check']!(request(service), (error: ServiceError | null, answer: HealthCheckResponse) =>
          resolve(error ?? answer.status),
        )
      }),
    watch(service: string) {
      const seen: Serving[] = []
      const call = client['watch']!(request(service))
      call.on('data', (answer: HealthCheckResponse) => seen.push(answer.status))
      call.on('error', () => {})
      return seen
    },
    close: () => client.close(),
  }
}

test('health answers without a key, and a watcher hears of a bus that fails and of the end', async () => {
  const intake = await startIntake({}, new AppError('bus_unavailable', 'away', { retryable: true }))
  const health = healthClient(intake.port())
  expect(await health.check('')).toBe(Serving.SERVING)
  expect(await health.check('driftline.v1.IntakeService')).toBe(Serving.SERVING)
  expect(await health.check('nothing.of.the.kind')).toMatchObject({ code: status.NOT_FOUND })
  const seen = health.watch('driftline.v1.IntakeService')
  const unknown = health.watch('nothing.of.the.kind')
  await expect.poll(() => seen).toEqual([Serving.SERVING])
  await expect.poll(() => unknown).toEqual([Serving.SERVICE_UNKNOWN])

  const agent = connectAgent(intake.port(), 'key')
  agent.hello()
  agent.define()
  agent.send({ case: 'batch', value: batchOf(Date.now(), 1) })
  expect(await agent.ended).toMatchObject({ code: status.UNAVAILABLE })
  await expect.poll(() => seen).toEqual([Serving.SERVING, Serving.NOT_SERVING])
  agent.close()

  const begin = performance.now()
  await started.pop()!.stop()
  expect(performance.now() - begin).toBeLessThan(6000)
  health.close()
})

test('with TLS a batch comes through, and a client without it does not', async () => {
  const intake = await startIntake({ tls })
  const secure = connectAgent(intake.port(), 'key', credentials.createSsl(readFileSync(pem('ca.pem'))))
  secure.hello()
  secure.define()
  secure.send({ case: 'batch', value: batchOf(Date.now(), 1) })
  expect((await secure.reply(2))[1]).toMatchObject({ case: 'acknowledgement' })
  secure.close()
  const plain = connectAgent(intake.port(), 'key')
  plain.hello()
  expect(await plain.ended).toMatchObject({ code: status.UNAVAILABLE })
  plain.close()
})

test('with an authority for clients, only an agent with its certificate is let in', async () => {
  const intake = await startIntake({ tls: { ...tls, clientCaFile: pem('ca.pem') } })
  const files = ['ca.pem', 'agent.key', 'agent.pem'].map((name) => readFileSync(pem(name)))
  const known = connectAgent(intake.port(), 'key', credentials.createSsl(files[0], files[1], files[2]))
  known.hello()
  expect((await known.reply(1))[0]).toMatchObject({ case: 'welcome' })
  known.close()
  const stranger = connectAgent(intake.port(), 'key', credentials.createSsl(files[0]))
  stranger.hello()
  expect(await stranger.ended).toMatchObject({ code: status.UNAVAILABLE })
  stranger.close()
})

test('beyond the bound of streams an agent is asked to come back later', async () => {
  const intake = await startIntake()
  const agents = ['a', 'b'].map((source) => {
    const agent = connectAgent(intake.port(), 'key')
    agent.hello('web-1', source)
    return agent
  })
  for (const agent of agents) await agent.reply(1)
  const third = connectAgent(intake.port(), 'key')
  expect(await third.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED })
  for (const agent of [...agents, third]) agent.close()
})

test('a taken port and files that cannot be read are said in one sentence', async () => {
  const intake = await startIntake()
  await expect(startIntake({ grpcPort: intake.port() })).rejects.toMatchObject({ code: 'port_in_use' })
  const missing = { ...tls, keyFile: '/nowhere/server.key' }
  await expect(startIntake({ tls: missing })).rejects.toMatchObject({ code: 'config_invalid' })
})
