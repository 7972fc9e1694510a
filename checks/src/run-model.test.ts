import { create } from '@bufbuild/protobuf'
import { type RunEvent, RunEventSchema, RunStatus } from '@driftline/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldRun, hasEnded, type Run, runOfProgress, toProgress } from './run-model.ts'

const { RUNNING, SUCCESS, FAILED } = RunStatus

const step = (number: number, status: RunStatus, attempt = 1) => ({ number, key: `s${number}`, status, attempt })
const line = (text: string) => ({ stepNumber: 1, level: 'info', text })
const event = (revision: number, more: object): RunEvent =>
  create(RunEventSchema, { run: 'r', revision, status: RUNNING, startMs: 1n, ...more })

/** A run of two steps as it is published. */
const events: readonly RunEvent[] = [
  event(1, { currentStep: 1, steps: [step(1, RUNNING), step(2, RunStatus.PENDING)], lines: [line('a')] }),
  event(2, { currentStep: 1, steps: [step(1, RUNNING, 2)], lines: [line('b'), line('c')] }),
  event(3, { currentStep: 2, steps: [step(1, SUCCESS, 2), step(2, RUNNING)], lines: [] }),
  event(4, { currentStep: 2, steps: [step(2, RUNNING)], lines: [line('d')] }),
]
const last = event(5, {
  status: FAILED,
  endMs: 9n,
  currentStep: 2,
  steps: [step(1, SUCCESS, 2), step(2, FAILED)],
  lines: ['a', 'b', 'c', 'd', 'e'].map(line),
})
const fold = (all: readonly RunEvent[]): Run => all.reduce<Run | null>((run, each) => foldRun(run, each), null)!
const shuffled = (all: readonly RunEvent[]) =>
  fc
    .array(fc.nat(all.length - 1), { maxLength: 12 })
    .map((extra) => [...all.keys(), ...extra])
    .chain((indexes) =>
      fc.shuffledSubarray(indexes, { minLength: indexes.length }).map((order) => order.map((index) => all[index]!)),
    )

test('whatever the order and however often, events make one run', () => {
  fc.assert(
    fc.property(shuffled(events), (order) => {
      const { event: run } = fold(order)
      expect(run.revision).toBe(4)
      expect(run.steps.map(({ number, status, attempt }) => [number, status, attempt])).toEqual([
        [1, SUCCESS, 2],
        [2, RUNNING, 1],
      ])
      expect(run.lines.map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd'])
    }),
  )
})

test('nothing comes after the end', () => {
  fc.assert(
    fc.property(shuffled([...events, last]), (order) => {
      const run = fold(order)
      expect(hasEnded(run)).toBe(true)
      expect(run.event).toEqual(last)
    }),
  )
})

test('an instance that took the run over has the last word', () => {
  const taken = event(7, { status: RunStatus.INTERRUPTED, endMs: 12n })
  expect(fold([...events, last, taken]).event).toEqual(taken)
  expect(fold([...events, taken, last]).event).toEqual(taken)
})

test('goes on from what the queue keeps', () => {
  const kept = runOfProgress(toProgress(fold(events.slice(0, 2)).event))!
  const again = events.reduce<Run>(foldRun, kept)
  expect(again.event).toEqual(fold(events).event)
  expect(runOfProgress(null)).toBeNull()
})

test('changes no event that it was given', () => {
  const before = JSON.stringify(events.map(toProgress))
  fold([...events, ...events])
  expect(JSON.stringify(events.map(toProgress))).toBe(before)
})

test('passes over events of another run', () => {
  const run = fold(events)
  expect(foldRun(run, create(RunEventSchema, { run: 'other', revision: 9, endMs: 1n }))).toBe(run)
})
