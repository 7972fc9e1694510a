import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type RequestProblem, readChunks, type TakeChunk } from './body.ts'

const limits = { bodyBytesMax: 1000, decodedBytesMax: 1000, bodyIdleMs: 1000 }
const bodyOf = (bytes: string | Uint8Array): IncomingMessage => {
  const body = Object.assign(new PassThrough(), { headers: {}, complete: true })
  body.end(bytes)
  return body as unknown as IncomingMessage
}
const fault = new Error('a fault of ours')

test.each<[string, TakeChunk]>([
  [
    'thrown',
    () => {
      throw fault
    },
  ],
  ['rejected', () => Promise.reject(fault)],
])('a fault of the taker, %s, ends this reading and is told to who asked for it', async (_how, take) => {
  await expect(readChunks(bodyOf('['), 'identity', limits, take)).rejects.toBe(fault)
})

test.each(['identity', 'gzip'] as const)(
  'a body that has ended waits for its last piece to be taken: %s',
  async (encoding) => {
    const problem: RequestProblem = { status: 503, reason: 'bus_unavailable', detail: '' }
    const late: TakeChunk = () => new Promise((resolve) => setTimeout(resolve, 20, problem))
    const bytes = encoding === 'gzip' ? gzipSync('[]') : '[]'
    expect(await readChunks(bodyOf(bytes), encoding, limits, late)).toBe(problem)
  },
)

test('a body whose sender went away before it was read is not waited for', async () => {
  const body = Object.assign(new PassThrough(), { headers: {}, complete: false })
  body.destroy()
  const take: TakeChunk = () => null
  expect(await readChunks(body as unknown as IncomingMessage, 'identity', limits, take)).toMatchObject({
    reason: 'body_aborted',
  })
})
