import type { Socket } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { TlsConfig } from '@driftline/checks/types/network'
import type { Json } from '@driftline/platform/metadata/tables'
import {
  type CheckAnswer,
  type CheckContext,
  CheckFailure,
  type CheckTools,
  type CreateCheckType,
} from '../../check-type.ts'
import { hostAndPort, readHost } from '../../net/host-spelling.ts'
import { type ConnectTls, certificateFailure, createConnectTls, namesOf } from '../../net/tls-connect.ts'

const DAY_MS = 86_400_000

export const createTlsType: CreateCheckType<'tls'> = (tools) => {
  const connectTls = createConnectTls()
  return { name: 'tls', run: (config, context) => run(tools, connectTls, config, context) }
}

async function run(
  { guard, limits, clock }: CheckTools,
  connectTls: ConnectTls,
  config: TlsConfig,
  context: CheckContext,
): Promise<CheckAnswer> {
  const { host, port } = config
  const { tenant, signal } = context
  const where = hostAndPort(host, port)
  const leave = await limits.enter(tenant, host, signal, port)
  let socket: Socket | undefined
  try {
    socket = await guard.connect(tenant, host, port, signal)
    const name = readHost(config.serverName ?? host)?.host ?? host
    const secured = await connectTls({ socket, host: name, where, verify: false, signal })
    return judge(secured, name, config, clock.nowMs())
  } finally {
    socket?.destroy()
    leave()
  }
}

function judge(secured: TLSSocket, name: string, config: TlsConfig, nowMs: number): CheckAnswer {
  const certificate = secured.getPeerCertificate()
  if (certificate.valid_to === undefined) {
    throw new CheckFailure('certificate_invalid', `${name} shows no certificate`, { hint: 'Check the server' })
  }
  const error = secured.authorized ? null : String(secured.authorizationError)
  const daysLeft = (Date.parse(certificate.valid_to) - nowMs) / DAY_MS
  const facts: Readonly<Record<string, Json>> = {
    // Rounded down: one that ends today has 0 days left.
    days_left: Math.floor(daysLeft * 10) / 10,
    issuer: nameOf(certificate.issuer),
    subject: nameOf(certificate.subject),
    names: namesOf(certificate),
    protocol: secured.getProtocol() ?? '',
    trusted: error === null,
    fingerprint: certificate.fingerprint256,
  }
  const faults: { of: string; failure: CheckFailure }[] = []
  if (config.trusted && error !== null) {
    faults.push({ of: 'trusted', failure: certificateFailure(error, certificate, name, nowMs) })
  }
  if (daysLeft < config.daysLeftMin) {
    faults.push({ of: 'days_left', failure: endsSoon(certificate, name, daysLeft, config.daysLeftMin) })
  }
  const { days_left: days, ...others } = facts
  const result = {
    ...others,
    daysLeft: days!,
    validFrom: iso(certificate.valid_from),
    validTo: iso(certificate.valid_to),
  }
  return { fact: (of) => facts[of], result, faults }
}

function endsSoon(certificate: PeerCertificate, name: string, daysLeft: number, daysLeftMin: number): CheckFailure {
  const date = iso(certificate.valid_to).slice(0, 10)
  const left = Math.floor(daysLeft)
  const message =
    daysLeft < 0
      ? `The certificate of ${name} expired on ${date}, ${Math.floor(-daysLeft)} days ago`
      : `The certificate of ${name} expires in ${left} ${left === 1 ? 'day' : 'days'}, on ${date}, expected at least ${daysLeftMin} days`
  const hint = 'Renew the certificate and reload the server; see why it was not renewed by itself'
  return new CheckFailure(daysLeft < 0 ? 'certificate_invalid' : 'certificate_expiring', message, { hint })
}

function nameOf(who: PeerCertificate['subject'] | undefined): string {
  return [who?.CN ?? who?.O ?? ''].flat().join(', ')
}

function iso(text: string): string {
  return new Date(text).toISOString()
}
