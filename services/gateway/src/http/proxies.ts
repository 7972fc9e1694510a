import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** Which proxies may say on whose behalf they ask: so many in front of us, or those with these addresses. */
export type TrustedProxies = number | readonly string[]

/** Whether what this address says of its caller is believed; `hop` counts from our own peer, 0. */
export type Trust = (address: string, hop: number) => boolean

const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.1/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

/** Whether it is an address, a network such as `10.0.0.0/8`, or one of the names that express knows. */
export function isProxyRange(text: string): boolean {
  if (Object.hasOwn(NAMED, text)) return true
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

/** Reads the setting once; express takes the answer as its `trust proxy`. */
export function createTrust(trusted: TrustedProxies): Trust {
  if (typeof trusted === 'number') return (_address, hop) => hop < trusted
  const list = new BlockList()
  for (const range of trusted.flatMap((each) => NAMED[each] ?? [each])) {
    const [address = '', prefix] = range.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    list.addSubnet(address, prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix), family)
  }
  return (address) => {
    const plain = unmapped(address)
    const family = isIP(plain)
    return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }
}

/**
 * Where a request comes from: the first address, from ours outwards, that is not a trusted proxy's. Anybody may write
 * the left of X-Forwarded-For, so it is read from the right.
 */
export function addressOf(request: IncomingMessage, trust: Trust): string {
  const header = request.headers['x-forwarded-for'] ?? ''
  const forwarded = (Array.isArray(header) ? header.join(',') : header).split(',').map((part) => part.trim())
  const path = [request.socket.remoteAddress ?? '', ...forwarded.filter((part) => part !== '').reverse()]
  const end = path.findIndex((address, hop) => !trust(address, hop))
  return (end < 0 ? path.at(-1) : path[end]) ?? ''
}

/** `::ffff:10.0.0.1` is 10.0.0.1 on a socket that listens for both families. */
function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
