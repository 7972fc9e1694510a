import { isIP } from 'node:net'

/** A host as it is looked up: a name in lower case (punycode), or an address in its plain spelling. */
export interface PlainHost {
  readonly host: string
  /** 0 for a name. */
  readonly family: 0 | 4 | 6
  /** Of an IPv6 address: `eth0`; empty without one. */
  readonly zone: string
}

const HOST_LENGTH_MAX = 1000

/**
 * Reads a host in any spelling that URL parsers and resolvers take: decimal, octal, hexadecimal and short IPv4
 * addresses, brackets, zones, percent-encoding, fullwidth characters, dots at the end. Null when it is no host.
 */
export function readHost(text: string): PlainHost | null {
  if (text.length > HOST_LENGTH_MAX) return null
  const decoded = decode(text.trim())
  if (decoded === null) return null
  const bare = decoded.replace(/^\[(.*)\]$/s, '$1').replace(/(?<=[^.。．｡])[.。．｡]+$/, '')
  if (bare.includes(':')) return readV6(bare)
  // What ends a host in a URL would hide the rest of it, and userinfo is no host.
  if (bare === '' || /[\s/\\?#@<>^|%[\]]/.test(bare) || hasControls(bare)) return null
  const host = throughUrl(bare)?.replace(/\.+$/, '')
  if (host === undefined || host === '' || host.split('.').includes('')) return null
  return { host, family: isIP(host) === 4 ? 4 : 0, zone: '' }
}

/** Host and port as one key: `[::1]:80`, `crm.example:443`. */
export function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function readV6(text: string): PlainHost | null {
  const [address = '', zone = '', ...rest] = text.split('%')
  if (rest.length > 0 || (text.includes('%') && !/^[A-Za-z0-9._-]{1,32}$/.test(zone))) return null
  if (isIP(address) !== 6) return null
  const plain = throughUrl(`[${address}]`)?.slice(1, -1)
  return plain === undefined ? null : { host: plain, family: 6, zone }
}

/** The URL standard says how hosts are spelled; Node's parser follows it to the letter. */
function throughUrl(host: string): string | undefined {
  try {
    return new URL(`http://${host}`).hostname
  } catch {
    return undefined
  }
}

/** Once, as URL parsers do; `%25` before a zone (RFC 6874) becomes `%`. A bare `%` stands for a zone. */
function decode(text: string): string | null {
  if (!text.includes('%')) return text
  if (/^\[?[0-9a-f:.]+%(?!25)[A-Za-z0-9._-]+\]?$/i.test(text) && text.includes(':')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

function hasControls(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) < 0x20) return true
  return text.includes('\u007f')
}
