import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import {
  type ChannelOptions,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { AppError } from '../errors.ts'
import type { Component } from '../lifecycle.ts'

/** A service and what answers its calls. */
export interface GrpcServiceBinding {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
}

/** Paths of PEM files. With `clientCaFile` only clients that show a certificate of that authority are let in. */
export interface GrpcTlsConfig {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile: string | null
}

export interface GrpcServerConfig {
  readonly name: string
  readonly bind: string
  /** 0 picks a free port. */
  readonly port: number
  /** Null serves without encryption. */
  readonly tls: GrpcTlsConfig | null
  readonly maxMessageBytes: number
  /** Calls at once on one connection. */
  readonly maxConcurrentCalls: number
  /** How long calls may take to end by themselves when the server stops, milliseconds. */
  readonly stopGraceMs: number
}

/** A gRPC server. `port()` answers after the start. */
export interface GrpcServer extends Component {
  port(): number
}

/** Errors of `start`: `port_in_use`, `config_invalid`. Peers that vanish are noticed within about a minute. */
export function createGrpcServer(config: GrpcServerConfig, services: readonly GrpcServiceBinding[]): GrpcServer {
  let server: Server | undefined
  let boundPort: number | undefined
  return {
    name: config.name,
    async start() {
      // What the library prints beside our log is in the errors that it gives us.
      setLogVerbosity(logVerbosity.NONE)
      const credentials = serverCredentials(config.tls)
      server = new Server(channelOptions(config))
      for (const { definition, implementation } of services) server.addService(definition, implementation)
      boundPort = await bindPort(server, config, credentials)
    },
    async stop() {
      const stopping = server
      server = undefined
      if (stopping === undefined) return
      await new Promise<void>((resolve) => {
        // Peers that keep a call open would hold the shutdown, and forcing it does not always end its wait.
        const grace = setTimeout(() => {
          stopping.forceShutdown()
          resolve()
        }, config.stopGraceMs)
        stopping.tryShutdown(() => {
          clearTimeout(grace)
          resolve()
        })
      })
    },
    port() {
      assert(boundPort !== undefined, 'the gRPC server has not started')
      return boundPort
    },
  }
}

function channelOptions(config: GrpcServerConfig): ChannelOptions {
  return {
    'grpc.max_receive_message_length': config.maxMessageBytes,
    'grpc.max_concurrent_streams': config.maxConcurrentCalls,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.enable_channelz': 0,
  }
}

function serverCredentials(tls: GrpcTlsConfig | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure()
  const clientCa = tls.clientCaFile === null ? null : readPem(tls.clientCaFile)
  const pair = { private_key: readPem(tls.keyFile), cert_chain: readPem(tls.certFile) }
  try {
    return ServerCredentials.createSsl(clientCa, [pair], clientCa !== null)
  } catch (cause) {
    throw new AppError('config_invalid', `${tls.certFile} or ${tls.keyFile} cannot be used for TLS`, { cause })
  }
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new AppError('config_invalid', `cannot read ${file}: ${(cause as Error).message}`, { cause })
  }
}

function bindPort(server: Server, config: GrpcServerConfig, credentials: ServerCredentials): Promise<number> {
  const host = config.bind.includes(':') ? `[${config.bind}]` : config.bind
  const address = `${host}:${config.port}`
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (cause, port) => {
      if (cause === null) resolve(port)
      else if (cause.message.includes('EADDRINUSE')) {
        reject(new AppError('port_in_use', `${address} is taken by another program; choose another port`, { cause }))
      } else reject(new AppError('config_invalid', `cannot listen on ${address}: ${cause.message}`, { cause }))
    })
  })
}
