import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { headersOf } from '../bus-test-kit.ts'
import { decodePack, encodePack } from './pack.ts'

const text = fc.string({ unit: 'binary', maxLength: 20 })
const packedRecord = fc.record({
  key: text,
  headers: fc.tuple(text, text).map(([tenant, source]) => headersOf(1, { tenant, source })),
  value: fc.uint8Array({ maxLength: 64 }),
})

describe('packs', () => {
  it('give back what was put into them, also strings that are no valid Unicode', () => {
    fc.assert(
      fc.property(fc.array(packedRecord, { minLength: 1, maxLength: 8 }), fc.nat(), (records, storedAtMs) => {
        const pack = decodePack(encodePack(records, storedAtMs))
        expect(pack?.storedAtMs).toBe(storedAtMs)
        expect(pack?.records.map((each) => ({ ...each, value: Uint8Array.from(each.value) }))).toEqual(records)
      }),
    )
    const lone = { key: '\ud800', headers: headersOf(1, { source: '\udc00' }), value: new Uint8Array(0) }
    expect(decodePack(encodePack([lone], 1))?.records[0]).toMatchObject({
      key: '\ud800',
      headers: { source: '\udc00' },
    })
  })

  it('are refused after any change of a byte or of the length', () => {
    const whole = encodePack([{ key: 'k', headers: headersOf(1), value: Uint8Array.of(1, 2, 3) }], 1)
    for (let position = 0; position < whole.length; position += 1) {
      const damaged = Buffer.from(whole)
      damaged[position]! ^= 1
      expect(decodePack(damaged)).toBeNull()
    }
    expect(decodePack(whole.subarray(0, whole.length - 1))).toBeNull()
    expect(decodePack(Buffer.alloc(0))).toBeNull()
  })
})
