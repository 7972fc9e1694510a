import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { AppError } from '@driftline/platform/errors'

/** A server with limits on how long a client may take; encrypted when the configuration names a certificate. */
export function createHttpServer(listener: RequestListener, tls: { certFile: string; keyFile: string } | null): Server {
  const limits = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 30_000, maxHeaderSize: 16_384 }
  if (tls === null) return createServer(limits, listener)
  return createTlsServer(
    { ...limits, cert: readPem('tls.cert_file', tls.certFile), key: readPem('tls.key_file', tls.keyFile) },
    listener,
  )
}

function readPem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new AppError('config_invalid', `${setting}: ${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
