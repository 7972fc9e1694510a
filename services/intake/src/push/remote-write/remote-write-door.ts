import type { IncomingMessage } from 'node:http'
import { AppError } from '@driftline/platform/errors'
import { countRequest, type DoorCall, type HttpDoor, openRequest, settleCall } from '../door.ts'
import { type Answer, nothing, plainText, unavailable } from '../http/answers.ts'
import { mediaTypeOf, type RequestProblem, readWhole, underPressure } from '../http/body.ts'
import { namedProcess } from '../named-process.ts'
import type { PushRequest } from '../push-request.ts'
import { decodeSnappy } from '../wire/snappy.ts'
import { decodeWriteRequest } from './decode-write-request.ts'

/** Senders log the text and act on the status: they repeat 5xx and 429, and give up on other 4xx. */
const refuse = ({ status, reason, detail }: RequestProblem, headers: Readonly<Record<string, string>> = {}): Answer =>
  plainText(status, `${reason}: ${detail}`, reason, headers)

/** `POST /api/v1/prometheus/write`: Prometheus remote write 1.0. */
export const remoteWriteDoor: HttpDoor = {
  path: '/api/v1/prometheus/write',
  door: 'remote-write',
  refuse: () => refuse,
  async take(incoming: IncomingMessage, call: DoorCall): Promise<Answer> {
    const wrong = checkHeaders(incoming)
    if (wrong !== null) return refuse(wrong)
    const { admitted, deps } = call
    const block = await readWhole(incoming, 'identity', deps.config, admitted)
    if ('status' in block) return refuse(block)
    const request = openRequest(call)
    const problem = takeBlock(request, block, call)
    if (problem === underPressure) return refuse(problem)
    if (problem !== null) {
      // Nothing of a body that breaks off is kept: a sender that repairs it sends all of it again.
      request.discard()
      const { reason, detail } = problem
      request.refuse({ reason, detail, count: 0, payload: () => block.subarray(0, 4096), isBody: true })
    }
    try {
      await settleCall(request, call)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      deps.logger.warn({ error, source: request.source.id }, 'could not publish what was pushed')
      return refuse(unavailable)
    } finally {
      countRequest(request, block.length, deps)
    }
    return problem === null ? answerOf(request) : refuse(problem)
  },
}

function checkHeaders({ headers }: IncomingMessage): RequestProblem | null {
  const encoding = headers['content-encoding'] ?? ''
  if (encoding.trim().toLowerCase() !== 'snappy') {
    return { status: 415, reason: 'encoding_unsupported', detail: 'content-encoding is snappy' }
  }
  const type = mediaTypeOf({ headers } as IncomingMessage)
  const second = (headers['content-type'] ?? '').includes('io.prometheus.write.v2')
  if (type === 'application/x-protobuf' && !second) return null
  return {
    status: 415,
    reason: 'type_unsupported',
    detail: 'content-type is application/x-protobuf of remote write 1.0',
  }
}

function takeBlock(
  request: PushRequest,
  block: Uint8Array,
  { source, admitted, deps }: DoorCall,
): RequestProblem | null {
  const { decodedBytesMax } = deps.config
  const bytes = decodeSnappy(block, decodedBytesMax, (length) => admitted.grow(length))
  if (bytes === 'no_room') return underPressure
  if (bytes === 'body_too_large') {
    return { status: 413, reason: bytes, detail: `Unpacked, the body has more than ${decodedBytesMax} bytes` }
  }
  if (bytes === 'snappy_malformed') return { status: 400, reason: bytes, detail: 'The body is not a Snappy block' }
  const { keys, families } = source
  const problem = decodeWriteRequest(bytes, { keys, families, sink: request, processOf: namedProcess })
  return problem === null ? null : { status: 400, ...problem }
}

/** What was accepted is kept, and 400 says that the rest must not come again. */
function answerOf({ tally }: PushRequest): Answer {
  if (tally.refused === 0) return nothing('accepted')
  const reasons = [...tally.reasons].map(([reason, { count, detail }]) => `${count} ${reason} (${detail})`)
  const text = `${tally.accepted} samples were accepted, ${tally.refused} refused: ${reasons.slice(0, 5).join('; ')}`
  return plainText(400, text, 'partial')
}
