import { type FlowDefinition, stepKey } from '@driftline/checks/flow-definition'
import type { CheckTypeName } from '@driftline/checks/types/check-types'
import type { Clock } from '@driftline/platform/clock'
import type { Json } from '@driftline/platform/metadata/tables'
import { RunStatus } from '@driftline/proto'
import type { Masker } from '../assess/masking.ts'
import type { TemplateValues } from '../assess/templates.ts'
import type { CheckType } from '../check-type.ts'
import type { Cut } from './attempt.ts'
import type { Evidence } from './evidence.ts'
import type { RunEvents, RunHeader } from './run-events.ts'
import { missingType, runStep, type StepOutcome } from './run-step.ts'

/** A run that is about to begin. */
export interface PlannedRun {
  readonly header: RunHeader
  readonly definition: FlowDefinition
  readonly masker: Masker
  readonly events: RunEvents
  /** Aborts with `cancelled` or `interrupted` as its reason. */
  readonly signal: AbortSignal
}

/** Told when it happened, so that it can be measured. */
export interface EndedStep extends StepOutcome {
  readonly tenant: string
  readonly process: string
  readonly number: number
  readonly key: string
  readonly checkType: CheckTypeName
  readonly endMs: number
}

export interface EndedRun {
  readonly tenant: string
  readonly process: string
  readonly status: RunStatus
  readonly endMs: number
  /** Seconds. */
  readonly executionTime: number
}

export interface RunDeps {
  readonly types: ReadonlyMap<CheckTypeName, CheckType>
  readonly evidence: Evidence
  readonly clock: Clock
  /** From 0 up to 1. */
  random(): number
  productUrl(): string | null
  demoUrl(): string | null
  stepEnded(step: EndedStep): void
  unexpected(error: unknown, run: PlannedRun): void
}

/**
 * Runs a flow, strictly one step after the other, until one does not succeed. Resolves when it has ended; it never
 * throws. Times within a run go by a clock that is never set.
 */
export async function runFlow(run: PlannedRun, deps: RunDeps): Promise<EndedRun> {
  const { header, definition, events } = run
  const startedMs = deps.clock.nowMs()
  const started = performance.now()
  const nowMs = (): number => startedMs + Math.round(performance.now() - started)
  const found = new Map<string, ReadonlyMap<string, Json>>()
  const values = templateValues(run, deps, startedMs, found)
  events.begin(startedMs)
  let ended = { status: RunStatus.SUCCESS, message: '' }
  let reached = 0
  for (const step of definition.steps) {
    // Between two steps somebody may have cancelled.
    if (run.signal.aborted) {
      ended = endedBy(run.signal.reason as Cut)
      break
    }
    reached += 1
    const type = deps.types.get(step.checkType) ?? missingType(step.checkType)
    const place = { tenant: header.tenant, process: header.process, run: header.run, startedMs }
    const outcome = await runStep(
      {
        ...place,
        values,
        masker: run.masker,
        events,
        evidence: deps.evidence,
        signal: run.signal,
        flowDeadlineMs: started + definition.timeoutSeconds * 1000,
        nowMs,
        random: deps.random,
        unexpected: (error) => deps.unexpected(error, run),
      },
      step,
      reached,
      type,
    )
    const key = stepKey(step, reached)
    found.set(key, new Map(outcome.values.map(({ name, value }) => [name, value])))
    deps.stepEnded({ ...outcome, ...place, number: reached, key, checkType: step.checkType, endMs: nowMs() })
    if (outcome.status === RunStatus.SUCCESS) continue
    ended = endedAt(outcome, reached, step.stepName, run.signal)
    break
  }
  skipRest(run, reached, nowMs())
  const executionTime = (performance.now() - started) / 1000
  const endMs = nowMs()
  events.end({ ...ended, endMs, executionTime })
  return { tenant: header.tenant, process: header.process, status: ended.status, endMs, executionTime }
}

function endedBy(cut: Cut): { status: RunStatus; message: string } {
  return cut === 'cancelled'
    ? { status: RunStatus.CANCELLED, message: 'It was cancelled' }
    : { status: RunStatus.INTERRUPTED, message: 'The checker was stopped meanwhile' }
}

function endedAt({ status, message }: StepOutcome, number: number, name: string, signal: AbortSignal) {
  const where = `Step ${number}, ${name}`
  if (status === RunStatus.CANCELLED || status === RunStatus.INTERRUPTED) {
    return { status, message: `${where}: ${endedBy(signal.reason as Cut).message.toLowerCase()}` }
  }
  return { status, message: `${where}: ${message}` }
}

function skipRest({ definition, events }: PlannedRun, reached: number, timeMs: number): void {
  for (let number = reached + 1; number <= definition.steps.length; number++) {
    events.step(number, { status: RunStatus.SKIPPED }, timeMs)
  }
}

function templateValues(
  { header, definition }: PlannedRun,
  deps: RunDeps,
  startedMs: number,
  steps: TemplateValues['steps'],
): TemplateValues {
  return {
    names: {
      'product.url': deps.productUrl(),
      'demo.url': deps.demoUrl(),
      'run.id': header.run,
      'run.startTime': new Date(startedMs).toISOString(),
      'flow.name': definition.name,
    },
    steps,
  }
}
