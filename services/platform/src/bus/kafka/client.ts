import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type ISocketFactory, Kafka, type KafkaConfig, type LogEntry, logLevel } from 'kafkajs'
import { AppError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { createLogLimit } from './log-limit.ts'
import { mendRequestTimers } from './request-timers.ts'

export interface KafkaConnection {
  /** `host:port` of some brokers; the rest is learnt from them. */
  readonly brokers: readonly string[]
  /** Name under which the brokers log this process. */
  readonly clientId: string
  readonly ssl?: NonNullable<KafkaConfig['ssl']>
  readonly sasl?: NonNullable<KafkaConfig['sasl']>
}

const KEEP_ALIVE_MS = 60_000
/** kafkajs retries a request this often by itself, about 3 s in all, before the failure is ours. */
export const kafkaRetry = { initialRetryTime: 100, maxRetryTime: 1000, retries: 5 }

export function createClient(connection: KafkaConnection, logger: Logger): Kafka {
  const { brokers, clientId, ssl, sasl } = connection
  mendRequestTimers()
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
    socketFactory: connectWithoutDelay,
    connectionTimeout: 3000,
    requestTimeout: 30_000,
    retry: kafkaRetry,
    logLevel: logLevel.INFO,
    logCreator: () => createLogWriter(logger),
  })
}

/**
 * kafkajs leaves Nagle's algorithm on: a small request behind a long poll, such as a commit behind a fetch, then waits
 * up to 40 ms for the other side's delayed acknowledgement.
 */
const connectWithoutDelay: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  // An address is no server name; TLS refuses it.
  const serverName = isIP(host) ? {} : { servername: host }
  const socket = ssl ? connectTls({ host, port, ...serverName, ...ssl }, onConnect) : connectTcp(port, host, onConnect)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  return socket
}

/**
 * What kafkajs calls an error it mostly retries; what we give up on, we log ourselves. That a group changes is no
 * trouble at all.
 */
function createLogWriter(logger: Logger): (entry: LogEntry) => void {
  const limit = createLogLimit()
  return ({ level, namespace, log }) => {
    const { message, timestamp: _timestamp, ...fields } = log
    const isTrouble = level === logLevel.ERROR || level === logLevel.WARN
    if (!isTrouble || String(fields['error']).includes(REBALANCING)) {
      return logger.debug({ ...fields, namespace }, `kafkajs: ${message}`)
    }
    const leftOut = limit(message)
    if (leftOut !== null) logger.warn({ ...fields, namespace, leftOut }, `kafkajs: ${message}`)
  }
}

const REBALANCING = 'The group is rebalancing'

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const FORBIDDEN = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
])

/** Names a failure of kafkajs: `record_too_large`, `forbidden`, else `bus_unavailable` (retryable). */
export function translateKafkaError(error: unknown, doing: string): AppError {
  if (error instanceof AppError) return error
  const types = chainOf(error).map((each) => each.type ?? '')
  const reason = chainOf(error).at(-1)?.message ?? String(error)
  const message = `${doing}: ${reason}`
  if (types.some((type) => TOO_LARGE.has(type))) return new AppError('record_too_large', message, { cause: error })
  if (types.some((type) => FORBIDDEN.has(type))) return new AppError('forbidden', message, { cause: error })
  return new AppError('bus_unavailable', message, { retryable: true, cause: error })
}

interface KafkaError {
  readonly message: string
  readonly type?: string
}

function chainOf(error: unknown): KafkaError[] {
  const chain: KafkaError[] = []
  let each: unknown = error
  while (each instanceof Error && chain.length < 10) {
    chain.push(each)
    each = each.cause
  }
  return chain
}
