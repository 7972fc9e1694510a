import fc from 'fast-check'
import { generate } from 'mqtt-packet'
import { expect, test } from 'vitest'
import { createFramer } from './framer.ts'

const publish = (size: number): Buffer =>
  generate({ cmd: 'publish', topic: 't', payload: Buffer.alloc(size, 120), qos: 0, dup: false, retain: false })

function framesOf(chunks: readonly Buffer[], packetBytesMax = 1000) {
  const seen: (number | string)[] = []
  const framer = createFramer(packetBytesMax, {
    frame: (bytes, from, to) => seen.push(Buffer.from(bytes.subarray(from, to)).length),
    oversized: (head, byteLength) => seen.push(`oversized ${byteLength}, head ${head.length}`),
    malformed: (reason) => seen.push(reason),
  })
  for (const chunk of chunks) framer.push(chunk)
  return seen
}

const cut = (bytes: Buffer, lengths: readonly number[]): Buffer[] => {
  const chunks: Buffer[] = []
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const length = Math.max(1, lengths[turn % Math.max(1, lengths.length)] ?? 1)
    chunks.push(bytes.subarray(at, at + length))
    at += length
  }
  return chunks
}

test('property: however a stream is cut, the packets are the same', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 20 })
  const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(sizes, cuts, (payloads, lengths) => {
      const packets = payloads.map(publish)
      const expected = packets.map(({ length }) => length)
      expect(framesOf(cut(Buffer.concat(packets), lengths))).toEqual(expected)
    }),
  )
})

test('a packet that is too large is passed over, and what follows is read', () => {
  const bytes = Buffer.concat([publish(10), publish(500_000), publish(20)])
  const seen = ['oversized 500007, head 81983']
  expect(framesOf([bytes])).toEqual([15, ...seen, 25])
  expect(framesOf(cut(bytes, [16_384]))).toEqual([15, ...seen, 25])
  expect(framesOf(cut(Buffer.concat([publish(1001), publish(1)]), [7]))).toEqual(['oversized 1007, head 1007', 6])
})

test('a length of more than four bytes is no MQTT', () => {
  expect(framesOf([Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]), publish(1)])).toEqual([
    'length of a packet in more than four bytes',
  ])
})
