import { PassThrough, pipeline, Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import { CheckFailure } from '../check-type.ts'
import { codeOf } from './connect-failures.ts'

export interface ReadBody {
  readonly body: Buffer
  /** There was more than `bytesMax`; the rest was not read. */
  readonly isCut: boolean
}

/** How far a body has come, for messages about one that does not end. */
export interface BodyProgress {
  bytes: number
}

/** Text compresses by ten or twenty; what grows by more than this and does not fit is made to fill memories. */
const GROWTH_MAX = 30
const GROWN_BYTES_MIN = 1_000_000
const ENCODINGS_MAX = 3

/**
 * Reads a body, decompressed, up to `bytesMax`. Memory stays within that and what the decompressors buffer, however
 * much is sent. Errors: CheckFailure `decompressed_too_large`, `answer_invalid` (not what its content-encoding says);
 * errors of the stream itself as they are.
 */
export async function readBody(
  raw: Readable,
  contentEncoding: string,
  bytesMax: number,
  progress: BodyProgress,
): Promise<ReadBody> {
  const encodings = readEncodings(contentEncoding)
  let streamError: unknown
  raw.once('error', (error) => {
    streamError = error
  })
  const source = encodings.length === 0 ? counted(raw, progress) : await decoded(raw, encodings, progress)
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of source) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > bytesMax) break
    }
  } catch (error) {
    if (streamError !== undefined) throw streamError
    const code = codeOf(error)
    if (encodings.length > 0 && (code.startsWith('Z_') || code.startsWith('ERR_'))) {
      throw notAsEncoded(contentEncoding, error)
    }
    throw error
  }
  const isCut = bytes > bytesMax
  const isBomb = bytes > GROWN_BYTES_MIN && bytes > progress.bytes * GROWTH_MAX
  if (isCut && encodings.length > 0 && isBomb) throw tooLarge(progress.bytes, bytesMax)
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  return { body: isCut ? body.subarray(0, bytesMax) : body, isCut }
}

async function* counted(raw: Readable, progress: BodyProgress): AsyncGenerator<Buffer> {
  for await (const chunk of raw) {
    progress.bytes += (chunk as Buffer).length
    yield chunk as Buffer
  }
}

/** Undoes encodings from the last to the first. */
async function decoded(
  raw: Readable,
  encodings: readonly Encoding[],
  progress: BodyProgress,
): Promise<AsyncIterable<Buffer>> {
  const chunks = counted(raw, progress)
  const first = await chunks.next()
  // A body without a byte is compressed by nobody, whatever its header says.
  if (first.done === true) return chunks
  const decoders = encodings
    .toReversed()
    .map((encoding, index) => decoderOf[encoding](index === 0 ? first.value : null))
  const end = new PassThrough()
  pipeline([Readable.from(precededBy(first.value, chunks), { objectMode: false }), ...decoders, end], () => {})
  return end
}

async function* precededBy(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

type Encoding = 'gzip' | 'br' | 'deflate'

const decoderOf: Readonly<Record<Encoding, (first: Buffer | null) => Transform>> = {
  gzip: () => createGunzip(),
  br: () => createBrotliDecompress(),
  // RFC 9110 means zlib by it, and some servers send it bare; the first byte tells (RFC 1950, section 2.2).
  deflate: (first) => (first === null || (first[0]! & 0x0f) === 8 ? createInflate() : createInflateRaw()),
}

/** None when one of them is of a kind that nobody asked for: the body is then left as it is. */
function readEncodings(contentEncoding: string): Encoding[] {
  const named = contentEncoding
    .toLowerCase()
    .split(',')
    .map((encoding) => encoding.trim().replace(/^x-gzip$/, 'gzip'))
    .filter((encoding) => encoding !== '' && encoding !== 'identity')
  if (named.length > ENCODINGS_MAX) {
    throw new CheckFailure('answer_invalid', `The body is compressed ${named.length} times`, { retry: 'never' })
  }
  const known = named.filter((encoding): encoding is Encoding => Object.hasOwn(decoderOf, encoding))
  return known.length === named.length ? known : []
}

function notAsEncoded(contentEncoding: string, cause: unknown): CheckFailure {
  return new CheckFailure('answer_invalid', `The body is not what its content-encoding ${contentEncoding} says`, {
    hint: 'See what the server, or a proxy before it, does to compressed answers',
    cause,
  })
}

function tooLarge(compressedBytes: number, bytesMax: number): CheckFailure {
  const sizes = `${compressedBytes.toLocaleString('en')} bytes grew to more than ${bytesMax.toLocaleString('en')}`
  return new CheckFailure('decompressed_too_large', `The compressed body was not unpacked to its end: ${sizes}`, {
    hint: 'Check what the address answers; a body that is meant to be so large needs a higher bodyBytesMax',
    retry: 'never',
  })
}
