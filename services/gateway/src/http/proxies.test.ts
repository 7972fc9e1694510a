import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { addressOf, createTrust, isProxyRange, type TrustedProxies } from './proxies.ts'

function seenAs(trusted: TrustedProxies, peer: string, forwarded?: string): string {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return addressOf({ headers, socket: { remoteAddress: peer } } as unknown as IncomingMessage, createTrust(trusted))
}

describe('where a request comes from', () => {
  it.each([
    ['no proxy is trusted', 0, '192.0.2.7', '198.51.100.1', '192.0.2.7'],
    ['one proxy wrote its peer at the right', 1, '10.0.0.1', '198.51.100.1, 192.0.2.7', '192.0.2.7'],
    ['two proxies did', 2, '10.0.0.2', '198.51.100.1, 192.0.2.7, 10.0.0.1', '192.0.2.7'],
    ['fewer came by than are trusted', 3, '10.0.0.2', '192.0.2.7', '192.0.2.7'],
    [
      'the peer has a trusted address',
      ['10.0.0.0/8'],
      '::ffff:10.0.0.2',
      '198.51.100.1, 192.0.2.7, 10.0.0.9',
      '192.0.2.7',
    ],
    ['the peer is a stranger', ['10.0.0.0/8'], '192.0.2.7', '198.51.100.1', '192.0.2.7'],
    ['a proxy stands on this machine', ['loopback'], '::1', '198.51.100.1, 192.0.2.7', '192.0.2.7'],
    ['one address is trusted', ['2001:db8::1'], '2001:db8::1', '192.0.2.7', '192.0.2.7'],
    ['its neighbour is not', ['2001:db8::1'], '2001:db8::2', '192.0.2.7', '2001:db8::2'],
  ] as const)('when %s', (_, trusted, peer, forwarded, expected) => {
    expect(seenAs(trusted, peer, forwarded)).toBe(expected)
  })

  it('is the peer when nothing was forwarded', () => {
    expect(seenAs(1, '192.0.2.7')).toBe('192.0.2.7')
  })
})

describe('a trusted range', () => {
  it.each(['loopback', 'uniquelocal', '10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'])('may be %s', (text) => {
    expect(isProxyRange(text)).toBe(true)
  })
  it.each(['true', 'proxy.example', '10.0.0.0/33', '10.0.0.0/', '::1/129', '10.0.0.0/8/8', '', 'toString'])(
    'may not be "%s"',
    (text) => expect(isProxyRange(text)).toBe(false),
  )
})
