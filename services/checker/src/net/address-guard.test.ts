import { networkPolicy } from '@driftline/checks/network-policy'
import { describe, expect, it } from 'vitest'
import { createAddressGuard, matchesHost } from './address-guard.ts'
import { readHost } from './host-spelling.ts'
import { addressBytes, isWithin, readNetwork, whyNotPublic } from './ip-addresses.ts'

const names: Record<string, string[]> = {
  'public.example': ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
  'metadata.example': ['169.254.169.254'],
  'loop.example': ['127.0.0.1'],
  'loop6.example': ['::1'],
  'inside.example': ['10.1.2.3'],
  'mixed.example': ['93.184.215.14', '10.1.2.3'],
  'mapped.example': ['::ffff:10.1.2.3'],
  localhost: ['::1', '127.0.0.1'],
  'xn--bcher-kva.example': ['93.184.215.14'],
  'many.example': Array.from({ length: 33 }, (_, index) => `93.184.215.${index + 1}`),
  'empty.example': [],
  'odd.example': ['not an address'],
}

async function resolver(name: string): Promise<{ address: string }[]> {
  const found = names[name]
  if (found === undefined) throw Object.assign(new Error(`queryA ENOTFOUND ${name}`), { code: 'ENOTFOUND' })
  return found.map((address) => ({ address }))
}

interface Rules {
  allowed?: string[]
  preset?: string[]
  exempt?: { host: string; port: number }[]
}

function guard({ allowed = [], preset = [], exempt = [] }: Rules = {}) {
  const policy = networkPolicy.parse({ allowedNetworks: allowed })
  const policies = { of: async (tenant: string) => (tenant === 'acme' ? policy : networkPolicy.parse({})) }
  return createAddressGuard({ policies, exempt: () => exempt, presetNetworks: preset, resolver })
}

const outcome = (host: string, port = 80, rules: Rules = {}): Promise<unknown> =>
  guard(rules)
    .resolve('acme', host, port)
    .then((addresses) => addresses.map(({ address }) => address).join(' '))
    .catch((failure: { reason: string }) => failure.reason)

const metadataService = [
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '0xA9FEA9FE',
  '0XA9.0XFE.0XA9.0XFE',
  '025177524776',
  '0251.0376.0251.0376',
  '0251.254.169.254',
  '0xa9.0xfe.0xa9.0xfe',
  '0xa9.254.0251.254',
  '169.254.43518',
  '169.16689662',
  '169.0xfea9fe',
  '0xa9.16689662',
  '169.254.169.254.',
  '169.254.169.254..',
  '2852039166.',
  '１６９.２５４.１６９.２５４',
  '１６９．２５４．１６９．２５４',
  '169。254。169。254',
  '①⑥⑨.②⑤④.①⑥⑨.②⑤④',
  '𝟏𝟔𝟗.254.169.254',
  '%31%36%39.%32%35%34.169.254',
  '169%2e254%2e169%2e254',
  '0xa9fea9f%65',
  '[::ffff:169.254.169.254]',
  '::ffff:169.254.169.254',
  '[::FFFF:A9FE:A9FE]',
  '[0:0:0:0:0:ffff:a9fe:a9fe]',
  '[0000:0000:0000:0000:0000:ffff:169.254.169.254]',
  '[::169.254.169.254]',
  '[::a9fe:a9fe]',
  '[64:ff9b::169.254.169.254]',
  '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b:1::a9fe:a9fe]',
  '[2002:a9fe:a9fe::1]',
  '[2002:a9fe:a9fe::]',
  '[2001:0:a9fe:a9fe::1]',
  '[2001:0:5db8:d70e::5601:5601]',
  '[::ffff:0:169.254.169.254]',
  '[2606:2800::5efe:169.254.169.254]',
  '[2606:2800::200:5efe:a9fe:a9fe]',
  ' 169.254.169.254 ',
  'metadata.example',
  'METADATA.example.',
  'ｍetadata.example',
]
const loopback = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '017700000001',
  '0177.0.0.1',
  '0177.0.0.01',
  '127.0.0.1.',
  '１２７.0.0.1',
  '%3127.0.0.1',
  '[::1]',
  '::1',
  '[0:0:0:0:0:0:0:1]',
  '[0000::0001]',
  '[::0.0.0.1]',
  '[::1%lo]',
  '[::1%25lo]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  'localhost',
  'LOCALHOST.',
  'ⓛocalhost',
  'loop.example',
  'loop6.example',
  '0',
  '0.0.0.0',
  '0x0',
  '0.0',
  '[::]',
  '[::ffff:0.0.0.0]',
]
const inside = [
  '10.1.2.3',
  '167838211',
  '0x0a010203',
  '0xa010203',
  '012.1.2.3',
  '012.0001.02.03',
  '10.66051',
  '10.1.515',
  '10.1.2.3.',
  '１０.1.2.3',
  '%310.1.2.3',
  '[::ffff:10.1.2.3]',
  '[::ffff:a01:203]',
  '[::10.1.2.3]',
  '[64:ff9b::a01:203]',
  '[2002:a01:203::7]',
  'inside.example',
  'mapped.example',
  'mixed.example',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.1',
  '100.64.0.1',
  '100.127.255.254',
  '[fc00::1]',
  '[fd12:3456:789a::1]',
  '[fe80::1]',
  '[fe80::1%eth0]',
  '[fe80::1%25eth0]',
  '[febf::1]',
  '[fec0::1]',
]
const elsewhere = [
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '192.0.2.1',
  '198.51.100.1',
  '203.0.113.1',
  '198.18.0.1',
  '198.19.255.255',
  '192.0.0.8',
  '192.88.99.1',
  '[ff02::1]',
  '[ff0e::1]',
  '[2001:db8::1]',
  '[3fff::1]',
  '[2001:2::1]',
  '[2001:10::1]',
  '[2001:20::1]',
  '[100::1]',
  '[5f00::1]',
  '[4000::1]',
  '[1::1]',
  '[e000::1]',
  'many.example',
]

describe('the address guard, spellings that are refused', () => {
  it.each(metadataService)('refuses the metadata service as %s', async (host) => {
    expect(await outcome(host)).toBe('address_refused')
  })
  it.each(loopback)('refuses this machine as %s', async (host) => {
    expect(await outcome(host)).toBe('address_refused')
  })
  it.each(inside)('refuses a private address as %s', async (host) => {
    expect(await outcome(host)).toBe('address_refused')
  })
  it.each(elsewhere)('refuses what is not for checks: %s', async (host) => {
    expect(await outcome(host)).toBe('address_refused')
  })
  it.each([
    '',
    ' ',
    '.',
    '..',
    '[]',
    '[::1',
    '::1]',
    '[127.0.0.1]extra',
    'a b',
    'a\tb',
    '127.0.0.1\n',
    '127.0.0.1\0.example',
    'user@127.0.0.1',
    '127.0.0.1/..',
    '127.0.0.1#.example',
    '127.0.0.1?.example',
    'a\\b',
    '%2531%2536%2539.254.169.254',
    '%zz',
    '127.0.0.1%2f.example',
    '127.0.0.1%00.example',
    'a..b',
    '256.256.256.256',
    '1.2.3.4.5',
    '0x1ffffffff',
    '08.0.0.1',
    '[fe80::1%]',
    '[fe80::1%a/b]',
    '[fe80::1%eth0%eth1]',
    '::ffff:1.2.3',
    'x'.repeat(1001),
  ])('refuses what is no host: %j', async (host) => {
    expect(['url_invalid', 'address_refused']).toContain(await outcome(host))
  })
})

describe('the address guard, what is allowed', () => {
  it.each([
    ['93.184.215.14', '93.184.215.14'],
    ['0x5db8d70e', '93.184.215.14'],
    ['9.255.255.255', '9.255.255.255'],
    ['11.0.0.0', '11.0.0.0'],
    ['172.15.255.255', '172.15.255.255'],
    ['172.32.0.0', '172.32.0.0'],
    ['100.63.255.255', '100.63.255.255'],
    ['100.128.0.0', '100.128.0.0'],
    ['169.253.255.255', '169.253.255.255'],
    ['198.20.0.0', '198.20.0.0'],
    ['223.255.255.255', '223.255.255.255'],
    ['[2606:2800:21f:cb07:6820:80da:af6b:8b2c]', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
    ['[::ffff:93.184.215.14]', '::ffff:5db8:d70e'],
    ['[64:ff9b::93.184.215.14]', '64:ff9b::5db8:d70e'],
    ['[2002:5db8:d70e::1]', '2002:5db8:d70e::1'],
    ['public.example', '93.184.215.14 2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
    ['PUBLIC.example.', '93.184.215.14 2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
    ['bücher.example', '93.184.215.14'],
  ])('%s is %s', async (host, addresses) => {
    expect(await outcome(host)).toBe(addresses)
  })

  it.each([
    ['10.1.2.3', '10.0.0.0/8', '10.1.2.3'],
    ['10.1.2.3', '10.1.2.3', '10.1.2.3'],
    ['10.1.2.3', '10.1.2.3/32', '10.1.2.3'],
    ['10.1.2.3', '10.1.2.4/32', 'address_refused'],
    ['10.1.2.3', '10.1.2.4/31', 'address_refused'],
    ['10.1.2.3', '10.1.2.2/31', '10.1.2.3'],
    ['10.1.2.3', '0.0.0.0/0', '10.1.2.3'],
    ['10.1.2.3', '::/0', 'address_refused'],
    ['[::ffff:10.1.2.3]', '10.0.0.0/8', '::ffff:a01:203'],
    ['[::ffff:10.1.2.3]', '::ffff:0:0/96', '::ffff:a01:203'],
    ['[::ffff:10.1.2.3]', '172.16.0.0/12', 'address_refused'],
    ['[fd00::5]', 'fd00::/8', 'fd00::5'],
    ['[fe80::1%eth0]', 'fe80::/10', 'fe80::1%eth0'],
    ['mixed.example', '10.0.0.0/8', '93.184.215.14 10.1.2.3'],
    ['localhost', '127.0.0.0/8', 'address_refused'],
    ['localhost', '::1', 'address_refused'],
    ['169.254.169.254', '169.254.169.254/32', '169.254.169.254'],
  ])('%s with %s allowed: %s', async (host, network, expected) => {
    expect(await outcome(host, 80, { allowed: [network] })).toBe(expected)
    expect(await outcome(host, 80, { preset: [network] })).toBe(expected)
  })

  it('asks the policy of the tenant and of no other', async () => {
    const guarded = guard({ allowed: ['10.0.0.0/8'] })
    expect(await guarded.resolve('acme', '10.1.2.3', 80)).toEqual([{ address: '10.1.2.3', family: 4 }])
    await expect(guarded.resolve('other', '10.1.2.3', 80)).rejects.toMatchObject({ reason: 'address_refused' })
  })

  it.each([
    ['127.0.0.1', 8080, '127.0.0.1'],
    ['127.1', 8080, '127.0.0.1'],
    ['localhost', 8080, '127.0.0.1'],
    ['127.0.0.1', 8081, 'address_refused'],
    ['127.0.0.2', 8080, 'address_refused'],
    ['[::1]', 8080, 'address_refused'],
    ['loop.example', 8080, 'address_refused'],
    ['inside.example', 443, '10.1.2.3'],
    ['inside.example', 80, 'address_refused'],
    ['10.1.2.3', 443, 'address_refused'],
  ])('exempt is the exact host and port: %s:%d is %s', async (host, port, expected) => {
    const exempt = [
      { host: '127.0.0.1', port: 8080 },
      { host: 'inside.example', port: 443 },
    ]
    expect(await outcome(host, port, { exempt })).toBe(expected)
    expect(guard({ exempt }).isExempt(host, port)).toBe(expected !== 'address_refused')
  })
})

describe('the address guard, what it says', () => {
  it.each([
    [
      '10.1.2.3',
      'Connecting to 10.1.2.3 is not allowed: it is a private address. An administrator can allow it under Settings, Network, or with DRIFTLINE_ALLOWED_PRIVATE_NETWORKS=10.1.2.3/32',
    ],
    ['inside.example', 'Connecting to inside.example (10.1.2.3) is not allowed: it is a private address.'],
    ['0x7f.1', 'Connecting to 127.0.0.1 is not allowed: it is a loopback address.'],
    [
      '[::ffff:169.254.169.254]',
      'Connecting to ::ffff:a9fe:a9fe is not allowed: it is a link-local address, where clouds keep their metadata (in IPv4-mapped form).',
    ],
    ['[::1]', 'DRIFTLINE_ALLOWED_PRIVATE_NETWORKS=::1/128'],
    ['nowhere.example', 'The name nowhere.example is unknown'],
    ['empty.example', 'The name empty.example is unknown (it has no address)'],
    ['odd.example', 'The name odd.example is unknown (not an address is no address)'],
    ['a b', '"a b" is neither a name nor an address'],
  ])('%s: %s', async (host, message) => {
    await expect(guard().resolve('acme', host, 80)).rejects.toMatchObject({
      name: 'CheckFailure',
      message: expect.stringContaining(message),
    })
  })

  it('ends a look-up that takes too long with the signal', async () => {
    const policies = { of: async () => networkPolicy.parse({}) }
    const slow = createAddressGuard({
      policies,
      exempt: () => [],
      presetNetworks: [],
      resolver: () => new Promise(() => {}),
    })
    await expect(slow.resolve('acme', 'slow.example', 80, AbortSignal.timeout(20))).rejects.toMatchObject({
      reason: 'timeout',
      message: expect.stringMatching(/^Looking up the name slow.example was not finished after 0\.\d s$/),
    })
  })
})

describe('hosts of patterns', () => {
  it.each([
    ['crm.example', 'crm.example', true],
    ['CRM.example', 'crm.EXAMPLE.', true],
    ['crm.example', 'www.crm.example', false],
    ['*.crm.example', 'www.crm.example', true],
    ['*.crm.example', 'a.b.crm.example', true],
    ['*.crm.example', 'crm.example', false],
    ['*.crm.example', 'evilcrm.example', false],
    ['127.0.0.1', '0x7f.1', true],
  ])('%s and %s: %s', (pattern, host, expected) => {
    expect(matchesHost(pattern, host)).toBe(expected)
  })
})

describe('addresses and networks', () => {
  it('reads every spelling of an IPv6 address alike', () => {
    for (const text of ['2001:db8::1', '2001:DB8:0:0:0:0:0:1', '2001:db8::0.0.0.1'])
      expect([...addressBytes(text)!]).toEqual([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    expect(addressBytes('fe80::1%eth0')).toBeNull()
    expect(readHost('[2001:DB8::0:1]')).toEqual({ host: '2001:db8::1', family: 6, zone: '' })
  })

  it.each(['', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', '::/129', '::/1e1', 'a/8'])(
    '%j is no network',
    (text) => expect(readNetwork(text)).toBeNull(),
  )

  it('has no hole at the edges of a network', () => {
    const network = readNetwork('172.16.0.0/12')!
    for (const [text, within] of Object.entries({
      '172.15.255.255': false,
      '172.16.0.0': true,
      '172.31.255.255': true,
    }))
      expect(isWithin(addressBytes(text)!, network)).toBe(within)
    expect(isWithin(addressBytes('172.32.0.0')!, network)).toBe(false)
    expect(whyNotPublic(addressBytes('8.8.8.8')!)).toBeNull()
  })
})
