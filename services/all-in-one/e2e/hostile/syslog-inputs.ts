import { createSocket } from 'node:dgram'
import { openSocket } from './mqtt-peer.ts'
import type { Door, HostileInput, Trial } from './trial.ts'

/** Where the syslog source of the trials listens. */
export interface SyslogPlace {
  readonly source: string
  readonly port: number
}

const letter = (reason: string): HostileInput['counts'] => [
  'driftline_dead_letters_total',
  { service: 'tailer', reason },
]

async function datagrams(port: number, ...messages: (string | Uint8Array)[]): Promise<string> {
  const socket = createSocket('udp4')
  for (const message of messages) {
    await new Promise<void>((resolve, reject) =>
      socket.send(message, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
    )
  }
  socket.close()
  return ''
}

/** Writes to a connection; answers `closed` when it was ended by the other side before all was written and a moment after. */
async function stream(port: number, parts: Iterable<string | Uint8Array>, end = true): Promise<string> {
  const socket = await openSocket(port)
  socket.on('error', () => {})
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve('closed')))
  socket.resume()
  for (const part of parts) {
    if (socket.destroyed) break
    if (!socket.write(part)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
  }
  if (end) {
    socket.end()
    return 'sent'
  }
  return closed
}

const now = (): string => new Date().toISOString()

export function syslogDoor(place: () => SyslogPlace): Door {
  const udp = (...messages: (string | Uint8Array)[]) => datagrams(place().port, ...messages)
  const tcp = (parts: Iterable<string | Uint8Array>, end = true) => stream(place().port, parts, end)
  const message = ({ name }: Trial, text: string): string => `<13>1 ${now()} host ${name} 1 - - ${text}`
  return {
    name: 'syslog',
    lettersOf: ({ startedMs }) => ({ source: place().source, from: new Date(startedMs).toISOString() }),
    inputs: [
      {
        what: 'datagrams of 64 KiB, empty ones, NULs, and what is no syslog',
        send: (trial) => udp('x'.repeat(65_000), '', new Uint8Array(100), 'nonsense', message(trial, 'kept')),
        answers: '',
        letters: ['not_rfc5424'],
        counts: letter('not_rfc5424'),
      },
      {
        what: 'a priority of 999, and a version of 99',
        send: (trial) => udp(`<999>1 ${now()} h a 1 - - x`, `<13>99 ${now()} h a 1 - - x`, message(trial, 'kept')),
        answers: '',
        letters: ['not_rfc5424'],
        counts: letter('not_rfc5424'),
      },
      {
        what: 'octet counts that lie',
        send: () => tcp(['5 <13>1 nonsense', '99999999999 x'], false),
        answers: 'closed',
        letters: ['framing_broken', 'not_rfc5424'],
        counts: letter('framing_broken'),
      },
      {
        what: '20 MB over TCP without a newline',
        async send() {
          function* parts() {
            for (let i = 0; i < 20; i++) yield 'x'.repeat(1024 * 1024)
          }
          return tcp(parts())
        },
        answers: 'sent',
        letters: ['line_too_long', 'not_rfc5424'],
        counts: letter('line_too_long'),
      },
    ],
  }
}
