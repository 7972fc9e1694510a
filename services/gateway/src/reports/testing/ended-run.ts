import { create, toBinary } from '@bufbuild/protobuf'
import { RunEventSchema, RunStatus, RunTrigger, routingKey, topics } from '@driftline/proto'
import type { TestRecord } from '../../testing/records.ts'

/** A run that is over, as a test says it: which of its steps failed, and how. */
export interface EndedRun {
  readonly tenant?: string
  readonly process: string
  readonly name?: string
  readonly run: string
  readonly requestedMs: number
  readonly seconds?: number
  readonly steps?: readonly string[]
  /** Number of the step that did not succeed; the run ends as it did. */
  readonly stopped?: {
    readonly at: number
    readonly status: RunStatus
    readonly reason: string
    readonly message: string
  }
}

export function endedRun({ tenant = 'default', process, run, requestedMs, stopped, ...more }: EndedRun): TestRecord {
  const { name = 'Invoice to cash', seconds = 0.6, steps = ['Sign in', 'Invoice'] } = more
  const status = stopped?.status ?? RunStatus.SUCCESS
  const each = seconds / steps.length
  const message = create(RunEventSchema, {
    tenant,
    process,
    run,
    revision: 9,
    timeMs: BigInt(requestedMs),
    status,
    trigger: RunTrigger.SCHEDULE,
    initiatedBy: 'schedule',
    initiatedByName: 'schedule',
    flowName: name,
    flowVersion: 1,
    stepCount: steps.length,
    requestedMs: BigInt(requestedMs),
    startMs: BigInt(requestedMs + 5),
    endMs: BigInt(requestedMs + 5 + Math.round(seconds * 1000)),
    executionTime: seconds,
    message: stopped?.message ?? '',
    steps: steps.map((step, index) => {
      const isStopped = stopped?.at === index + 1
      const isSkipped = stopped !== undefined && index + 1 > stopped.at
      const startMs = BigInt(isSkipped ? 0 : requestedMs + 5)
      return {
        number: index + 1,
        key: `step_${index + 1}`,
        name: step,
        checkType: 'rest',
        status: isSkipped ? RunStatus.SKIPPED : isStopped ? stopped.status : RunStatus.SUCCESS,
        startMs,
        endMs: startMs,
        executionTime: isSkipped ? 0 : each,
        reason: isStopped ? stopped.reason : '',
        errorMessage: isStopped ? stopped.message : '',
      }
    }),
  })
  const value = toBinary(RunEventSchema, message)
  return {
    table: 'runs_in',
    schema: RunEventSchema,
    record: {
      topic: topics.runs.name,
      key: routingKey(tenant, process),
      headers: {
        'content-type': 'application/protobuf',
        message: RunEventSchema.typeName,
        tenant,
        source: 'checker:test',
        epoch: '1',
        sequence: '1',
      },
      value,
    },
  }
}
