import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  AcknowledgementSchema,
  CollectRequestSchema,
  CollectResponseSchema,
  RefusalSchema,
  WelcomeSchema,
} from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCollectResponse, encodeHello, encodeRequest } from './collect-wire.ts'

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const encode = (message: Parameters<typeof create<typeof CollectResponseSchema>>[1]): Buffer =>
  Buffer.from(toBinary(CollectResponseSchema, create(CollectResponseSchema, message)))

describe('answers of the server', () => {
  it('are read as the generated code writes them', () => {
    fc.assert(
      fc.property(number, number, fc.string(), fc.string({ unit: 'grapheme' }), (epoch, sequence, reason, detail) => {
        const ids = { epoch: BigInt(epoch), sequence: BigInt(sequence) }
        const value = create(AcknowledgementSchema, ids)
        expect(decodeCollectResponse(encode({ message: { case: 'acknowledgement', value } }))).toEqual({
          kind: 'acknowledgement',
          epoch,
          sequence,
        })
        const refusal = create(RefusalSchema, { ...ids, reason, detail })
        expect(decodeCollectResponse(encode({ message: { case: 'refusal', value: refusal } }))).toEqual({
          kind: 'refusal',
          epoch,
          sequence,
          reason,
          detail,
        })
      }),
    )
    const welcome = create(WelcomeSchema, { window: 300 })
    expect(decodeCollectResponse(encode({ message: { case: 'welcome', value: welcome } }))).toEqual({
      kind: 'welcome',
      window: 300,
    })
  })

  it('throw nothing but RangeError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeCollectResponse(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })

  it('skip what a newer server adds', () => {
    expect(decodeCollectResponse(Buffer.from([0x7a, 2, 8, 1, 0x80, 1, 5]))).toEqual({ kind: 'unknown' })
  })
})

describe('requests', () => {
  it('are read by the generated code', () => {
    const hello = fromBinary(CollectRequestSchema, encodeHello({ host: 'h', source: 's', agentVersion: 'v' }))
    expect(hello.message).toMatchObject({ case: 'hello', value: { host: 'h', source: 's', agentVersion: 'v' } })
    const batch = Buffer.from([8, 7, 16, 9])
    expect(fromBinary(CollectRequestSchema, encodeRequest('batch', batch)).message).toMatchObject({
      case: 'batch',
      value: { epoch: 7n, sequence: 9n },
    })
    const long = encodeRequest('batch', Buffer.concat([batch, Buffer.from([0x3a, 0x80, 0x80, 1]), Buffer.alloc(16384)]))
    const { message } = fromBinary(CollectRequestSchema, long)
    expect(message.case === 'batch' && message.value.table.length).toBe(16384)
  })
})
