import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { RunEventSchema, RunEvidenceSchema, RunStatus, RunTrigger, routingKey, topics } from '@driftline/proto'
import type { TestRecord } from './records.ts'

export type RunInit = MessageInitShape<typeof RunEventSchema>

let sequence = 0

function headers(message: string, tenant: string) {
  const type = 'application/protobuf' as const
  return { 'content-type': type, message, tenant, source: 'checker:1', epoch: '1', sequence: String(++sequence) }
}

/** An event of a run, as the checker publishes it. */
export function runRecord(init: RunInit & { readonly process: string; readonly run: string }): TestRecord {
  const tenant = init.tenant ?? 'default'
  const message = create(RunEventSchema, {
    trigger: RunTrigger.BUTTON,
    initiatedBy: 'user:1',
    initiatedByName: 'admin',
    flowName: 'Invoice to cash',
    flowVersion: 1,
    stepCount: 2,
    ...init,
    tenant,
  } as RunInit)
  return {
    table: 'runs_in',
    schema: RunEventSchema,
    record: {
      topic: topics.runs.name,
      key: routingKey(tenant, message.process),
      headers: headers(RunEventSchema.typeName, tenant),
      value: toBinary(RunEventSchema, message),
    },
  }
}

/** A run of two steps that has ended. */
export function endedRun(
  of: { readonly process: string; readonly run: string; readonly requestedMs: number },
  more: RunInit = {},
): TestRecord {
  const at = BigInt(of.requestedMs)
  const failed = more.status === RunStatus.FAILED
  return runRecord({
    process: of.process,
    run: of.run,
    revision: 4,
    timeMs: at + 120n,
    status: RunStatus.SUCCESS,
    requestedMs: at,
    startMs: at + 20n,
    endMs: at + 120n,
    executionTime: 0.1,
    currentStep: 2,
    message: failed ? 'status was 503, expected 200' : '',
    steps: [
      {
        number: 1,
        key: 'login',
        name: 'Sign in',
        checkType: 'rest',
        target: 'POST crm.example/login',
        status: RunStatus.SUCCESS,
        attempt: 1,
        attemptsMax: 4,
        startMs: at + 20n,
        endMs: at + 60n,
        executionTime: 0.04,
        result: '{"status":200}',
        values: [{ name: 'customer', value: `C-${of.run}` }],
        attempts: [{ attempt: 1, status: RunStatus.SUCCESS, startMs: at + 20n, executionTime: 0.04 }],
      },
      {
        number: 2,
        key: 'invoice',
        name: 'Find the invoice',
        checkType: 'rest',
        target: 'GET erp.example/invoices',
        status: failed ? RunStatus.FAILED : RunStatus.SUCCESS,
        attempt: 1,
        attemptsMax: 1,
        startMs: at + 60n,
        endMs: at + 120n,
        executionTime: 0.06,
        reason: failed ? 'status_unexpected' : '',
        errorMessage: failed ? 'status was 503, expected 200' : '',
        hasEvidence: failed,
      },
    ],
    lines: [
      { stepNumber: 1, attempt: 1, timeMs: at + 20n, elapsed: 0.001, level: 'info', text: 'POST crm.example/login' },
    ],
    ...more,
  } as RunInit & { process: string; run: string })
}

export function evidenceRecord(of: {
  readonly run: string
  readonly process: string
  readonly text: string
  readonly tenant?: string
}): TestRecord {
  const tenant = of.tenant ?? 'default'
  const message = create(RunEvidenceSchema, {
    tenant,
    process: of.process,
    run: of.run,
    stepNumber: 2,
    attempt: 1,
    timeMs: BigInt(Date.now()),
    kind: 'body',
    mediaType: 'text/html',
    content: Buffer.from(of.text),
  })
  return {
    table: 'run_evidence_in',
    schema: RunEvidenceSchema,
    record: {
      topic: topics.runEvidence.name,
      key: routingKey(tenant, of.process),
      headers: headers(RunEvidenceSchema.typeName, tenant),
      value: toBinary(RunEvidenceSchema, message),
    },
  }
}
