import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { createLogger } from '@driftline/platform/logger'
import { type ConnectionOptions, connectionLimits } from '../client/connection.ts'
import { createSession, type Session, type SessionState } from '../client/session.ts'
import type { MqttMessage } from '../message.ts'

export interface SessionRig {
  readonly session: Session
  readonly taken: { readonly text: string; readonly message: MqttMessage; readonly byteLength: number }[]
  readonly states: SessionState[]
  /** While it is on nothing is settled; off settles what was held. */
  hold(on: boolean): void
  texts(): string[]
}

/** A session with the broker at `url`; `stop` it afterwards. */
export function startSession(
  url: string,
  options: Partial<ConnectionOptions> & { readonly filters?: readonly string[]; readonly qos?: 0 | 1 } = {},
): SessionRig {
  const { hostname, port, protocol } = new URL(url)
  const { filters = ['#'], qos = 1, ...connection } = options
  const taken: SessionRig['taken'] = []
  const states: SessionState[] = []
  const held: (() => void)[] = []
  let hold = false
  const session = createSession(
    {
      connection: {
        address: { host: hostname, port: Number(port), tls: protocol === 'mqtts:' },
        protocol: 5,
        clientId: `test-${Math.random()}`,
        clean: false,
        sessionExpirySeconds: 600,
        limits: connectionLimits,
        ...connection,
      },
      filters,
      qos,
      backoff: { firstMs: 20, longestMs: 100 },
    },
    {
      taker: {
        take(message, settle, byteLength) {
          const text = message.payload.toString()
          taken.push({ text, message: { ...message, payload: Buffer.from(message.payload) }, byteLength })
          if (hold && settle) held.push(settle)
          else settle?.()
        },
        changed: (state) => states.push(state),
      },
      logger: createLogger('fatal'),
      nowMs: Date.now,
      random: Math.random,
    },
  )
  session.start()
  return {
    session,
    taken,
    states,
    texts: () => taken.map(({ text }) => text),
    hold(on) {
      hold = on
      if (!on) for (const settle of held.splice(0)) settle()
    },
  }
}

/** Makes an authority, and certificates of it for the broker and for us. Answers paths in `directory`. */
export function makeCertificates(directory: string) {
  const at = (name: string): string => join(directory, name)
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'ignore' })
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const name of ['authority', 'stranger']) {
    openssl('req', '-x509', ...key, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-subj', `/CN=${name}`)
  }
  const sign = (name: string, extension: string, authority: string): void => {
    openssl(
      'req',
      ...key,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.csr`),
      '-subj',
      `/CN=${name}`,
      '-addext',
      extension,
    )
    const by = ['-CA', at(`${authority}.pem`), '-CAkey', at(`${authority}.key`), '-CAcreateserial']
    openssl('x509', '-req', '-in', at(`${name}.csr`), ...by, '-out', at(`${name}.pem`), '-copy_extensions', 'copy')
  }
  sign('server', 'subjectAltName=IP:127.0.0.1', 'authority')
  sign('client', 'extendedKeyUsage=clientAuth', 'authority')
  return at
}
