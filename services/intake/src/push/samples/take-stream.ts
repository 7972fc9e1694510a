import type { IncomingMessage } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { AppError } from '@driftline/platform/errors'
import { countRequest, type DoorCall, openRequest, settleCall } from '../door.ts'
import { type Answer, problemJson, unavailable } from '../http/answers.ts'
import { encodingOf, type RequestProblem, readChunks, underPressure } from '../http/body.ts'
import type { PushRequest } from '../push-request.ts'
import type { Splitter } from './json-items.ts'

const START_BYTES = 4096
/** One body keeps the others waiting for no longer, however fast it comes and whatever is in it. */
const WITHOUT_PAUSE_MS = 20

/**
 * Takes the items of a body while it comes in: what has come is published whenever enough of it waits, and the sender
 * is not read meanwhile. A body that breaks off has been taken up to there, and the answer says so.
 */
export async function takeStream(
  incoming: IncomingMessage,
  call: DoorCall,
  splitterOf: (request: PushRequest) => Splitter,
): Promise<Answer> {
  const encoding = encodingOf(incoming)
  if (typeof encoding !== 'string') return problemJson(encoding)
  const request = openRequest(call)
  const splitter = splitterOf(request)
  const { admitted, deps } = call
  let start: Buffer | null = null
  let bytes = 0
  let held = 0
  let pausedMs = performance.now()
  const malformed = (detail: string): RequestProblem => ({ status: 400, reason: 'body_malformed', detail })

  const problem = await readChunks(incoming, encoding, deps.config, (chunk) => {
    start ??= Buffer.from(chunk.subarray(0, START_BYTES))
    bytes += chunk.length
    if (!admitted.grow(chunk.length)) return underPressure
    held += chunk.length
    const wrong = splitter.push(chunk)
    if (wrong !== null) return malformed(wrong)
    if (!request.isFull) {
      if (performance.now() - pausedMs < WITHOUT_PAUSE_MS) return null
      return setImmediate(null).then((nothing) => {
        pausedMs = performance.now()
        return nothing
      })
    }
    return settleOrSay(request, call).then((failed) => {
      admitted.shrink(held)
      held = 0
      return failed
    })
  }).then((found) => {
    if (found !== null) return found
    const wrong = splitter.end()
    return wrong === null ? null : malformed(wrong)
  })
  if (problem !== null) noteBody(request, problem, start)
  const failed = await settleOrSay(request, call)
  countRequest(request, bytes, deps)
  return answerOf(request, failed ?? problem)
}

async function settleOrSay(request: PushRequest, call: DoorCall): Promise<RequestProblem | null> {
  try {
    await settleCall(request, call)
    return null
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    call.deps.logger.warn({ error, source: request.source.id }, 'could not publish what was pushed')
    return unavailable
  }
}

/** A body that is wrong as a whole becomes a dead letter with its first bytes; pressure is no fault of it. */
function noteBody(request: PushRequest, { status, reason, detail }: RequestProblem, start: Buffer | null): void {
  if (status === 429 || status === 503) return
  request.refuse({ reason, detail, count: 0, payload: () => start ?? Buffer.alloc(0), isBody: true })
}

function answerOf({ tally }: PushRequest, problem: RequestProblem | null): Answer {
  const { accepted, refused, errors } = tally
  if (problem === null) {
    const body = JSON.stringify({ accepted, refused, errors })
    return {
      status: 200,
      contentType: 'application/json; charset=utf-8',
      body,
      outcome: refused === 0 ? 'accepted' : 'partial',
    }
  }
  // Without the bus nobody knows what was stored: then nothing counts as accepted.
  const taken = problem.status === 503 ? {} : { accepted, refused, errors }
  return problemJson(problem, {}, taken)
}
