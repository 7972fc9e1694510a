import {
  create,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { MonitorService } from '@driftline/proto'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { DriftlineError, toDriftlineError } from './errors.ts'
import { toAlert, toAnalytics, toAnomaly, toDashboard, toMetrics, toPerformance } from './translate.ts'
import type { ClientConfig, DriftlineClient, Range } from './types.ts'

export { DriftlineError } from './errors.ts'
export type * from './types.ts'

const TIMEOUT_MS = 10_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/**
 * A connection to the monitor service, made with the first operation and again when it breaks. Errors are
 * DriftlineError; a key is sent with every operation, so use TLS wherever the address is not of this machine.
 */
export function createDriftlineClient(config: ClientConfig): DriftlineClient {
  const { address, apiKey, tls = false, timeoutMs = TIMEOUT_MS } = config
  const client = new Client(address, credentialsOf(tls), { 'grpc.max_receive_message_length': ANSWER_BYTES_MAX })
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${apiKey}`)

  const call = <M extends DescMethodUnary>(
    method: M,
    request: MessageInitShape<M['input']>,
  ): Promise<MessageShape<M['output']>> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: MessageShape<M['input']>) => Buffer.from(toBinary(method.input, message)),
        (bytes: Buffer) => fromBinary(method.output, bytes) as MessageShape<M['output']>,
        create(method.input, request) as MessageShape<M['input']>,
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error, answer) => {
          if (error !== null) reject(toDriftlineError(error))
          else if (answer === undefined) reject(new DriftlineError('internal', 'the answer is empty'))
          else resolve(answer)
        },
      )
    })

  const { method } = MonitorService
  return {
    async monitorProcess(processId) {
      return toMetrics(present((await call(method.monitorProcess, { processId })).metrics))
    },
    async trackPerformance(processId, range = {}) {
      const step = range.step === undefined ? {} : { stepSeconds: range.step }
      return toPerformance(await call(method.trackPerformance, { processId, ...rangeOf(range), ...step }))
    },
    async detectAnomalies(processId, { limit } = {}) {
      const answer = await call(method.detectAnomalies, { processId, ...(limit === undefined ? {} : { limit }) })
      return answer.anomalies.map(toAnomaly)
    },
    async manageAlerts(anomaly) {
      return toAlert(present((await call(method.manageAlerts, { anomalyId: anomaly.id })).alert))
    },
    async analyzeProcess(processId, range = {}) {
      return toAnalytics(await call(method.analyzeProcess, { processId, ...rangeOf(range) }))
    },
    async provideVisibility() {
      return toDashboard(await call(method.provideVisibility, {}))
    },
    close: () => client.close(),
  }
}

function credentialsOf(tls: boolean | string) {
  if (tls === false) return credentials.createInsecure()
  return credentials.createSsl(tls === true ? null : Buffer.from(tls))
}

function rangeOf({ from, to }: Range): { fromMs?: bigint; toMs?: bigint } {
  return {
    ...(from === undefined ? {} : { fromMs: msOf(from, 'from') }),
    ...(to === undefined ? {} : { toMs: msOf(to, 'to') }),
  }
}

function msOf(date: Date, name: string): bigint {
  const ms = date.getTime()
  if (Number.isNaN(ms)) throw new DriftlineError('invalid_argument', `${name} is an invalid date`)
  return BigInt(ms)
}

function present<T>(part: T | undefined): T {
  if (part === undefined) throw new DriftlineError('internal', 'the answer lacks what was asked for')
  return part
}
