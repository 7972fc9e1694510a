import { createRequire } from 'node:module'
import type { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { encodeTextFrame } from './frames.ts'

/** The reading side of `ws`, which its types do not name. */
const { Receiver } = createRequire(import.meta.url)('ws') as { Receiver: new (options: object) => Writable }

function read(frame: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const receiver = new Receiver({ isServer: false })
    receiver.on('message', (data: Buffer, isBinary: boolean) => resolve(isBinary ? 'binary' : data.toString('utf8')))
    receiver.on('error', reject)
    receiver.end(frame)
  })
}

describe('a text frame', () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 300_000])('of %i bytes is read back whole', async (length) => {
    const text = 'x'.repeat(length)
    expect(await read(encodeTextFrame(text))).toBe(text)
  })

  it('counts bytes, not characters', async () => {
    const text = 'ü'.repeat(70)
    expect(await read(encodeTextFrame(text))).toBe(text)
  })
})
