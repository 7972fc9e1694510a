import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * Whether a browser's request comes from a page of ours: its Origin is the host that it asks, or one that the
 * configuration allows. Requests without an Origin do not come from a foreign page: browsers always send it with
 * WebSockets and with every method but GET and HEAD.
 */
export function isOwnOrigin(request: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin } = request.headers
  if (origin === undefined) {
    const site = request.headers['sec-fetch-site']
    return site === undefined || site === 'same-origin' || site === 'none'
  }
  if (allowed.includes(origin)) return true
  try {
    return new URL(origin).host === request.headers.host
  } catch {
    return false
  }
}

/** Whether a Host header names this machine by a name that no name server can give to somebody else. */
export function isLoopbackHost(header: string): boolean {
  const host = header.replace(/:\d+$/, '').toLowerCase()
  return host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}
