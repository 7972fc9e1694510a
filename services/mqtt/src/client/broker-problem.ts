/** Why a connection was not made or ended, as a stable word and as a sentence for the person who can put it right. */
export interface BrokerProblem {
  readonly reason: string
  readonly message: string
}

/** Where a broker is. */
export interface BrokerAddress {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

const problem = (reason: string, message: string): BrokerProblem => ({ reason, message })

/** What an error of a socket means. */
export function problemOfError(error: NodeJS.ErrnoException, { host, port, tls }: BrokerAddress): BrokerProblem {
  const at = `${host}:${port}`
  switch (error.code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      return problem('name_not_found', `The name ${host} is not found: check the address of the broker.`)
    case 'ECONNREFUSED':
      return problem('connection_refused', `Nothing listens at ${at}: check the port, and whether the broker runs.`)
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return problem('unreachable', `${at} does not answer: check the address, the network and firewalls.`)
    case 'ECONNRESET':
    case 'EPIPE':
      return problem(
        'connection_closed',
        `${at} closed the connection: ${tls ? 'does it speak TLS?' : 'does it want TLS?'}`,
      )
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return problem(
        'certificate_not_trusted',
        'The certificate of the broker is not trusted: give the certificate of the authority that signed it.',
      )
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return problem('certificate_expired', 'The certificate of the broker is not valid at this time.')
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return problem(
        'certificate_of_another_name',
        `The certificate of the broker is not made out to ${host}: use its name, or set the server name.`,
      )
    default:
      return problemOfTls(error, at)
  }
}

function problemOfTls(error: NodeJS.ErrnoException, at: string): BrokerProblem {
  const code = error.code ?? ''
  if (/WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|PACKET_LENGTH_TOO_LONG/.test(code) || code === 'EPROTO') {
    return problem('not_tls', `${at} does not speak TLS: use mqtt:// or another port.`)
  }
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|ALERT_CERTIFICATE/.test(code)) {
    return problem('own_certificate_refused', 'The broker wants a certificate of ours, or does not accept it.')
  }
  if (/^ERR_OSSL|^ERR_SSL|PEM/.test(code)) {
    return problem('own_certificate_invalid', `The certificate or key cannot be used: ${error.message}`)
  }
  return problem('connection_failed', `The connection to ${at} failed: ${error.message}`)
}

/** What a CONNACK that refuses means: return codes of 3.1.1 (3.2.2.3), reason codes of 5.0 (3.2.2.2). */
export function problemOfConnack(code: number, protocol: 4 | 5, reasonString?: string): BrokerProblem {
  const said = reasonString ? ` It says: ${reasonString.slice(0, 200)}` : ''
  const known = (protocol === 5 ? connackReasons : connackReturns)[code]
  if (known) return problem(known[0], `${known[1]}${said}`)
  return problem('refused', `The broker refuses the connection with code ${code}.${said}`)
}

const wrongVersion = [
  'protocol_not_spoken',
  'The broker does not speak this version of MQTT: choose the other one.',
] as const
const wrongPassword = ['wrong_password', 'The broker refuses the user name or the password.'] as const
const notAllowed = ['not_authorized', 'The broker does not let this user or client in.'] as const
const badClientId = ['client_id_refused', 'The broker refuses the client id.'] as const
const busy = ['broker_unavailable', 'The broker is up and takes no connections now.'] as const

const connackReturns: Readonly<Record<number, readonly [string, string]>> = {
  1: wrongVersion,
  2: badClientId,
  3: busy,
  4: wrongPassword,
  5: notAllowed,
}

const connackReasons: Readonly<Record<number, readonly [string, string]>> = {
  1: wrongVersion,
  132: wrongVersion,
  133: badClientId,
  134: wrongPassword,
  135: notAllowed,
  136: busy,
  137: busy,
  138: ['banned', 'The broker has banned this client.'],
  140: ['wrong_password', 'The broker wants another kind of authentication.'],
  151: ['quota_exceeded', 'The broker says that a quota is exceeded.'],
  157: ['moved', 'The broker says that it has moved: use its new address.'],
  159: ['rate_limited', 'The broker takes no more connections at this rate.'],
}

/** Why a broker that speaks MQTT 5 ended a connection (3.14.2.1). */
export function problemOfDisconnect(code: number, reasonString?: string): BrokerProblem {
  const said = reasonString ? `: ${reasonString.slice(0, 200)}` : ''
  if (code === 0x8e) return problem('taken_over', `Another client connected with the same client id${said}.`)
  if (code === 0x8b) return problem('broker_stops', `The broker shuts down${said}.`)
  if (code === 0x87) return problem('not_authorized', `The broker does not allow what we asked${said}.`)
  return problem('connection_closed', `The broker ended the connection with code ${code}${said}.`)
}
