import type { IncomingMessage } from 'node:http'
import { createGunzip, type Gunzip } from 'node:zlib'
import type { Admitted } from '../pressure.ts'

/** Why a request is not taken as a whole. */
export interface RequestProblem {
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 429 | 503
  /** Stable, snake_case. */
  readonly reason: string
  /** For people. */
  readonly detail: string
}

export interface BodyLimits {
  readonly bodyBytesMax: number
  readonly decodedBytesMax: number
  readonly bodyIdleMs: number
}

/** Takes a piece of the unpacked body; a problem ends the reading. */
export type TakeChunk = (chunk: Buffer) => RequestProblem | null | Promise<RequestProblem | null>

/** Far beyond what telemetry packs to, and reached by bombs within their first megabytes. */
const RATIO_MAX = 250
const RATIO_FREE_BYTES = 4 * 1024 * 1024

const tooLarge = (detail: string): RequestProblem => ({ status: 413, reason: 'body_too_large', detail })

export const underPressure: RequestProblem = {
  status: 429,
  reason: 'under_pressure',
  detail: 'Too much is on its way at once; send it again a little later',
}

/** What a body is packed with; a problem for what we do not unpack. */
export function encodingOf(request: IncomingMessage): 'gzip' | 'identity' | RequestProblem {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (encoding === 'gzip' || encoding === 'x-gzip') return 'gzip'
  if (encoding === 'identity' || encoding === '') return 'identity'
  return {
    status: 415,
    reason: 'encoding_unsupported',
    detail: `content-encoding is gzip or none, not ${encoding.slice(0, 50)}`,
  }
}

/** The media type of a body, in lower case and without parameters. */
export function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
}

/**
 * Reads a body piece by piece, unpacked, never faster than `take` wants it. Every bound holds before memory is taken:
 * the declared length, the bytes as they come, the bytes as they are unpacked, and the ratio of the two.
 */
export function readChunks(
  request: IncomingMessage,
  encoding: 'gzip' | 'identity',
  limits: BodyLimits,
  take: TakeChunk,
): Promise<RequestProblem | null> {
  if (Number(request.headers['content-length']) > limits.bodyBytesMax) {
    return Promise.resolve(tooLarge(`The body has more than ${limits.bodyBytesMax} bytes`))
  }
  const gone: RequestProblem = { status: 400, reason: 'body_aborted', detail: 'The sender went away' }
  // It may have gone while its key was looked at: then nothing would be heard of it any more.
  if (request.destroyed && !request.complete) return Promise.resolve(gone)
  return new Promise((resolve, reject) => {
    const gunzip = encoding === 'gzip' ? createGunzip({ chunkSize: 65_536 }) : null
    const source: IncomingMessage | Gunzip = gunzip ?? request
    let received = 0
    let unpacked = 0
    let settled = false
    let taking = false
    let ended = false
    let idle: NodeJS.Timeout | undefined

    const finish = (problem: RequestProblem | null): void => {
      if (settled) return
      settled = true
      clearTimeout(idle)
      request.off('data', onReceived)
      source.off('data', onUnpacked)
      gunzip?.destroy()
      // What still comes is dropped, so that the answer can be read.
      if (problem !== null) request.resume()
      resolve(problem)
    }
    const wait = (): void => {
      clearTimeout(idle)
      const slow: RequestProblem = {
        status: 408,
        reason: 'body_slow',
        detail: `Nothing came for ${limits.bodyIdleMs} ms`,
      }
      idle = setTimeout(() => finish(slow), limits.bodyIdleMs)
    }
    function onReceived(chunk: Buffer): void {
      wait()
      received += chunk.length
      if (received > limits.bodyBytesMax) finish(tooLarge(`The body has more than ${limits.bodyBytesMax} bytes`))
      else if (gunzip !== null && !gunzip.write(chunk)) {
        request.pause()
        gunzip.once('drain', () => request.resume())
      }
    }
    function onUnpacked(chunk: Buffer): void {
      unpacked += chunk.length
      if (unpacked > limits.decodedBytesMax) {
        finish(tooLarge(`Unpacked, the body has more than ${limits.decodedBytesMax} bytes`))
      } else if (unpacked > RATIO_FREE_BYTES && unpacked > received * RATIO_MAX) {
        finish(tooLarge(`The body unpacks to more than ${RATIO_MAX} times its size`))
      } else handOver(chunk)
    }
    const handOver = (chunk: Buffer): void => {
      let answer: ReturnType<TakeChunk>
      try {
        answer = take(chunk)
      } catch (error) {
        // A fault of ours costs this request; thrown on from here it would end the process.
        fail(error)
        return
      }
      if (answer === null) return
      if (!(answer instanceof Promise)) {
        finish(answer)
        return
      }
      source.pause()
      clearTimeout(idle)
      taking = true
      answer.then((problem) => {
        taking = false
        if (problem !== null || ended) finish(problem)
        else if (!settled) {
          wait()
          source.resume()
        }
      }, fail)
    }
    /** A stream may end while its last piece is being taken: what becomes of that piece is waited for. */
    const end = (): void => {
      ended = true
      if (!taking) finish(null)
    }
    const fail = (error: unknown): void => {
      // What settles first counts, so that nobody takes this for the end of the body.
      reject(error)
      finish(null)
    }

    wait()
    request.on('data', onReceived)
    source.on('data', onUnpacked)
    request.once('end', () => (gunzip === null ? end() : gunzip.end()))
    gunzip?.once('end', end)
    gunzip?.on('error', (error) => finish({ status: 400, reason: 'gzip_malformed', detail: error.message }))
    request.on('error', () => finish(gone))
    request.once('close', () => {
      if (!request.complete) finish(gone)
    })
  })
}

/** Reads a whole body into one piece of memory. */
export async function readWhole(
  request: IncomingMessage,
  encoding: 'gzip' | 'identity',
  limits: BodyLimits,
  admitted: Admitted,
): Promise<Buffer | RequestProblem> {
  const chunks: Buffer[] = []
  const problem = await readChunks(request, encoding, limits, (chunk) => {
    // Once as it came and once joined.
    if (!admitted.grow(2 * chunk.length)) return underPressure
    chunks.push(chunk)
    return null
  })
  if (problem !== null) return problem
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}
