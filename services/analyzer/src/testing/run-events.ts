import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { type RunEvent, RunEventSchema, RunStatus, type StepStateSchema } from '@driftline/proto'
import { factsOfRun } from '../detection/runs/run-facts.ts'
import type { AnalyzerEvent } from '../step.ts'
import { START_MS } from './events.ts'

export interface TestStep {
  readonly name: string
  readonly ms: number
  /** Success without it. */
  readonly status?: RunStatus
  readonly message?: string
}

export interface TestRun {
  readonly run: string
  /** Milliseconds after `START_MS`. */
  readonly atMs: number
  readonly steps: readonly TestStep[]
  /** What the steps come to without it. */
  readonly status?: RunStatus
  readonly version?: number
}

/** The events of a flow's runs, as the checker publishes them: one when it begins, two for each step, one at the end. */
export function flowEvents(name = 'invoice-to-cash', tenant = 'default') {
  const process = `flow:${name}`
  const origin = (storedAtMs: number) => ({ hostKey: `${tenant}/${process}`, tenant, process, storedAtMs })
  const toEvent = (message: RunEvent, storedAtMs: number): AnalyzerEvent => {
    const facts = factsOfRun(message)
    if (facts === null) throw new Error('the run has not begun')
    return { kind: 'run', origin: origin(storedAtMs), facts }
  }

  /** Each transition of a run, with the moment of it. */
  const messagesOf = ({ run, atMs, steps, status, version = 1 }: TestRun): { message: RunEvent; atMs: number }[] => {
    const startMs = START_MS + atMs
    let [revision, nowMs] = [0, startMs]
    const done: MessageInitShape<typeof StepStateSchema>[] = []
    const messages: { message: RunEvent; atMs: number }[] = []
    const say = (fields: MessageInitShape<typeof RunEventSchema>): void => {
      revision += 1
      const common = { tenant, process, run, revision, flowVersion: version, stepCount: steps.length }
      const times = { timeMs: BigInt(nowMs), startMs: BigInt(startMs) }
      messages.push({
        message: create(RunEventSchema, { ...common, ...times, status: RunStatus.RUNNING, ...fields }),
        atMs: nowMs,
      })
    }
    let bad: RunStatus | null = null
    for (const [index, step] of steps.entries()) {
      const named = { number: index + 1, key: step.name.toLowerCase().replaceAll(' ', '_'), name: step.name }
      if (bad !== null) {
        done.push({ ...named, status: RunStatus.SKIPPED })
        continue
      }
      const began = { ...named, startMs: BigInt(nowMs) }
      say({ currentStep: index + 1, steps: [{ ...began, status: RunStatus.RUNNING }] })
      nowMs += step.ms
      const ended = {
        ...began,
        status: step.status ?? RunStatus.SUCCESS,
        endMs: BigInt(nowMs),
        executionTime: step.ms / 1000,
        errorMessage: step.message ?? '',
      }
      if (ended.status !== RunStatus.SUCCESS) bad = ended.status
      done.push(ended)
      say({ currentStep: index + 1, steps: [ended] })
    }
    const executionTime = (nowMs - startMs) / 1000
    say({ status: status ?? bad ?? RunStatus.SUCCESS, endMs: BigInt(nowMs), executionTime, steps: done })
    return messages
  }
  const run = (test: TestRun): AnalyzerEvent[] =>
    messagesOf(test).map(({ message, atMs }) => toEvent(message, atMs + 20))
  return { process, run, messagesOf, toEvent }
}
