import { expect, test } from 'vitest'
import { type ClientFault, clientFaultOf } from './client-fault.ts'

test.each<[Error, ClientFault | null]>([
  [new Error('Invalid protocol'), 'protocol_violated'],
  [new Error('Invalid header flag bits, must be 0x0 for puback packet'), 'protocol_violated'],
  [new Error('Packet must not have both QoS bits set to 1'), 'protocol_violated'],
  [new Error('drain timeout'), 'reads_too_slowly'],
  [new Error('+ is not allowed in PUBLISH'), 'topic_invalid'],
  [new Error('topic has too many levels'), 'topic_invalid'],
  [new Error('empty topic not allowed in PUBLISH'), 'topic_invalid'],
  [new Error('not allowed to publish to $SYS/x'), null],
  [new Error('keep alive timeout'), null],
  [new Error('the broker stops'), null],
  [Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), null],
])('%s', (error, fault) => {
  expect(clientFaultOf(error)).toBe(fault)
})
