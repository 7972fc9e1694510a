import { Resolver } from 'node:dns/promises'
import type { DnsConfig } from '@driftline/checks/types/network'
import {
  type CheckAnswer,
  type CheckContext,
  CheckFailure,
  type CheckTools,
  type CreateCheckType,
} from '../../check-type.ts'
import { codeOf, messageOf, timeUp, withSignal } from '../../net/connect-failures.ts'
import { hostAndPort, readHost } from '../../net/host-spelling.ts'

const PORT = 53
const RECORDS_MAX = 200
/** c-ares asks again after this; the attempt's signal ends it all. */
const TRY_MS = 1000
const TRIES = 4

export const createDnsType: CreateCheckType<'dns'> = (tools) => ({
  name: 'dns',
  run: (config, context) => run(tools, config, context),
})

async function run(tools: CheckTools, config: DnsConfig, context: CheckContext): Promise<CheckAnswer> {
  const { name, type } = config
  const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES })
  const server = await chooseServer(tools, resolver, config, context)
  const startedMs = performance.now()
  const expired = (): CheckFailure =>
    timeUp(`Asking ${server} for ${type} of ${name}`, startedMs, context.signal.reason)
  let records: string[] = []
  let nothing: CheckFailure | null = null
  try {
    records = await withSignal(lookUp(resolver, config), context.signal, expired)
  } catch (error) {
    nothing = noRecords(error, config, server)
    if (nothing === null) throw lookUpFailure(error, config, server)
  } finally {
    resolver.cancel()
  }
  const latency = Math.round((performance.now() - startedMs) * 1000) / 1000
  context.log(`${server} answered with ${records.length} records in ${latency.toFixed(1)} ms`)
  const sorted = records.sort().slice(0, RECORDS_MAX)
  const facts: Readonly<Record<string, string | number>> = {
    records: sorted.join(', '),
    count: records.length,
    latency,
  }
  return {
    fact: (of) => facts[of],
    result: { records: sorted, count: records.length, server, latencyMs: latency },
    faults: nothing === null ? [] : [{ of: 'count', failure: nothing }],
  }
}

/** The server of the step, through the guard; the system's without one. Answers how to name it. */
async function chooseServer(
  { guard }: CheckTools,
  resolver: Resolver,
  { server }: DnsConfig,
  { tenant, signal }: CheckContext,
): Promise<string> {
  if (server === undefined) return 'the name servers of this machine'
  const [, bracketed, plain, portText] =
    /^(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:]+:[0-9a-fA-F:]*))(?::(\d{1,5}))?$/.exec(server) ?? []
  const host = bracketed ?? plain ?? ''
  const port = portText === undefined ? PORT : Number(portText)
  if (readHost(host) === null || port < 1 || port > 65_535) {
    throw new CheckFailure('config_invalid', `${server} is not the address of a name server`, {
      hint: 'Write an address such as 192.0.2.53, or with its port 192.0.2.53:5353',
      retry: 'never',
    })
  }
  const [first] = await guard.resolve(tenant, host, port, signal)
  const where = hostAndPort(first!.address, port)
  resolver.setServers([where])
  return where
}

async function lookUp(resolver: Resolver, { name, type }: DnsConfig): Promise<string[]> {
  switch (type) {
    case 'A':
      return resolver.resolve4(name)
    case 'AAAA':
      return resolver.resolve6(name)
    case 'CNAME':
      return resolver.resolveCname(name)
    case 'NS':
      return resolver.resolveNs(name)
    case 'MX':
      return (await resolver.resolveMx(name)).map(({ priority, exchange }) => `${priority} ${exchange}`)
    case 'TXT':
      return (await resolver.resolveTxt(name)).map((parts) => parts.join(''))
    case 'SRV':
      return (await resolver.resolveSrv(name)).map(
        ({ priority, weight, port, name: target }) => `${priority} ${weight} ${port} ${target}`,
      )
    case 'CAA':
      return (await resolver.resolveCaa(name)).map(({ critical, ...properties }) => {
        const [property = '', value = ''] = Object.entries(properties)[0] ?? []
        return `${critical} ${property} ${value}`
      })
  }
}

/** An answer that there is no such record: a finding, which assertions may be about. */
function noRecords(error: unknown, { name, type }: DnsConfig, server: string): CheckFailure | null {
  if (codeOf(error) === 'ENOTFOUND') {
    const hint = 'Check the spelling and the zone of the name'
    return new CheckFailure('name_unknown', `The name ${name} is unknown to ${server}`, { hint })
  }
  if (codeOf(error) !== 'ENODATA') return null
  const hint = 'Check the type of record, and the zone of the name'
  return new CheckFailure('value_missing', `${name} has no ${type} records at ${server}`, { hint })
}

function lookUpFailure(error: unknown, { name, type }: DnsConfig, server: string): CheckFailure {
  if (error instanceof CheckFailure) return error
  const code = codeOf(error)
  if (code === 'EBADNAME') {
    return new CheckFailure('config_invalid', `${JSON.stringify(name)} is not a name that can be looked up`, {
      retry: 'never',
      cause: error,
    })
  }
  if (code === 'ETIMEOUT' || code === 'ECONNREFUSED') {
    const reason = code === 'ETIMEOUT' ? 'timeout' : 'connection_refused'
    return new CheckFailure(reason, `${server} did not answer the question for ${type} of ${name}`, {
      hint: 'Check that the name server runs and that UDP to it is let through',
      retry: 'always',
      cause: error,
    })
  }
  const why = code === '' ? messageOf(error) : code.replace(/^E/, '')
  return new CheckFailure('lookup_failed', `${server} did not answer for ${type} of ${name}: ${why}`, {
    hint: 'See the log of the name server: it refused the question or failed at it',
    cause: error,
  })
}
