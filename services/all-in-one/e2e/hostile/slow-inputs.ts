import { connect } from 'node:net'
import { headOf, SAMPLES, statusesIn } from './http-peer.ts'
import { openSocket } from './mqtt-peer.ts'
import type { Door, HostileInput, Trial } from './trial.ts'

const EVERY_MS = 500

/** Writes `head`, then `drip` twice a second until the other side has had enough; answers all that came back. */
function dripInto(port: number, head: string | Uint8Array, drip: string | null): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let told = ''
    let timer: NodeJS.Timeout | undefined
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      told += chunk.toString('latin1')
    })
    socket.once('close', () => {
      clearInterval(timer)
      resolve(told)
    })
    // Who ends first is the other side: this one never says that it is done.
    socket.once('end', () => socket.destroy())
    socket.once('connect', () => {
      socket.write(head)
      if (drip !== null) timer = setInterval(() => socket.write(drip), EVERY_MS)
    })
  })
}

const http = (
  what: string,
  answers: string,
  counts: HostileInput['counts'],
  drip: (trial: Trial) => Promise<string>,
) => ({
  what,
  send: drip,
  answers,
  counts,
})

/** Those who take their time. They are sent together, because each of them is waited for. */
export const slowDoor: Door = {
  name: 'slow ones',
  lettersOf: ({ key }) => ({ source: `push:samples:${key.id}` }),
  inputs: [
    http('headers that never end', '408', ['driftline_http_malformed_total', { reason: 'slow' }], async ({ world }) =>
      statusesIn(await dripInto(world.httpPort, 'POST / HTTP/1.1\r\nhost: x\r\n', 'x-more: 1\r\n')),
    ),
    {
      ...http(
        'a body of which nothing comes',
        '408',
        ['driftline_push_requests_total', { door: 'samples', answer: 'body_slow' }],
        async (trial) => {
          const head = headOf(trial, SAMPLES, ['content-type: application/json', 'content-length: 1000'])
          return statusesIn(await dripInto(trial.world.httpPort, `${head}[`, null))
        },
      ),
      letters: ['body_slow'],
    },
    http(
      'a connection to the broker that never says who it is',
      '',
      ['driftline_mqtt_broker_refused_total', { reason: 'connect_late' }],
      async ({ world }) => {
        const socket = await openSocket(world.mqttPort)
        socket.on('error', () => {})
        socket.write(Uint8Array.of(0x10, 0x20, 0, 4))
        await new Promise<void>((resolve) => socket.once('close', () => resolve()))
        return ''
      },
    ),
  ],
}
