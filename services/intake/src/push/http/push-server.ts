import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import { listen } from '@driftline/platform/ops-server'
import type { PushServerConfig } from '../../config.ts'
import { problemJson } from './answers.ts'
import type { IngestHttp } from './ingest-http.ts'

/** The push doors on a port of their own. `port()` answers after the start. */
export interface PushServer extends Component {
  port(): number
}

const LIMITS = { requestTimeout: 60_000, headersTimeout: 10_000, keepAliveTimeout: 60_000, maxHeaderSize: 16_384 }
const DRAIN_MS = 1500

export function createPushServer(
  config: PushServerConfig,
  { http, logger }: { readonly http: IngestHttp; readonly logger: Logger },
): PushServer {
  let server: Server | undefined
  const listener: Parameters<typeof createServer>[1] = (request, response) =>
    http(request, response, () => {
      const { status, contentType, body } = problemJson({ status: 404, reason: 'not_found', detail: 'No such door' })
      response.writeHead(status, { 'content-type': contentType }).end(body)
    })
  return {
    name: 'push-server',
    async start() {
      const { tls, bind, port } = config
      server =
        tls === null
          ? createServer(LIMITS, listener)
          : createTlsServer({ ...LIMITS, cert: readPem(tls.certFile), key: readPem(tls.keyFile) }, listener)
      await listen(server, port, bind)
      logger.info({ bind, port: (server.address() as AddressInfo).port }, 'data may be pushed')
    },
    async stop() {
      const closing = server
      server = undefined
      if (!closing?.listening) return
      const closed = new Promise((resolve) => closing.close(resolve))
      closing.closeIdleConnections()
      const cut = setTimeout(() => closing.closeAllConnections(), DRAIN_MS)
      await closed
      clearTimeout(cut)
    },
    port() {
      assert(server, 'the push server has not started')
      return (server.address() as AddressInfo).port
    },
  }
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new AppError('config_invalid', `tls: ${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
