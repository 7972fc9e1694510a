import { errors } from 'undici'
import { CheckFailure } from '../check-type.ts'
import { codeOf, connectFailure, messageOf } from './connect-failures.ts'
import { tlsFailure } from './tls-connect.ts'

/** Where in an exchange it broke. */
export interface ExchangeState {
  readonly where: string
  /** Whether status and headers had come. */
  readonly answered: boolean
  /** Bytes of the body that had come. */
  readonly bodyBytes: number
}

/** An error of the HTTP library, in words. This is the one place that knows its codes. */
export function httpFailure(error: unknown, { where, answered, bodyBytes }: ExchangeState): CheckFailure {
  if (error instanceof CheckFailure) return error
  const code = codeOf(error)
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.NotSupportedError) {
    return new CheckFailure('config_invalid', `The request cannot be sent: ${messageOf(error)}`, {
      hint: 'Check method and headers; connection, content-length and such are set by Driftline',
      retry: 'never',
      cause: error,
    })
  }
  if (error instanceof errors.HeadersOverflowError) {
    return new CheckFailure('answer_invalid', `The headers of the answer of ${where} are larger than 65,536 bytes`, {
      hint: 'See which headers or cookies the server sends so much of',
      cause: error,
    })
  }
  if (error instanceof errors.HTTPParserError || code.startsWith('HPE_')) {
    return new CheckFailure('answer_invalid', `${where} answered something that is not HTTP: ${parserWords(error)}`, {
      hint: 'Check the port and the protocol; a service with TLS needs https://',
      cause: error,
    })
  }
  if (error instanceof errors.ResponseContentLengthMismatchError) {
    return new CheckFailure('answer_invalid', `The body from ${where} does not have the length that its header says`, {
      hint: 'See what the server, or a proxy before it, does to the length of bodies',
      cause: error,
    })
  }
  if (/^bad (upgrade|response)$/.test(messageOf(error))) {
    return new CheckFailure('answer_invalid', `${where} answered with a status that is no answer to this request`, {
      hint: 'See whether the address is for WebSocket or another protocol',
      cause: error,
    })
  }
  if (isLost(error)) return lost(error, { where, answered, bodyBytes })
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return tlsFailure(error, where)
  return connectFailure(error, where)
}

/** Whether the connection ended under the request. */
export function isLost(error: unknown): boolean {
  return error instanceof errors.SocketError || /^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET)$/.test(codeOf(error))
}

function lost(error: unknown, { where, answered, bodyBytes }: ExchangeState): CheckFailure {
  const message = answered
    ? `${where} closed the connection in the middle of the body, after ${bodyBytes.toLocaleString('en')} bytes`
    : `${where} closed the connection without an answer`
  return new CheckFailure('connection_lost', message, {
    hint: 'See the log of the server: it may have crashed, restarted, or given up on the request',
    retry: 'always',
    cause: error,
  })
}

/** What llhttp says, without the code in front: `Expected HTTP/`. */
function parserWords(error: unknown): string {
  const words = messageOf(error)
    .replace(/^Response does not match the HTTP\/1\.1 protocol\s*/, '')
    .replace(/^\((.*)\)$/, '$1')
  return words === '' ? 'the answer breaks the rules of the protocol' : words.slice(0, 200)
}
