import { countRequest, type DoorCall, openRequest, settleCall } from '../door.ts'
import { namedProcess } from '../named-process.ts'
import type { BodyProblem } from '../point-sink.ts'
import type { PushRequest } from '../push-request.ts'
import { decodeLogs } from './decode-logs.ts'
import { decodeMetrics } from './decode-metrics.ts'

/** What a request of OTLP sends. */
export type Signal = 'metrics' | 'logs'

/** What a request came to: wrong as a whole, or so many data points refused, and why. */
export type Export =
  | { readonly problem: NonNullable<BodyProblem> }
  | { readonly problem: null; readonly rejected: number; readonly message: string }

/** Takes an export request as protobuf and resolves when what was accepted is durable. Errors: those of the bus. */
export async function takeExport(signal: Signal, bytes: Uint8Array, call: DoorCall): Promise<Export> {
  const request = openRequest(call)
  const problem = decode(signal, bytes, request, call)
  if (problem !== null) {
    request.discard()
    request.refuse({ ...problem, count: 0, payload: () => bytes.subarray(0, 4096), isBody: true })
  }
  try {
    await settleCall(request, call)
  } finally {
    countRequest(request, bytes.length, call.deps)
  }
  return problem === null ? { problem, rejected: request.tally.refused, message: messageOf(request) } : { problem }
}

/** Notes a body that could not even be decoded to protobuf, and resolves when its dead letter is durable. */
export async function takeMalformed(
  problem: NonNullable<BodyProblem>,
  bytes: Uint8Array,
  call: DoorCall,
): Promise<void> {
  const request = openRequest(call)
  request.refuse({ ...problem, count: 0, payload: () => bytes.subarray(0, 4096), isBody: true })
  try {
    await settleCall(request, call)
  } finally {
    countRequest(request, bytes.length, call.deps)
  }
}

function decode(signal: Signal, bytes: Uint8Array, request: PushRequest, { source }: DoorCall): BodyProblem {
  const { keys, memberKeys, histograms } = source
  if (signal === 'logs') return decodeLogs(bytes, { sink: request, processOf: namedProcess })
  return decodeMetrics(bytes, { keys, memberKeys, histograms, sink: request, processOf: namedProcess })
}

function messageOf({ tally }: PushRequest): string {
  const reasons = [...tally.reasons].map(([reason, { count, detail }]) => `${count} ${reason} (${detail})`)
  return reasons.slice(0, 10).join('; ')
}
