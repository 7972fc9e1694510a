import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { AppError } from '@driftline/platform/errors'
import type { SelfMetrics } from '@driftline/platform/metrics'

/** A server with limits on how long a client may take; encrypted when the configuration names a certificate. */
export function createHttpServer(
  listener: RequestListener,
  tls: { certFile: string; keyFile: string } | null,
  metrics: SelfMetrics,
): Server {
  const server =
    tls === null
      ? createServer(limits, listener)
      : createTlsServer(
          { ...limits, cert: readPem('tls.cert_file', tls.certFile), key: readPem('tls.key_file', tls.keyFile) },
          listener,
        )
  const refused = metrics.counter('driftline_http_malformed_total', 'Requests that are no HTTP, by reason', ['reason'])
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const [reason, answer] = refusalOf(error)
    refused.inc({ reason })
    if (socket.writable) socket.end(`HTTP/1.1 ${answer}\r\nConnection: close\r\n\r\n`, () => socket.destroy())
    else socket.destroy(error)
  })
  return server
}

const limits = {
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  keepAliveTimeout: 30_000,
  maxHeaderSize: 16_384,
  // How often the server looks for those who take longer.
  connectionsCheckingInterval: 5000,
}

/** A closed list of words for the counter, and what the client reads, which is what it would read without the counter. */
function refusalOf({ code }: NodeJS.ErrnoException): [reason: string, answer: string] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['slow', '408 Request Timeout']
  if (code === 'HPE_HEADER_OVERFLOW') return ['header_too_large', '431 Request Header Fields Too Large']
  if (code === 'ECONNRESET') return ['aborted', '400 Bad Request']
  return ['malformed', '400 Bad Request']
}

function readPem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new AppError('config_invalid', `${setting}: ${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
