import { readFileSync } from 'node:fs'
import { createServer as createTcpServer, isIPv4, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import type { MqttMessage, OutgoingMessage } from '../message.ts'
import { type BrokerLimits, brokerLimits } from './broker-limits.ts'
import { readConnect } from './read-connect.ts'
import { type BrokerRefusal, createTenantBroker, type TenantBroker } from './tenant-broker.ts'

export interface EmbeddedBrokerConfig {
  readonly bind: string
  /** 0 picks a free one. */
  readonly port: number
  /** Another port that speaks TLS; null for none. */
  readonly tls: { readonly port: number; readonly certFile: string; readonly keyFile: string } | null
  /** Whether clients on this machine need no key; they belong to the tenant `default`. */
  readonly anonymous: boolean
  readonly limits?: Partial<BrokerLimits>
}

/** Whose key it is, as far as the broker cares. */
export interface BrokerPrincipal {
  readonly tenant: string
  readonly permissions: { has(permission: 'ingest'): boolean }
}

export interface EmbeddedBrokerDeps {
  readonly access: { authenticate(token: string): Promise<BrokerPrincipal | null> }
  /** Takes a message of a tenant; it goes on, and is acknowledged, once it is settled. */
  readonly take: (tenant: string, message: MqttMessage, settle: () => void) => void
  readonly refused: (tenant: string, reason: BrokerRefusal, topic: string, payload: Buffer, byteLength: number) => void
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

/** The broker that needs no other. `port()` and `tlsPort()` answer after the start. */
export interface EmbeddedBroker extends Component {
  port(): number
  tlsPort(): number | null
  publish(tenant: string, message: OutgoingMessage): void
  clientsOf(tenant: string): number
}

const ANONYMOUS_TENANT = 'default'
/** So long does a wrong key wait for its answer: guessing is slow. */
const REFUSAL_DELAY_MS = 500

/** Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3). */
const UNAVAILABLE = 3
const BAD_CREDENTIALS = 4
const NOT_AUTHORIZED = 5

type Admission = { readonly tenant: string } | { readonly code: number; readonly reason: string }

export function createEmbeddedBroker(config: EmbeddedBrokerConfig, deps: EmbeddedBrokerDeps): EmbeddedBroker {
  const { logger, metrics } = deps
  const limits: BrokerLimits = { ...brokerLimits, ...config.limits }
  const connections = metrics.gauge('driftline_mqtt_broker_connections', 'Connections to the embedded MQTT broker')
  const refusals = metrics.counter(
    'driftline_mqtt_broker_refused_total',
    'What the embedded MQTT broker refused, by reason',
    ['reason'],
  )
  const tenants = new Map<string, Promise<TenantBroker>>()
  const ready = new Map<string, TenantBroker>()
  const sockets = new Set<Socket>()
  /** Connections by the key that let them in. */
  const byKey = new Map<string, { readonly tenant: string; readonly sockets: Set<Socket> }>()
  const servers: Server[] = []
  let recheck: NodeJS.Timeout | undefined
  let stopping = false

  const tenantBroker = (tenant: string): Promise<TenantBroker> => {
    let broker = tenants.get(tenant)
    if (!broker) {
      broker = createTenantBroker(limits, {
        clock: deps.clock,
        take: (message, settle) => deps.take(tenant, message, settle),
        refused(reason, topic, payload, byteLength) {
          refusals.inc({ reason })
          deps.refused(tenant, reason, topic, payload, byteLength)
        },
      })
      tenants.set(tenant, broker)
      void broker.then((made) => ready.set(tenant, made))
    }
    return broker
  }

  const admit = async (socket: Socket, key: string | null): Promise<Admission> => {
    if (key === null) {
      if (config.anonymous && isLoopback(socket.remoteAddress)) return { tenant: ANONYMOUS_TENANT }
      return { code: NOT_AUTHORIZED, reason: 'anonymous' }
    }
    try {
      const principal = await deps.access.authenticate(key)
      if (principal === null) return { code: BAD_CREDENTIALS, reason: 'key_invalid' }
      if (!principal.permissions.has('ingest')) return { code: NOT_AUTHORIZED, reason: 'key_may_not_send' }
      return { tenant: principal.tenant }
    } catch (error) {
      logger.warn({ error }, 'could not check the key of an MQTT client')
      return { code: UNAVAILABLE, reason: 'keys_unavailable' }
    }
  }

  const refuse = (socket: Socket, reason: string, answer: Uint8Array | null): void => {
    refusals.inc({ reason })
    if (answer !== null && !socket.destroyed) socket.end(answer)
    // Who does not close after that is closed.
    setTimeout(() => socket.destroy(), answer === null ? 0 : 1000).unref()
  }

  const welcome = async (socket: Socket): Promise<void> => {
    const first = await readConnect(socket, limits.packetBytesMax, limits.connectTimeoutMs)
    if (!first.ok) return refuse(socket, first.reason, null)
    const { protocolVersion, username, password } = first.connect
    if (protocolVersion === 5) return refuse(socket, 'protocol_version', UNSUPPORTED_VERSION)
    if (sockets.size > limits.clientsMax) return refuse(socket, 'clients_too_many', connack(UNAVAILABLE))
    const key = username === undefined && password === undefined ? null : (password?.toString() ?? '')
    const admission = await admit(socket, key)
    if ('code' in admission) {
      await new Promise((resolve) => setTimeout(resolve, admission.code === UNAVAILABLE ? 0 : REFUSAL_DELAY_MS).unref())
      return refuse(socket, admission.reason, connack(admission.code))
    }
    const broker = await tenantBroker(admission.tenant)
    if (stopping || socket.destroyed) return void socket.destroy()
    if (key !== null) remember(key, admission.tenant, socket)
    broker.serve(socket)
  }

  const remember = (key: string, tenant: string, socket: Socket): void => {
    const known = byKey.get(key) ?? { tenant, sockets: new Set<Socket>() }
    byKey.set(key, known)
    known.sockets.add(socket)
    socket.once('close', () => {
      known.sockets.delete(socket)
      if (known.sockets.size === 0) byKey.delete(key)
    })
  }

  /** A key that was revoked ends its connections. While keys cannot be checked, connections go on. */
  const checkKeys = async (): Promise<void> => {
    for (const [key, { tenant, sockets: held }] of byKey) {
      try {
        const principal = await deps.access.authenticate(key)
        if (principal?.tenant === tenant && principal.permissions.has('ingest')) continue
      } catch {
        return
      }
      refusals.inc({ reason: 'key_revoked' }, held.size)
      for (const socket of held) socket.destroy()
    }
  }

  const accept = (socket: Socket): void => {
    if (stopping || sockets.size >= limits.clientsMax + 100) return void socket.destroy()
    sockets.add(socket)
    connections.set(sockets.size)
    socket.setNoDelay(true)
    const ignore = (): void => {}
    socket.on('error', ignore)
    socket.once('close', () => {
      sockets.delete(socket)
      connections.set(sockets.size)
    })
    welcome(socket).catch((error) => {
      logger.error({ error }, 'could not serve an MQTT client')
      socket.destroy()
    })
  }

  return {
    name: 'mqtt broker',
    port: () => portOf(servers[0]),
    tlsPort: () => (config.tls === null ? null : portOf(servers[1])),
    publish: (tenant, message) => void tenantBroker(tenant).then((broker) => broker.publish(message)),
    clientsOf: (tenant) => ready.get(tenant)?.clients ?? 0,
    async start() {
      servers.push(await listen(createTcpServer(accept), config.bind, config.port))
      if (config.tls !== null) {
        const server = createTlsServer({ ...readTls(config.tls), handshakeTimeout: limits.connectTimeoutMs }, accept)
        // A failed handshake is the client's affair.
        server.on('tlsClientError', () => refusals.inc({ reason: 'tls_failed' }))
        servers.push(await listen(server, config.bind, config.tls.port))
      }
      recheck = setInterval(() => void checkKeys(), limits.recheckMs).unref()
      logger.info({ bind: config.bind, port: portOf(servers[0]) }, 'MQTT clients may connect')
      if (!isLoopback(config.bind) && config.tls === null) {
        logger.warn({ bind: config.bind }, 'MQTT is served without encryption beyond this machine')
      }
    },
    async stop() {
      stopping = true
      clearInterval(recheck)
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
      for (const broker of tenants.values()) await (await broker).stop()
      for (const socket of sockets) socket.destroy()
      await Promise.all(closed)
    },
  }
}

const connack = (code: number): Uint8Array => Uint8Array.of(0x20, 2, 0, code)
/** CONNACK as MQTT 5 has it, so that the client can read why (MQTT 5.0, 3.1.2.2: reason 0x84). */
const UNSUPPORTED_VERSION = Uint8Array.of(0x20, 3, 0, 0x84, 0)

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address
  return plain === '::1' || plain === 'localhost' || (isIPv4(plain) && plain.startsWith('127.'))
}

function portOf(server: Server | undefined): number {
  const address = server?.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function readTls({ certFile, keyFile }: { readonly certFile: string; readonly keyFile: string }) {
  try {
    return { cert: readFileSync(certFile), key: readFileSync(keyFile) }
  } catch (cause) {
    throw new AppError('config_invalid', `mqtt.tls: ${(cause as Error).message}`, { cause })
  }
}

function listen(server: Server, bind: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      const message = `Port ${port} of ${bind} is taken by another program: set mqtt.port to another one`
      reject(new AppError('port_in_use', message, { cause: error }))
    })
    server.listen(port, bind, () => resolve(server))
  })
}
