import { clone, create, toBinary } from '@bufbuild/protobuf'
import { toProgress } from '@driftline/checks/run-model'
import type { Json } from '@driftline/platform/metadata/tables'
import { type RunEvent, RunEventSchema, type RunLine, RunLineSchema, RunStatus, type StepState } from '@driftline/proto'
import { boundLine, boundMessage, LINES_MAX } from '../assess/bounds.ts'
import { maskJson } from '../assess/masking.ts'

/** What a run is called and where it comes from; the same in each of its events. */
export type RunHeader = Pick<
  RunEvent,
  | 'tenant'
  | 'process'
  | 'run'
  | 'trigger'
  | 'initiatedBy'
  | 'initiatedByName'
  | 'flowName'
  | 'flowVersion'
  | 'requestedMs'
  | 'correlation'
>

export interface RunEnd {
  readonly status: RunStatus
  readonly message: string
  readonly endMs: number
  /** Seconds. */
  readonly executionTime: number
}

/** Tells the world of one run, in order, as it happens. */
export interface RunEvents {
  begin(startMs: number): void
  /** A step became the current one. */
  enter(number: number): void
  /** Changes a step; a change of its status is told at once, others within 50 ms. */
  step(number: number, change: Partial<StepState>, timeMs: number): void
  stepAt(number: number): Readonly<StepState>
  line(line: {
    stepNumber: number
    attempt: number
    timeMs: number
    elapsed: number
    level: string
    text: string
  }): void
  end(end: RunEnd): void
  /** Resolves when the end is durable (true), or when there is nothing more to tell (false). */
  readonly told: Promise<boolean>
  hasEnded(): boolean
  /** Tells nothing any more: somebody else has the run. */
  silence(): void
  /** All that was told so far; null when that is nothing beyond the revision. */
  progress(beyond: number): { readonly revision: number; readonly whole: Json } | null
}

export interface RunEventsDeps {
  /** Resolves when the event is durable, rejects when it cannot be now. */
  publish(event: RunEvent): Promise<void>
  /** Whether the run is certainly still ours; while it is not, nothing is told. */
  isOurs(): boolean
  /** Keeps the end, before it is told: whoever takes the run over then tells the same. False when it is not ours. */
  keepEnd(event: RunEvent): Promise<boolean>
  mask(text: string): string
  /** Hears of what was tried in vain; tried again. */
  failed?(error: unknown): void
}

const EVERY_MS = 50
const RETRY_FIRST_MS = 50
const RETRY_LONGEST_MS = 2000
/** Below what a record on the bus may have. */
const EVENT_BYTES_MAX = 3_500_000

/**
 * An event is made of what changed since the last one, when the last one is durable: so while the bus is away changes
 * come together in the next event, and a run never holds more than itself.
 */
export function createRunEvents(header: RunHeader, steps: readonly StepState[], deps: RunEventsDeps): RunEvents {
  const state = createState(header, steps, deps.mask)
  let wake: () => void = () => {}
  let silenced = false
  let pumping = false
  let publishedAt = Number.NEGATIVE_INFINITY
  let resolveTold: (durable: boolean) => void = () => {}
  const told = new Promise<boolean>((resolve) => {
    resolveTold = resolve
  })

  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const publish = async (event: RunEvent): Promise<void> => {
    const isEnd = event.endMs > 0n
    for (let waitMs = RETRY_FIRST_MS; !silenced; waitMs = Math.min(waitMs * 2, RETRY_LONGEST_MS)) {
      try {
        // The lease may end while this waits, so it is asked each time.
        if (deps.isOurs()) {
          if (isEnd && !(await deps.keepEnd(event))) return silence()
          return await deps.publish(event)
        }
      } catch (error) {
        deps.failed?.(error)
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
  const pump = async (): Promise<void> => {
    while (!silenced && (state.dirty || state.urgent)) {
      const waitMs = publishedAt + EVERY_MS - performance.now()
      if (!state.urgent && waitMs > 0) {
        await sleep(waitMs)
        continue
      }
      const event = state.take()
      publishedAt = performance.now()
      await publish(event)
      if (event.endMs > 0n && !silenced) return resolveTold(true)
    }
  }
  const changed = (): void => {
    if (state.urgent) wake()
    if (pumping || silenced) return
    pumping = true
    // A turn later, so that what changes together is told together.
    queueMicrotask(() => {
      void pump().finally(() => {
        pumping = false
        if (state.dirty || state.urgent) changed()
      })
    })
  }
  const silence = (): void => {
    silenced = true
    wake()
    resolveTold(false)
  }
  return {
    begin(startMs) {
      state.begin(startMs)
      changed()
    },
    enter: (number) => state.enter(number),
    step(number, change, timeMs) {
      state.step(number, change, timeMs)
      changed()
    },
    stepAt: (number) => state.stepAt(number),
    line(line) {
      state.line(line)
      changed()
    },
    end(end) {
      state.end(end)
      changed()
    },
    told,
    hasEnded: state.hasEnded,
    silence,
    progress: state.progress,
  }
}

/** What a run is, what of it was told, and what is new. */
function createState(header: RunHeader, initial: readonly StepState[], mask: (text: string) => string) {
  const event = create(RunEventSchema, { ...header, stepCount: initial.length })
  const steps = [...initial]
  const lines: RunLine[] = []
  const changedSteps = new Set<number>(steps.map(({ number }) => number))
  /** As it was told: what is kept must be what the revision says, and nothing newer. */
  let kept: RunEvent | null = null
  let linesTold = 0
  let linesLeftOut = 0
  const flags = { dirty: false, urgent: false }
  const takeEnd = (): void => {
    if (linesLeftOut > 0) {
      const { stepNumber, attempt, timeMs, elapsed } = lines.at(-1)!
      const text = `${linesLeftOut} further lines were left out`
      lines.push(create(RunLineSchema, { stepNumber, attempt, timeMs, elapsed, level: 'warn', text }))
    }
    // A secret may have become known after it was seen.
    for (const line of lines) line.text = boundLine(mask(line.text))
    event.message = boundMessage(mask(event.message))
    event.steps = steps.map((step) => maskedStep(step, mask))
    event.lines = lines
  }
  return {
    get dirty() {
      return flags.dirty
    },
    get urgent() {
      return flags.urgent
    },
    begin(startMs: number): void {
      Object.assign(event, { status: RunStatus.RUNNING, startMs: BigInt(startMs), timeMs: BigInt(startMs) })
      flags.urgent = true
    },
    enter(number: number): void {
      event.currentStep = number
    },
    step(number: number, change: Partial<StepState>, timeMs: number): void {
      const before = steps[number - 1]!
      if (change.status !== undefined && change.status !== before.status) flags.urgent = true
      Object.assign(before, change)
      event.timeMs = BigInt(timeMs)
      changedSteps.add(number)
      flags.dirty = true
    },
    stepAt: (number: number): Readonly<StepState> => steps[number - 1]!,
    line({ timeMs, text, ...line }: Parameters<RunEvents['line']>[0]): void {
      if (lines.length >= LINES_MAX - 1) {
        linesLeftOut += 1
        return
      }
      lines.push(create(RunLineSchema, { ...line, timeMs: BigInt(timeMs), text: boundLine(mask(text)) }))
      flags.dirty = true
    },
    end({ status, message, endMs, executionTime }: RunEnd): void {
      const time = BigInt(endMs)
      Object.assign(event, { status, message, endMs: time, timeMs: time, executionTime })
      flags.urgent = true
    },
    hasEnded: () => event.endMs > 0n,
    take(): RunEvent {
      Object.assign(flags, { dirty: false, urgent: false })
      event.revision += 1
      if (event.endMs > 0n) takeEnd()
      else {
        event.steps = steps.filter(({ number }) => changedSteps.has(number))
        event.lines = lines.slice(linesTold)
      }
      const taken = fitting(clone(RunEventSchema, event))
      changedSteps.clear()
      linesTold = lines.length
      kept = keep(kept, taken)
      return taken
    },
    progress: (beyond: number) =>
      kept === null || kept.revision <= beyond ? null : { revision: kept.revision, whole: toProgress(kept) },
  }
}

/** What was told so far, with one more event. */
function keep(before: RunEvent | null, event: RunEvent): RunEvent {
  if (before === null || event.endMs > 0n) return event
  const steps = before.steps.map((step) => event.steps.find(({ number }) => number === step.number) ?? step)
  return { ...event, steps, lines: [...before.lines, ...event.lines] }
}

function maskedStep(step: StepState, mask: (text: string) => string): StepState {
  step.errorMessage = boundMessage(mask(step.errorMessage))
  step.hint = boundMessage(mask(step.hint))
  if (step.result !== '') step.result = JSON.stringify(maskJson(JSON.parse(step.result) as Json, mask))
  for (const attempt of step.attempts) attempt.errorMessage = boundMessage(mask(attempt.errorMessage))
  for (const value of step.values) value.value = mask(value.value)
  return step
}

/** Only flows with very many steps that all found very much are cut here. */
function fitting(event: RunEvent): RunEvent {
  if (toBinary(RunEventSchema, event).length <= EVENT_BYTES_MAX) return event
  for (const step of event.steps) if (step.result.length > 1000) step.result = '{"cut":true}'
  if (toBinary(RunEventSchema, event).length <= EVENT_BYTES_MAX) return event
  for (const step of event.steps) {
    step.values = []
    step.attempts = step.attempts.slice(-1)
  }
  event.lines = event.lines.slice(-100)
  return event
}
