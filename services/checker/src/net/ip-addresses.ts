import { isIP, isIPv4 } from 'node:net'

/** 4 or 16 bytes in network order. */
export type AddressBytes = Uint8Array

export interface Network {
  readonly bytes: AddressBytes
  /** Leading bits that count. */
  readonly bits: number
}

/** Bytes of an address in its plain spelling, without zone; null for anything else. */
export function addressBytes(text: string): AddressBytes | null {
  const family = isIP(text)
  if (family === 0 || text.includes('%')) return null
  return family === 4 ? bytesOfV4(text) : bytesOfV6(text)
}

/** `10.0.0.0/8` or a single address. Null for anything else. */
export function readNetwork(text: string): Network | null {
  const [address = '', bitsText, ...rest] = text.trim().split('/')
  const bytes = addressBytes(address)
  if (bytes === null || rest.length > 0) return null
  const most = bytes.length * 8
  if (bitsText === undefined) return { bytes, bits: most }
  const bits = /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN
  return bits <= most ? { bytes, bits } : null
}

export function isWithin(bytes: AddressBytes, network: Network): boolean {
  if (bytes.length !== network.bytes.length) return false
  const whole = network.bits >> 3
  for (let index = 0; index < whole; index++) if (bytes[index] !== network.bytes[index]) return false
  const rest = network.bits & 7
  return rest === 0 || (bytes[whole]! ^ network.bytes[whole]!) >> (8 - rest) === 0
}

/**
 * What keeps an address from being public, in words that complete "it is ..."; null for a public one. IPv6 addresses
 * that carry an IPv4 address (mapped, NAT64, 6to4, Teredo, ISATAP) are what that one is.
 */
export function whyNotPublic(bytes: AddressBytes): string | null {
  if (bytes.length === 4) return rangeOf(bytes, rangesOfV4)
  const named = rangeOf(bytes, rangesOfV6)
  if (named !== null) return named
  const carried = carriedV4(bytes)
  for (const { address, form } of carried) {
    const why = rangeOf(address, rangesOfV4)
    if (why !== null) return `${why} (in ${form} form)`
  }
  if (carried.length > 0 || (bytes[0]! & 0xe0) === 0x20) return null
  return 'a reserved address'
}

/** The IPv4 addresses in an IPv6 address that a packet to it may end at. */
export function carriedV4(bytes: AddressBytes): { readonly address: AddressBytes; readonly form: string }[] {
  if (bytes.length !== 16) return []
  const form = carriers.find(({ network }) => isWithin(bytes, network))
  if (form !== undefined) return form.at.map((place) => ({ address: place(bytes), form: form.name }))
  const isIsatap = (bytes[8]! & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
  return isIsatap ? [{ address: bytes.subarray(12), form: 'ISATAP' }] : []
}

type Place = (bytes: AddressBytes) => AddressBytes

const last: Place = (bytes) => bytes.subarray(12)

const carriers: readonly { network: Network; name: string; at: readonly Place[] }[] = [
  { network: network('::ffff:0:0/96'), name: 'IPv4-mapped', at: [last] },
  { network: network('::ffff:0:0:0/96'), name: 'IPv4-translated', at: [last] },
  { network: network('::/96'), name: 'IPv4-compatible', at: [last] },
  { network: network('64:ff9b::/96'), name: 'NAT64', at: [last] },
  { network: network('2002::/16'), name: '6to4', at: [(bytes) => bytes.subarray(2, 6)] },
  // RFC 4380: the server as it is, the client with every bit turned.
  {
    network: network('2001::/32'),
    name: 'Teredo',
    at: [(bytes) => bytes.subarray(4, 8), (bytes) => bytes.subarray(12).map((byte) => byte ^ 0xff)],
  },
]

/** IANA's registries of special-purpose addresses; the first that matches names it. */
const rangesOfV4 = ranges([
  ['255.255.255.255/32', 'the broadcast address'],
  ['0.0.0.0/8', 'an unspecified address, which means this machine'],
  ['10.0.0.0/8', 'a private address'],
  ['100.64.0.0/10', 'a shared address of a carrier’s network'],
  ['127.0.0.0/8', 'a loopback address'],
  ['169.254.0.0/16', 'a link-local address, where clouds keep their metadata'],
  ['172.16.0.0/12', 'a private address'],
  ['192.0.0.0/24', 'an address for protocol assignments'],
  ['192.0.2.0/24', 'a documentation address'],
  ['192.31.196.0/24', 'a reserved address'],
  ['192.52.193.0/24', 'a reserved address'],
  ['192.88.99.0/24', 'an address of 6to4 relays'],
  ['192.168.0.0/16', 'a private address'],
  ['192.175.48.0/24', 'a reserved address'],
  ['198.18.0.0/15', 'a benchmarking address'],
  ['198.51.100.0/24', 'a documentation address'],
  ['203.0.113.0/24', 'a documentation address'],
  ['224.0.0.0/4', 'a multicast address'],
  ['240.0.0.0/4', 'a reserved address'],
])

const rangesOfV6 = ranges([
  ['::/128', 'the unspecified address, which means this machine'],
  ['::1/128', 'a loopback address'],
  ['64:ff9b:1::/48', 'a private address of NAT64'],
  ['100::/64', 'an address that discards'],
  ['2001:2::/48', 'a benchmarking address'],
  ['2001:10::/28', 'a reserved address'],
  ['2001:20::/28', 'a reserved address'],
  ['2001:db8::/32', 'a documentation address'],
  ['3fff::/20', 'a documentation address'],
  ['5f00::/16', 'a reserved address'],
  ['fc00::/7', 'a unique local address'],
  ['fe80::/10', 'a link-local address'],
  ['fec0::/10', 'a site-local address'],
  ['ff00::/8', 'a multicast address'],
])

function ranges(table: readonly (readonly [string, string])[]): readonly { network: Network; is: string }[] {
  return table.map(([text, is]) => ({ network: network(text), is }))
}

function network(text: string): Network {
  const read = readNetwork(text)
  if (read === null) throw new TypeError(`${text} is no network`)
  return read
}

function rangeOf(bytes: AddressBytes, table: readonly { network: Network; is: string }[]): string | null {
  return table.find((range) => isWithin(bytes, range.network))?.is ?? null
}

function bytesOfV4(text: string): AddressBytes {
  return Uint8Array.from(text.split('.'), Number)
}

function bytesOfV6(text: string): AddressBytes {
  const [head = '', tail] = text.split('::')
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const bytes = new Uint8Array(16)
  bytes.set(before, 0)
  bytes.set(after, 16 - after.length)
  return bytes
}

/** Bytes of groups joined by colons, the last of which may be an IPv4 address. */
function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (isIPv4(group)) return [...bytesOfV4(group)]
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
