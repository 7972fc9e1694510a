import { clone, create } from '@bufbuild/protobuf'
import type { QueuedCheck } from '@driftline/checks/check-queue'
import type { FlowDefinition } from '@driftline/checks/flow-definition'
import { runOfProgress } from '@driftline/checks/run-model'
import { type RunEvent, RunEventSchema, RunStatus, RunTrigger, type StepState } from '@driftline/proto'
import type { RunHeader } from './run-events.ts'
import { pendingStep } from './run-step.ts'

const triggers: Record<QueuedCheck['trigger'], RunTrigger> = {
  button: RunTrigger.BUTTON,
  schedule: RunTrigger.SCHEDULE,
  event: RunTrigger.EVENT,
  api: RunTrigger.API,
}

export function headerOf(check: QueuedCheck, flowName: string): RunHeader {
  return {
    tenant: check.tenant,
    process: check.flow,
    run: check.id,
    trigger: triggers[check.trigger],
    initiatedBy: check.initiatedBy,
    initiatedByName: check.initiatedByName,
    flowName,
    flowVersion: check.flowVersion,
    requestedMs: BigInt(check.requestedAt.getTime()),
    correlation: check.correlation,
  }
}

export const pendingSteps = ({ steps }: FlowDefinition): StepState[] =>
  steps.map((step, index) => pendingStep(step, index + 1))

/** Beyond any revision that an instance can have told since it last kept its progress. */
const REVISIONS_BEYOND = 100_000

/**
 * The end of a run whose instance is gone: the one that was kept, when it was kept, else the step under way was
 * interrupted and those after it were not reached. It is not repeated: what a step did may have had its effect.
 */
export function interruptedEvent(check: QueuedCheck, definition: FlowDefinition | null, nowMs: number): RunEvent {
  const kept = keptEvent(check)
  if (kept !== null && kept.endMs > 0n) return kept
  const event =
    kept ??
    create(RunEventSchema, {
      ...headerOf(check, definition?.name ?? check.flow),
      stepCount: definition?.steps.length ?? 0,
      steps: definition === null ? [] : pendingSteps(definition),
    })
  const endMs = BigInt(Math.max(nowMs, Number(event.startMs)))
  const workedMs = event.startMs > 0n ? Number(event.timeMs - event.startMs) : 0
  for (const step of event.steps) endStep(step, endMs)
  const where = event.steps.find(({ number }) => number === event.currentStep)
  const message = 'The checker that ran it went away'
  return Object.assign(event, {
    revision: event.revision + REVISIONS_BEYOND,
    status: RunStatus.INTERRUPTED,
    timeMs: endMs,
    endMs,
    executionTime: Math.max(0, workedMs) / 1000,
    message: where === undefined ? message : `Step ${where.number}, ${where.name}: ${message.toLowerCase()}`,
  })
}

function endStep(step: StepState, endMs: bigint): void {
  if (step.status === RunStatus.PENDING) step.status = RunStatus.SKIPPED
  if (step.status !== RunStatus.RUNNING) return
  step.status = RunStatus.INTERRUPTED
  step.endMs = endMs
  step.reason = 'interrupted'
}

/** What cannot be read is as good as nothing: the run still has to end. */
function keptEvent(check: QueuedCheck): RunEvent | null {
  try {
    const run = runOfProgress(check.progress)
    return run && clone(RunEventSchema, run.event)
  } catch {
    return null
  }
}
