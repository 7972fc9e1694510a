import { createHash } from 'node:crypto'
import type { Source } from '@driftline/ingest/definitions/source'
import { createLease } from '@driftline/ingest/lease'
import type { SourceMeter } from '@driftline/ingest/source-meter'
import type { Clock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import type { Logger } from '@driftline/platform/logger'
import { type ConnectionOptions, connectionLimits } from './client/connection.ts'
import { createSession, type Session, type SessionState, sessionBackoff } from './client/session.ts'
import type { RunningSource } from './running-source.ts'
import { contradictsOnline, hostState } from './sparkplug/host-state.ts'

export interface BrokerLinkDeps {
  readonly hotState: HotState
  /** Name of this instance; leases are held under it. */
  readonly instance: string
  readonly meter: SourceMeter
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
}

/** Connects a source with its broker while this instance holds the source's lease. */
export interface BrokerLink {
  start(): void
  /** What the source subscribes to has changed. */
  setFilters(filters: readonly string[]): void
  /** With `forget` the broker keeps nothing for us. */
  stop(options: { readonly forget: boolean }): Promise<void>
}

const DRAIN_MS = 3000

export function createBrokerLink(source: Source<'mqtt'>, running: RunningSource, deps: BrokerLinkDeps): BrokerLink {
  const { meter } = deps
  const { tenant, id, definition } = source
  const hostId = definition.sparkplug?.hostId
  const connection = connectionOptions(source)
  let session: Session | null = null
  meter.about(factsOf(connection))

  const changed = (state: SessionState): void => {
    const [problem] = running.problems
    if (state.phase === 'connecting') meter.state('connecting')
    else if (state.phase === 'connected') meter.state('waiting', problem ?? '')
    else if (state.phase === 'failed') {
      meter.state('failed', state.problem.message)
      running.disconnected()
    }
  }

  const open = (): void => {
    const made = createSession(
      {
        connection,
        filters: running.filters,
        qos: 1,
        backoff: sessionBackoff,
        ...(hostId !== undefined && { presence: (connectMs: number) => hostState(hostId, connectMs) }),
      },
      {
        taker: {
          take(message, settle, byteLength) {
            if (hostId !== undefined && contradictsOnline(hostId, message.topic, message.payload)) made.sayOnline()
            running.take(message, settle, byteLength)
          },
          changed,
          connected: () => running.connected(),
        },
        logger: deps.logger,
        nowMs: () => deps.clock.nowMs(),
        random: deps.random,
      },
    )
    session = made
    running.link({
      publish: (message) => void made.publish(message),
      pause: () => made.pause(),
      resume: () => made.resume(),
    })
    meter.state('connecting')
    made.start()
  }

  const close = async (forget: boolean): Promise<void> => {
    const last = session
    session = null
    running.link(null)
    if (last === null) return
    last.pause()
    await running.drain(DRAIN_MS)
    await last.stop({ forget })
  }

  const lease = createLease(`mqtt/source/${tenant}/${id}`, deps.instance, {
    hotState: deps.hotState,
    logger: deps.logger,
    held: open,
    lost() {
      void close(false)
      meter.state('waiting', 'Another instance reads this source.')
    },
  })

  return {
    start: () => lease.start(),
    setFilters: (filters) => session?.setFilters(filters),
    async stop({ forget }) {
      await close(forget)
      await lease.stop()
    },
  }
}

/** How to reach the broker of a definition. */
export function connectionOptions({ tenant, id, definition, secrets }: Source<'mqtt'>): ConnectionOptions {
  const { broker } = definition
  const { hostname, port, protocol } = new URL(broker.url)
  const tls = protocol === 'mqtts:'
  const ownId = `driftline-${createHash('sha256').update(`${tenant}\n${id}`).digest('hex').slice(0, 12)}`
  return {
    address: { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (tls ? 8883 : 1883), tls },
    protocol: broker.protocol === '5' ? 5 : 4,
    clientId: broker.clientId ?? ownId,
    clean: false,
    sessionExpirySeconds: broker.sessionExpirySeconds,
    username: broker.username,
    password: secrets.password,
    authority: broker.authority,
    certificate: broker.certificate,
    privateKey: secrets.privateKey,
    serverName: broker.serverName,
    limits: connectionLimits,
  }
}

/** Whether two versions of a source speak to their broker in the same way: then the session goes on. */
export function sameConnection(one: Source<'mqtt'>, other: Source<'mqtt'>): boolean {
  const partsOf = ({ definition, secrets }: Source<'mqtt'>): string =>
    JSON.stringify([definition.broker, definition.sparkplug?.hostId, secrets])
  return partsOf(one) === partsOf(other)
}

const factsOf = ({ protocol, address }: ConnectionOptions): string[] => [
  protocol === 5 ? 'MQTT 5' : 'MQTT 3.1.1',
  ...(address.tls ? ['TLS'] : []),
  `${address.host}:${address.port}`,
]
