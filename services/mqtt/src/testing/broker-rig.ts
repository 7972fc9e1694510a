import { execFile } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { connect as connectMqtt, type IClientOptions, type MqttClient } from 'mqtt'
import { createEmbeddedBroker, type EmbeddedBrokerConfig } from '../broker/embedded-broker.ts'
import type { MqttMessage } from '../message.ts'

/** A message as it was taken, and its settling. */
export interface Taken {
  readonly tenant: string
  readonly topic: string
  readonly text: string
  readonly message: MqttMessage
  settle(): void
}

/** Keys of two tenants, one that may only read, and one that tells that nobody can be asked. */
const principals: Readonly<Record<string, { tenant: string; permissions: Set<string> }>> = {
  'key of default': { tenant: 'default', permissions: new Set(['ingest']) },
  'key of acme': { tenant: 'acme', permissions: new Set(['ingest']) },
  'key of a reader': { tenant: 'acme', permissions: new Set(['estate:read']) },
}

/** An embedded broker on a free port. What it takes is settled at once unless `hold` is set. */
export async function startBroker(config: Partial<EmbeddedBrokerConfig> = {}) {
  const taken: Taken[] = []
  const refused: string[] = []
  const revoked = new Set<string>()
  let hold = false
  const broker = createEmbeddedBroker(
    { bind: '127.0.0.1', port: 0, tls: null, anonymous: true, ...config },
    {
      access: {
        async authenticate(token) {
          if (token === 'away') throw new Error('nobody can be asked')
          return revoked.has(token) ? null : (principals[token] ?? null)
        },
      },
      take(tenant, message, settle) {
        taken.push({ tenant, topic: message.topic, text: message.payload.toString(), message, settle })
        if (!hold) settle()
      },
      refused: (tenant, reason, topic) => refused.push(`${tenant} ${reason} ${topic}`.trim()),
      logger: createLogger('fatal'),
      metrics: createSelfMetrics(),
      clock: systemClock,
    },
  )
  await broker.start()
  const clients: MqttClient[] = []
  return {
    broker,
    port: broker.port(),
    taken,
    refused,
    revoke: (key: string) => revoked.add(key),
    hold(on: boolean) {
      hold = on
      if (!on) for (const each of taken) each.settle()
    },
    /** Connects a client of mqtt.js; rejects with the broker's refusal. */
    async client(options: IClientOptions = {}): Promise<MqttClient> {
      const client = connectMqtt({ port: broker.port(), host: '127.0.0.1', reconnectPeriod: 0, ...options })
      clients.push(client)
      await new Promise<void>((resolve, reject) => {
        client.once('connect', () => resolve())
        client.once('error', reject)
        client.once('close', () => reject(new Error('closed')))
      })
      return client
    },
    async stop() {
      for (const client of clients) await client.endAsync(true)
      await broker.stop()
    },
  }
}

export type BrokerRig = Awaited<ReturnType<typeof startBroker>>

/** Runs `mosquitto_pub` or `mosquitto_sub`; answers its exit code and what it said. */
export function runClient(
  program: 'mosquitto_pub' | 'mosquitto_sub',
  args: readonly (string | number)[],
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(program, args.map(String), { timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr })
    })
  })
}

/** A socket for what no library would send. `closed` resolves when the other side ends it. */
export async function rawSocket(port: number): Promise<{ socket: Socket; closed: Promise<Buffer> }> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  const closed = new Promise<Buffer>((resolve) => socket.on('close', () => resolve(Buffer.concat(chunks))))
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return { socket, closed }
}
