import { createHash } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import {
  connect,
  createSecureContext,
  type PeerCertificate,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { CheckFailure } from '../check-type.ts'
import type { ClientIdentity } from '../vault/credentials.ts'
import { codeOf, connectFailure, messageOf, timeUp } from './connect-failures.ts'

export interface TlsRequest {
  /** A connected socket; it is destroyed when TLS does not come about. */
  readonly socket: Socket
  /** Name or address that the certificate must be for. */
  readonly host: string
  /** `host:port`, for messages. */
  readonly where: string
  readonly identity?: ClientIdentity | undefined
  readonly protocols?: readonly string[]
  /** False: any certificate will do, for who only looks at it. */
  readonly verify?: boolean
  readonly signal: AbortSignal
}

export type ConnectTls = (request: TlsRequest) => Promise<TLSSocket>

const CONTEXTS_MAX = 100

/**
 * Speaks TLS over a connected socket. Certificates are judged here and not by Node, which would have forgotten the
 * certificate by the time it reports. Errors: CheckFailure `certificate_invalid`, `credentials_refused` (a client
 * certificate is asked for), `config_invalid` (an identity that cannot be read), `answer_invalid` (no TLS), `timeout`.
 */
export function createConnectTls(): ConnectTls {
  const contexts = new Map<string, SecureContext>()
  const contextOf = (identity: ClientIdentity): SecureContext => {
    const key = createHash('sha256').update(JSON.stringify(identity)).digest('base64')
    const known = contexts.get(key)
    if (known !== undefined) return known
    const made = identityContext(identity)
    contexts.set(key, made)
    if (contexts.size > CONTEXTS_MAX) contexts.delete(contexts.keys().next().value!)
    return made
  }

  return async ({ socket, host, where, identity, protocols, verify = true, signal }) => {
    const startedMs = performance.now()
    try {
      const secureContext = identity === undefined ? undefined : contextOf(identity)
      const secured = connect({
        socket,
        host,
        // RFC 6066, section 3: an address is no server name.
        servername: isIP(host) === 0 ? host : '',
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
        ...(secureContext === undefined ? {} : { secureContext }),
      })
      await handshake(secured, where, signal, startedMs)
      if (verify && !secured.authorized) {
        throw certificateFailure(String(secured.authorizationError), secured.getPeerCertificate(), host, Date.now())
      }
      return secured
    } catch (error) {
      socket.destroy()
      throw error
    }
  }
}

function handshake(secured: TLSSocket, where: string, signal: AbortSignal, startedMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (failure?: CheckFailure): void => {
      signal.removeEventListener('abort', onAbort)
      secured.off('secureConnect', onSecure).off('close', onClose)
      if (failure !== undefined) secured.destroy()
      if (failure === undefined) resolve()
      else reject(failure)
    }
    const onSecure = (): void => finish()
    const onError = (error: Error): void => finish(tlsFailure(error, where))
    const onClose = (): void => finish(connectFailure({ code: 'ECONNRESET' }, where))
    const onAbort = (): void => finish(timeUp(`Agreeing on TLS with ${where}`, startedMs, signal.reason))
    // Stays: an error before somebody else listens is no reason to end the process.
    secured.on('error', onError).once('secureConnect', onSecure).once('close', onClose)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

function identityContext(identity: ClientIdentity): SecureContext {
  try {
    const { certificate, key, passphrase, authorities } = identity
    return createSecureContext({
      ...(certificate === '' ? {} : { cert: certificate }),
      ...(key === '' ? {} : { key }),
      ...(passphrase === undefined || passphrase === '' ? {} : { passphrase }),
      ...(authorities === undefined || authorities === '' ? {} : { ca: [...rootCertificates, authorities] }),
    })
  } catch (error) {
    throw new CheckFailure('config_invalid', 'The client certificate of the credential cannot be read', {
      hint: 'Save certificate and key in PEM again, with the passphrase if the key has one',
      retry: 'never',
      cause: error,
    })
  }
}

/** An error of TLS itself, in words; others are the connection's. */
export function tlsFailure(error: unknown, where: string): CheckFailure {
  if (error instanceof CheckFailure) return error
  const code = codeOf(error)
  const message = messageOf(error)
  if (/CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|HANDSHAKE_FAILURE.*CERT|ALERT_UNKNOWN_CA/.test(code)) {
    return new CheckFailure(
      'credentials_refused',
      `${where} does not accept us without a client certificate it knows`,
      {
        hint: 'Use a credential of the kind client certificate',
        retry: 'never',
        cause: error,
      },
    )
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE/.test(`${code} ${message}`)) {
    return new CheckFailure('answer_invalid', `${where} answers, but not with TLS`, {
      hint: 'Check the port, or use http:// if the service does not encrypt',
      cause: error,
    })
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) {
    const why = code
      .replace(/^ERR_(SSL|TLS)_/, '')
      .replace(/_/g, ' ')
      .toLowerCase()
    return new CheckFailure('tls_failed', `${where} and Driftline did not agree on TLS: ${why}`, {
      hint: 'Driftline speaks TLS 1.2 and 1.3; check what the server offers',
      cause: error,
    })
  }
  return connectFailure(error, where)
}

/** What is wrong with a certificate, by OpenSSL's word for it. */
export function certificateFailure(
  code: string,
  certificate: Partial<PeerCertificate>,
  host: string,
  nowMs: number,
): CheckFailure {
  const { words, hint } = certificateProblem(code, certificate, host, nowMs)
  return new CheckFailure('certificate_invalid', words, { hint, cause: code })
}

function certificateProblem(
  code: string,
  certificate: Partial<PeerCertificate>,
  host: string,
  nowMs: number,
): { readonly words: string; readonly hint: string } {
  const the = `The certificate of ${host}`
  const days = (text: string): number => Math.floor(Math.abs(nowMs - Date.parse(text)) / 86_400_000)
  const date = (text: string): string => new Date(text).toISOString().slice(0, 10)
  const issuer = [certificate.issuer?.CN ?? certificate.issuer?.O ?? 'unknown'].flat().join(', ')
  const { valid_to: until, valid_from: from } = certificate
  const isPast = until !== undefined && Date.parse(until) <= nowMs
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return {
        words: isPast
          ? `${the} expired on ${date(until)}, ${days(until)} days ago`
          : `A certificate in the chain of ${host} has expired; its own is valid`,
        hint: 'Renew the certificate and reload the server',
      }
    case 'CERT_NOT_YET_VALID':
      return {
        words: `${the} is not valid before ${from === undefined ? 'a later date' : date(from)}`,
        hint: 'Check the clock of this machine, and the certificate',
      }
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return {
        words: `${the} is self-signed: no authority vouches for it`,
        hint: 'Use a certificate of an authority that is trusted here, or add it to NODE_EXTRA_CA_CERTS',
      }
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return {
        words: `${the} comes from an authority that is not trusted here (${issuer})`,
        hint: 'Add the authority to NODE_EXTRA_CA_CERTS, or to the client certificate credential',
      }
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return {
        words: `${the} was issued by ${issuer}, which is not known here`,
        hint: 'Let the server send its intermediate certificates, or add the authority to NODE_EXTRA_CA_CERTS',
      }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        words: `${the} is for ${namesOf(certificate)}, not for ${host}`,
        hint: 'Use one of its names, or a certificate that has this one',
      }
    default:
      return { words: `${the} is not valid: ${code.replace(/_/g, ' ').toLowerCase()}`, hint: 'Check the certificate' }
  }
}

/** Names that a certificate is for: `crm.example, *.crm.example`. */
export function namesOf(certificate: Partial<PeerCertificate>): string {
  const names = (certificate.subjectaltname ?? '')
    .split(', ')
    .filter((name) => /^(DNS|IP Address):/.test(name))
    .map((name) => name.replace(/^(DNS|IP Address):/, ''))
  const shown = names.slice(0, 10).join(', ')
  if (names.length > 10) return `${shown} and ${names.length - 10} more`
  return shown === '' ? [certificate.subject?.CN ?? 'no name'].flat().join(', ') : shown
}
