import { lookup } from 'node:dns/promises'
import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import type { NetworkPolicy } from '@driftline/checks/network-policy'
import { CheckFailure } from '../check-type.ts'
import { codeOf, messageOf, timeUp, withSignal } from './connect-failures.ts'
import { connectToAny } from './connect-to-any.ts'
import { hostAndPort, type PlainHost, readHost } from './host-spelling.ts'
import { addressBytes, carriedV4, isWithin, type Network, readNetwork, whyNotPublic } from './ip-addresses.ts'
import type { NetworkPolicies } from './network-policies.ts'

export interface GuardedAddress {
  /** Textual IP address that was checked; connect to this one and to no other. */
  readonly address: string
  readonly family: 4 | 6
}

/**
 * Keeps checks away from where they have no business: resolves a name, checks every address, and answers those that
 * may be connected to, for the caller to connect to as they are. Asked again for each redirect and each connection.
 */
export interface AddressGuard {
  /**
   * `host` is a name or an address in any spelling that URL parsers take; `port` matters for what is exempt. Errors:
   * CheckFailure `address_refused` (the message says how an administrator allows it), `name_unknown`, `url_invalid`
   * (no host at all), `timeout` (the signal's).
   */
  resolve(tenant: string, host: string, port: number, signal?: AbortSignal): Promise<readonly GuardedAddress[]>
  /** Resolves, then connects to the first address that answers. Errors: as `resolve`, `connection_refused`, ... */
  connect(tenant: string, host: string, port: number, signal: AbortSignal): Promise<Socket>
  /** Whether this is an address of the product's own or of its demo target, which are exempt from the rule. */
  isExempt(host: string, port: number): boolean
}

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

export interface AddressGuardDeps {
  readonly policies: NetworkPolicies
  /** The product's own address and the demo target: asked each time, for ports are known after the start. */
  readonly exempt: () => readonly HostAndPort[]
  /** Networks in CIDR notation that every tenant may reach: DRIFTLINE_ALLOWED_PRIVATE_NETWORKS. */
  readonly presetNetworks: readonly string[]
  /** All addresses of a name; the system's resolver without it. */
  readonly resolver?: (name: string) => Promise<readonly { readonly address: string }[]>
}

/** Addresses of one name that are looked at; no honest name has more. */
const ADDRESSES_MAX = 32

export function createAddressGuard(deps: AddressGuardDeps): AddressGuard {
  const preset = deps.presetNetworks.map((text) => readNetwork(text)).filter((network) => network !== null)
  const ask = deps.resolver ?? ((name: string) => lookup(name, { all: true, order: 'verbatim' }))
  const networksOf = createPolicyNetworks()

  const resolve: AddressGuard['resolve'] = async (tenant, host, port, signal) => {
    const plain = readHost(host)
    if (plain === null) throw noHost(host)
    const exempt = exemptAddress(deps.exempt(), plain, port)
    if (exempt !== null && exempt.family !== 0) return [{ address: exempt.host, family: exempt.family }]
    const addresses = plain.family === 0 ? await lookUp(ask, plain.host, signal) : [plain]
    if (exempt !== null) return addresses.map(guarded)
    const allowed = [...preset, ...networksOf(await deps.policies.of(tenant))]
    for (const address of addresses) refuseUnlessAllowed(plain, address, allowed)
    return addresses.map(guarded)
  }

  return {
    resolve,
    async connect(tenant, host, port, signal) {
      const addresses = await resolve(tenant, host, port, signal)
      return connectToAny(addresses, port, hostAndPort(host.replace(/^\[(.*)\]$/, '$1'), port), signal)
    },
    isExempt(host, port) {
      const plain = readHost(host)
      return plain !== null && exemptAddress(deps.exempt(), plain, port) !== null
    },
  }
}

/** Whether a host is of one's own by the policy: `crm.example`, or `*.example` for all below it. */
export function matchesHost(pattern: string, host: string): boolean {
  const wanted = pattern.toLowerCase()
  const plain = readHost(host)?.host ?? host.toLowerCase()
  return wanted.startsWith('*.') ? plain.endsWith(wanted.slice(1)) : plain === (readHost(wanted)?.host ?? wanted)
}

/** Networks of a policy, read once for each policy object. */
function createPolicyNetworks(): (policy: NetworkPolicy) => readonly Network[] {
  const read = new WeakMap<NetworkPolicy, readonly Network[]>()
  return (policy) => {
    const known = read.get(policy)
    if (known !== undefined) return known
    const networks = policy.allowedNetworks.map((text) => readNetwork(text)).filter((network) => network !== null)
    read.set(policy, networks)
    return networks
  }
}

/**
 * Exempt is the exact host and port. `localhost` means an exempt loopback address of that port, and is then connected
 * to there and nowhere else: something else may listen on the same port of another loopback address.
 */
function exemptAddress(exempt: readonly HostAndPort[], asked: PlainHost, port: number): PlainHost | null {
  for (const each of exempt) {
    if (each.port !== port) continue
    const own = readHost(each.host)
    if (own === null) continue
    if (own.host === asked.host) return asked
    if (asked.host === 'localhost' && (own.host === '127.0.0.1' || own.host === '::1')) return own
  }
  return null
}

async function lookUp(
  ask: NonNullable<AddressGuardDeps['resolver']>,
  name: string,
  signal: AbortSignal | undefined,
): Promise<PlainHost[]> {
  const startedMs = performance.now()
  const expired = () => timeUp(`Looking up the name ${name}`, startedMs, signal?.reason)
  let found: readonly { readonly address: string }[]
  try {
    found = await withSignal(ask(name), signal, expired)
  } catch (error) {
    throw error instanceof CheckFailure ? error : unknownName(name, error)
  }
  if (found.length === 0) throw unknownName(name, new Error('it has no address'))
  if (found.length > ADDRESSES_MAX) {
    throw new CheckFailure('address_refused', `${name} has ${found.length} addresses, more than ${ADDRESSES_MAX}`, {
      hint: 'Use a name of the service itself, or one of its addresses',
      retry: 'never',
    })
  }
  return found.map(({ address }) => {
    const plain = isIP(address.split('%')[0]!) === 0 ? null : readHost(address)
    if (plain === null || plain.family === 0) throw unknownName(name, new Error(`${address} is no address`))
    return plain
  })
}

/** All addresses of a name must be allowed: one that is not says that the name is not what it seems. */
function refuseUnlessAllowed(asked: PlainHost, address: PlainHost, allowed: readonly Network[]): void {
  const bytes = addressBytes(address.host)!
  const why = whyNotPublic(bytes)
  if (why === null) return
  if (allowed.some((network) => isWithin(bytes, network))) return
  const carried = carriedV4(bytes).map((each) => each.address)
  const within = (each: Uint8Array): boolean => allowed.some((network) => isWithin(each, network))
  if (carried.length > 0 && carried.every((each) => whyNotPublic(each) === null || within(each))) return
  const what = asked.family === 0 ? `${asked.host} (${address.host})` : address.host
  const network = `${address.host}/${bytes.length * 8}`
  throw new CheckFailure(
    'address_refused',
    `Connecting to ${what} is not allowed: it is ${why}. An administrator can allow it under Settings, Network, or ` +
      `with DRIFTLINE_ALLOWED_PRIVATE_NETWORKS=${network}`,
    { hint: `Use a public address, or ask an administrator to allow ${network}`, retry: 'never' },
  )
}

function guarded({ host, family, zone }: PlainHost): GuardedAddress {
  return { address: zone === '' ? host : `${host}%${zone}`, family: family === 4 ? 4 : 6 }
}

function noHost(host: string): CheckFailure {
  return new CheckFailure('url_invalid', `${JSON.stringify(host.slice(0, 100))} is neither a name nor an address`, {
    hint: 'Write a host name such as crm.example or an address such as 192.0.2.10',
    retry: 'never',
  })
}

function unknownName(name: string, error: unknown): CheckFailure {
  const code = codeOf(error)
  const temporary = code === 'EAI_AGAIN' || code === 'ETIMEOUT' || code === 'ESERVFAIL'
  const known = code === 'ENOTFOUND' || code === 'ENODATA'
  const message = temporary
    ? `The name ${name} could not be looked up: no name server answered (${code})`
    : `The name ${name} is unknown${known ? '' : ` (${messageOf(error)})`}`
  return new CheckFailure('name_unknown', message, {
    hint: 'Check the spelling, and that this machine asks the right name servers',
    retry: 'always',
    cause: error,
  })
}
