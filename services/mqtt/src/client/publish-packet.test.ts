import fc from 'fast-check'
import { generate } from 'mqtt-packet'
import { expect, test } from 'vitest'
import { readPublish } from './publish-packet.ts'

const base = { cmd: 'publish', topic: 'plant/a', payload: Buffer.from('12.5'), dup: false, retain: false } as const
const read = (bytes: Buffer, protocol: 4 | 5 = 4) => readPublish(bytes, 0, bytes.length, protocol)

test('reads what the library writes, in both versions', () => {
  const bytes = generate({ ...base, qos: 1, messageId: 513, dup: true, retain: true })
  const packet = read(bytes)!
  expect(packet).toMatchObject({
    topic: 'plant/a',
    qos: 1,
    packetId: 513,
    duplicate: true,
    retain: true,
    topicAlias: 0,
  })
  expect(bytes.subarray(packet.payloadFrom).toString()).toBe('12.5')

  const properties = {
    topicAlias: 7,
    messageExpiryInterval: 60,
    contentType: 'application/json',
    subscriptionIdentifier: 300,
    userProperties: { a: 'b', c: ['d', 'e'] },
    correlationData: Buffer.from([1, 2, 3]),
  }
  const five = generate({ ...base, topic: '', qos: 0, properties }, { protocolVersion: 5 })
  const aliased = read(five, 5)!
  expect(aliased).toMatchObject({ topic: '', topicAlias: 7, qos: 0, packetId: 0 })
  expect(five.subarray(aliased.payloadFrom).toString()).toBe('12.5')
})

test.each<[string, number[], 4 | 5]>([
  ['QoS 3', [0x36, 5, 0, 1, 0x61, 0, 1], 4],
  ['packet identifier 0', [0x32, 5, 0, 1, 0x61, 0, 0], 4],
  ['a topic longer than the packet', [0x30, 3, 0, 9, 0x61], 4],
  ['no topic and no alias', [0x30, 2, 0, 0], 4],
  ['no room for a topic', [0x30, 1, 0], 4],
  ['no room for a packet identifier', [0x32, 3, 0, 1, 0x61], 4],
  ['properties longer than the packet', [0x30, 4, 0, 1, 0x61, 9], 5],
  ['a property that a PUBLISH cannot have', [0x30, 6, 0, 1, 0x61, 2, 0x7f, 0], 5],
  ['topic alias 0', [0x30, 7, 0, 1, 0x61, 3, 0x23, 0, 0], 5],
  ['no properties at all', [0x30, 3, 0, 1, 0x61], 5],
])('refuses %s', (_title, bytes, protocol) => {
  expect(read(Buffer.from(bytes), protocol)).toBeNull()
})

test('property: no bytes make it throw or read beyond the packet', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 60 }),
      fc.constantFrom(4 as const, 5 as const),
      (tail, protocol) => {
        const bytes = Buffer.from([0x32, tail.length, ...tail])
        const packet = readPublish(bytes, 0, bytes.length, protocol)
        if (packet !== null) expect(packet.payloadFrom).toBeLessThanOrEqual(bytes.length)
      },
    ),
    { numRuns: 2000 },
  )
})
