import { eventually } from '../child.ts'
import { connectPacket, type MqttPeer, openMqtt, openSocket, packet, prefixed, publishPacket } from './mqtt-peer.ts'
import type { Door, HostileInput, Trial } from './trial.ts'

const letter = (reason: string): HostileInput['counts'] => ['driftline_dead_letters_total', { service: 'mqtt', reason }]
const refusedByBroker = (reason: string): HostileInput['counts'] => ['driftline_mqtt_broker_refused_total', { reason }]

/** Publishes with QoS 1; answers `acknowledged`, or `closed` when the broker ends the connection over it. */
export async function publish(
  { world, name }: Trial,
  topic: string,
  ...payloads: (string | Uint8Array)[]
): Promise<string> {
  const peer = await openMqtt(world.mqttPort, { clientId: name })
  try {
    for (const payload of payloads) await peer.publish(topic, Buffer.from(payload), { qos: 1 })
    return 'acknowledged'
  } catch {
    return 'closed'
  } finally {
    peer.destroy()
  }
}

/** Sends bytes after a good CONNECT; answers `closed` when the broker ends the connection over them. */
async function violate({ world, name }: Trial, ...parts: Uint8Array[]): Promise<string> {
  const peer = await openMqtt(world.mqttPort, { clientId: name })
  for (const part of parts) peer.raw(part)
  const told = await endOf(peer)
  peer.destroy()
  return told
}

const CLOSED_WITHIN_MS = 10_000

async function endOf(peer: Pick<MqttPeer, 'closed'>): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, CLOSED_WITHIN_MS, 'still open')
  })
  const told = await Promise.race([peer.closed.then(() => 'closed'), late])
  clearTimeout(timer)
  return told
}

/** Sends bytes to a fresh connection and answers what comes back until its end, hexadecimal. */
async function greet({ world }: Trial, bytes: Uint8Array | string): Promise<string> {
  const socket = await openSocket(world.mqttPort)
  const chunks: Buffer[] = []
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => {})
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(bytes)
  const told = await endOf({ closed })
  socket.destroy()
  return `${Buffer.concat(chunks).toString('hex')} ${told}`.trim()
}

const dropped = (what: string, reason: string, topic: string, ...payloads: (string | Uint8Array)[]): HostileInput => ({
  what,
  send: (trial) => publish(trial, `${topic}/${trial.name}`, ...payloads),
  answers: 'acknowledged',
  letters: [reason],
  counts: letter(reason),
})

const payloads: HostileInput[] = [
  dropped('JSON that is cut off', 'payload_not_json', 'json', '{"a":1,"b":'),
  dropped('NaN and Infinity in JSON', 'payload_not_json', 'field', '{"value":NaN}', '{"value":-Infinity}'),
  dropped('a number beyond what a double holds, in JSON', 'value_not_finite', 'field', '{"value":1e999}'),
  dropped('NaN and infinities as plain numbers', 'value_not_finite', 'number', 'NaN', 'inf', '-Infinity', '1e999'),
  dropped('a plain number of 400 digits, and no number', 'payload_not_a_number', 'number', '9'.repeat(400), 'hot'),
  dropped('bytes that are not UTF-8', 'payload_not_utf8', 'json', Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d)),
  dropped('NUL bytes', 'payload_not_json', 'json', new Uint8Array(1000)),
  dropped('a time in 1970', 'time_too_old', 'field', '{"value":1,"ts":1}'),
  dropped('a time in 2262', 'time_in_future', 'field', '{"value":1,"ts":9223372036854}'),
  dropped('a time that is none', 'time_unreadable', 'field', '{"value":1,"ts":"soon"}', '{"value":1,"ts":{}}'),
  dropped('values of the wrong type', 'value_not_a_number', 'field', '{"value":"hot"}', '{"value":{}}', '{"value":[]}'),
  dropped('a duration that is negative', 'value_out_of_range', 'field', '{"took":-5}'),
  dropped(
    'a thousand values of one path',
    'values_too_many',
    'field',
    JSON.stringify({ list: Array(1000).fill({ v: 1 }) }),
  ),
  dropped('a thousand numbers in one message', 'values_too_many', 'json', JSON.stringify(Array(1000).fill(1))),
  dropped(
    'JSON that is nested 40,000 times',
    'nested_too_deep',
    'json',
    `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`,
  ),
  dropped(
    'a record that a rule flags, nested 100,000 times',
    'nested_too_deep',
    'record',
    `{"amount":200000,"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  ),
  dropped('CSV with a quote that is never closed', 'payload_not_csv', 'csv', '1,"2'),
  {
    what: 'keys that are special in JavaScript, and the same key twice',
    async send(trial) {
      const told = await publish(
        trial,
        `json/${trial.name}`,
        '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toString":3,"a":1,"a":"two"}',
        'nonsense {',
      )
      const { body } = await trial.world.api('GET', '/api/v1/sources?limit=1')
      return `${told} ${'polluted' in body}`
    },
    answers: 'acknowledged false',
    letters: ['payload_not_json'],
    counts: letter('payload_not_json'),
  },
]

const topics: HostileInput[] = [
  {
    what: 'a machine whose name has 60,000 characters',
    async send(trial) {
      const told = await publish(trial, `json/${trial.name}${'m'.repeat(60_000)}`, '{"a":1}')
      return told
    },
    answers: 'acknowledged',
    letters: ['process_invalid'],
    counts: letter('process_invalid'),
  },
  {
    what: 'a topic of 65,535 bytes in 32,765 levels',
    send: (trial) => publish(trial, `number/${'x/'.repeat(32_764)}`, '1'),
    answers: 'closed',
    counts: refusedByBroker('topic_invalid'),
  },
  {
    what: 'a topic that is not UTF-8: what is none of it is replaced, and nothing else happens',
    async send(trial) {
      const peer = await openMqtt(trial.world.mqttPort, { clientId: trial.name })
      peer.raw(publishPacket(Uint8Array.of(...Buffer.from('number/'), 0xff, 0xfe), Buffer.from('hot')))
      await peer.publish(`number/${trial.name}`, Buffer.from('hot'), { qos: 1 })
      peer.destroy()
      return 'acknowledged'
    },
    answers: 'acknowledged',
    letters: ['payload_not_a_number'],
    counts: letter('payload_not_a_number'),
  },
  {
    what: 'a topic that belongs to the broker',
    send: (trial) => publish(trial, `$SYS/broker/${trial.name}`, '1'),
    answers: 'closed',
    counts: refusedByBroker('topic_reserved'),
  },
  {
    what: 'an empty topic, and one with a NUL',
    async send(trial) {
      const empty = await violate(trial, publishPacket('', Buffer.from('1'), 0x32, 1))
      return `${empty} ${await publish(trial, `number/\0${trial.name}`, '1')}`
    },
    answers: 'closed closed',
    counts: refusedByBroker('topic_invalid'),
  },
  {
    what: 'wildcards in the topic of a message',
    async send(trial) {
      const plus = await publish(trial, `number/+/${trial.name}`, '1')
      return `${plus} ${await publish(trial, '#', '1')}`
    },
    answers: 'closed closed',
    counts: refusedByBroker('topic_invalid'),
  },
]

const packets: HostileInput[] = [
  {
    what: 'another protocol on its port',
    send: (trial) => greet(trial, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
    answers: 'closed',
    counts: refusedByBroker('not_mqtt'),
  },
  {
    what: 'CONNECT of MQTT 5, which is told what is spoken here',
    send: (trial) => greet(trial, packet(0x10, prefixed('MQTT'), Buffer.from([5, 2, 0, 60, 0]), prefixed('x'))),
    answers: '2003008400 closed',
    counts: refusedByBroker('protocol_version'),
  },
  {
    what: 'CONNECT of a protocol of another name and of a level that there is none of',
    async send(trial) {
      const name = await greet(trial, connectPacket({ clientId: 'x' }, ['HTTP', 4]))
      return `${name}; ${await greet(trial, connectPacket({ clientId: 'x' }, ['MQTT', 99]))}`
    },
    answers: /closed; .*closed$/,
    counts: refusedByBroker('not_mqtt'),
  },
  {
    what: 'CONNECT whose length is a lie: 256 MB',
    send: (trial) => greet(trial, Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4])),
    answers: 'closed',
    counts: refusedByBroker('packet_too_large'),
  },
  {
    what: 'CONNECT twice',
    send: (trial) => violate(trial, connectPacket({ clientId: `${trial.name}again` })),
    answers: 'closed',
    counts: refusedByBroker('protocol_violated'),
  },
  {
    what: 'a message of QoS 3',
    send: (trial) => violate(trial, publishPacket('number/x', Buffer.from('1'), 0x36, 1)),
    answers: 'closed',
    counts: refusedByBroker('protocol_violated'),
  },
  {
    what: 'packets with reserved bits set, of a reserved type, and a length of five bytes',
    async send(trial) {
      const bits = await violate(trial, Buffer.from([0x6f, 2, 0, 1]))
      const type = await violate(trial, Buffer.from([0xf0, 0]))
      return `${bits} ${type} ${await violate(trial, Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x7f]))}`
    },
    answers: 'closed closed closed',
    counts: refusedByBroker('protocol_violated'),
  },
  {
    what: 'a message of a megabyte, and one that says it has 256 MB',
    async send(trial) {
      const whole = await violate(trial, publishPacket('number/x', Buffer.alloc(1024 * 1024)))
      return `${whole} ${await violate(trial, Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(1024))}`
    },
    answers: 'closed closed',
    counts: refusedByBroker('packet_too_large'),
  },
  {
    what: 'a client id of 65,535 bytes',
    async send(trial) {
      const peer = await openMqtt(trial.world.mqttPort, { clientId: 'c'.repeat(65_535) })
      const told = await peer.publish(`number/${trial.name}`, Buffer.from('hot'), { qos: 1 }).then(
        () => 'acknowledged',
        () => 'closed',
      )
      peer.destroy()
      return told
    },
    answers: 'acknowledged',
    letters: ['payload_not_a_number'],
    counts: letter('payload_not_a_number'),
  },
]

const clients: HostileInput[] = [
  {
    what: 'a key that is not valid, one that may only read, and one of another tenant, whose messages are not seen here',
    async send(trial) {
      const { world } = trial
      const reader = await world.makeKey(`mqtt reader ${trial.name}`, 'viewer')
      const told: string[] = []
      for (const password of ['nobody', reader.key, world.strangerIngestKey]) {
        try {
          const peer = await openMqtt(world.mqttPort, { username: 'x', password })
          await peer.publish(`number/${trial.name}`, Buffer.from('hot'), { qos: 1 })
          peer.destroy()
          told.push('acknowledged')
        } catch (error) {
          told.push((error as Error).message)
        }
      }
      return told.join(', ')
    },
    answers: 'refused 4, refused 5, acknowledged',
    counts: refusedByBroker('key_invalid'),
  },
  {
    what: 'two hundred retained messages, of which fifty may stay',
    async send(trial) {
      const peer = await openMqtt(trial.world.mqttPort, { clientId: trial.name })
      const all = Array.from({ length: 200 }, (_, i) =>
        peer.publish(`retained/${trial.name}/${i}`, Buffer.alloc(10_000), { qos: 1, retain: true }),
      )
      await Promise.all(all)
      peer.destroy()
      return 'acknowledged'
    },
    answers: 'acknowledged',
    counts: refusedByBroker('retained_too_many'),
  },
  {
    what: 'fifty clients that die, each with a will of 60 kB that is no JSON',
    async send(trial) {
      const all = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          openMqtt(trial.world.mqttPort, {
            clientId: `${trial.name}w${i}`,
            will: { topic: `json/${trial.name}`, payload: Buffer.alloc(60_000, '{') },
          }),
        ),
      )
      for (const peer of all) peer.destroy()
      return ''
    },
    answers: '',
    letters: ['payload_not_json'],
    counts: letter('payload_not_json'),
  },
  {
    what: 'five hundred subscriptions, and those that belong to the broker',
    async send(trial) {
      const peer = await openMqtt(trial.world.mqttPort, { clientId: trial.name })
      for (let i = 1; i <= 500; i++) {
        peer.raw(packet(0x82, Buffer.from([i >> 8, i & 0xff]), prefixed(`mine/${i}`), Buffer.from([0])))
      }
      peer.raw(packet(0x82, Buffer.from([9, 9]), prefixed('$SYS/#'), Buffer.from([0])))
      await peer.publish(`number/${trial.name}`, Buffer.from('hot'), { qos: 1 })
      peer.destroy()
      return ''
    },
    answers: '',
    letters: ['payload_not_a_number'],
    counts: refusedByBroker('subscriptions_too_many'),
  },
  {
    what: 'a subscriber to everything that never reads',
    async send(trial) {
      const slow = await openMqtt(trial.world.mqttPort, { clientId: `${trial.name}slow`, reads: false })
      slow.raw(packet(0x82, Buffer.from([0, 1]), prefixed('#'), Buffer.from([0])))
      const peer = await openMqtt(trial.world.mqttPort, { clientId: trial.name })
      for (let i = 0; i < 200; i++) await peer.publish('nobody/maps/this', Buffer.alloc(100_000), { qos: 1 })
      await peer.publish(`number/${trial.name}`, Buffer.from('hot'), { qos: 1 })
      // It does not see its end, because it does not read.
      await eventually('it is told to have read too slowly', 15_000, async () =>
        (await trial.world.counter(...refusedByBroker('reads_too_slowly'))) > 0 ? true : undefined,
      )
      slow.destroy()
      peer.destroy()
      return ''
    },
    answers: '',
    letters: ['payload_not_a_number'],
    counts: refusedByBroker('reads_too_slowly'),
  },
]

export const mqttDoor: Door = {
  name: 'MQTT',
  inputs: [...payloads, ...topics, ...packets, ...clients],
  lettersOf: ({ name }) => ({ service: 'mqtt', q: name }),
}
