import { readFlow } from '@driftline/checks/read-flow'
import { foldRun, type Run } from '@driftline/checks/run-model'
import { systemClock } from '@driftline/platform/clock'
import { type RunEvent, RunStatus, RunTrigger } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMasker } from '../assess/masking.ts'
import { type EndedStep, runFlow } from './run.ts'
import { createRunEvents } from './run-events.ts'
import { pendingSteps } from './run-header.ts'
import { delayBefore } from './run-step.ts'
import { type Act, createScripted } from './testing/scripted.ts'

const { SUCCESS, FAILED, TIMEOUT, CANCELLED, SKIPPED, INTERRUPTED } = RunStatus

interface StepScript {
  readonly acts: readonly Act[]
  readonly more?: object
  readonly configuration?: object
}

interface Tried {
  readonly events: readonly RunEvent[]
  readonly run: RunEvent
  readonly scripted: ReturnType<typeof createScripted>
  readonly ended: readonly EndedStep[]
  readonly evidence: readonly string[]
  readonly unexpected: readonly unknown[]
}

/** Runs a flow of scripted steps to its end; `during` may cancel it, `publish` may fail. */
async function tryRun(
  steps: readonly StepScript[],
  options: {
    readonly more?: object
    readonly during?: (abort: AbortController, events: readonly RunEvent[]) => void
    readonly publish?: (event: RunEvent) => Promise<void>
  } = {},
): Promise<Tried> {
  const scripted = createScripted(Object.fromEntries(steps.map(({ acts }, index) => [`s${index + 1}.example`, acts])))
  const read = readFlow({
    name: 'F',
    steps: steps.map(({ more, configuration }, index) => ({
      stepName: `S${index + 1}`,
      checkType: 'rest',
      retryDelaySeconds: 0,
      checkConfiguration: { url: `https://s${index + 1}.example/`, ...configuration },
      ...more,
    })),
    ...options.more,
  })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const published: RunEvent[] = []
  const masker = createMasker()
  const ids = { tenant: 'default', process: 'flow:f', run: 'r', flowName: 'F', flowVersion: 1, correlation: '' }
  const header = { ...ids, trigger: RunTrigger.BUTTON, initiatedBy: 'user:1', initiatedByName: 'a', requestedMs: 1n }
  const events = createRunEvents(header, pendingSteps(read.definition), {
    async publish(event) {
      await options.publish?.(event)
      published.push(event)
    },
    isOurs: () => true,
    keepEnd: async () => true,
    mask: masker.mask,
  })
  const abort = new AbortController()
  const ended: EndedStep[] = []
  const evidence: string[] = []
  const unexpected: unknown[] = []
  options.during?.(abort, published)
  await runFlow(
    { header, definition: read.definition, masker, events, signal: abort.signal },
    {
      types: new Map([['rest', scripted.type]]),
      evidence: {
        body: (place, body) => evidence.push(`${place.stepNumber}/${place.attempt} ${body.text}`) > 0,
        screenshot: () => false,
      },
      clock: systemClock,
      random: () => 0.5,
      productUrl: () => 'http://127.0.0.1:1',
      demoUrl: () => null,
      stepEnded: (step) => ended.push(step),
      unexpected: (error) => unexpected.push(error),
    },
  )
  expect(await events.told).toBe(true)
  return { events: published, run: published.at(-1)!, scripted, ended, evidence, unexpected }
}

const statuses = (run: RunEvent): RunStatus[] => run.steps.map(({ status }) => status)

const answer: Act = { do: 'answer' }
const refuse: Act = { do: 'fail', retry: 'always' }
const wrong: Act = { do: 'answer', facts: { status: 503 } }
const is200 = { assertions: [{ of: 'status', is: 'equals', value: 200 }] }

describe('a run', () => {
  test('goes from step to step and gives values on', async () => {
    const token: Act = { do: 'answer', facts: { status: 200, '$.token': 'hunter2-hunter2' } }
    const { run, ended } = await tryRun([
      {
        acts: [token],
        configuration: { extract: { token: { of: 'json', path: '$.token', secret: true }, at: { of: 'status' } } },
      },
      { acts: [answer], configuration: { headers: { a: '{{steps.s1.token}} {{steps.s1.at}}' } } },
    ])
    expect(run).toMatchObject({ status: SUCCESS, currentStep: 2, stepCount: 2, message: '' })
    expect(run.steps[0]!.values).toMatchObject([
      { name: 'token', value: '***', secret: true },
      { name: 'at', value: '200', secret: false },
    ])
    expect(run.steps[0]).toMatchObject({ attempt: 1, result: '{"status":200}', reason: '', target: 'GET s1.example/' })
    expect(run.endMs).toBeGreaterThanOrEqual(run.startMs)
    expect(ended.map(({ number, status }) => [number, status])).toEqual([
      [1, SUCCESS],
      [2, SUCCESS],
    ])
  })

  test('ends at the first step that fails, says why, keeps evidence and skips the rest', async () => {
    const { run, scripted, evidence } = await tryRun([
      { acts: [answer] },
      { acts: [wrong], configuration: is200 },
      { acts: [answer] },
    ])
    expect(run).toMatchObject({ status: FAILED, currentStep: 2, message: 'Step 2, S2: status was 503, expected 200' })
    expect(statuses(run)).toEqual([SUCCESS, FAILED, SKIPPED])
    expect(run.steps[1]).toMatchObject({ reason: 'assertion_failed', hasEvidence: true, attempt: 1, attemptsMax: 4 })
    expect(scripted.asked.get('s3.example')).toBeUndefined()
    expect(evidence).toEqual(['2/1 body of {"status":503}'])
    expect(scripted.closed.times).toBe(2)
  })

  test('tries a target that could not be asked again, and one that answered wrong only when told to', async () => {
    const { run, scripted } = await tryRun([
      { acts: [refuse, refuse, answer] },
      { acts: [wrong, answer], configuration: is200, more: { retryCount: 1 } },
      { acts: [refuse] },
    ])
    expect(run.steps.map(({ status, attempt, attempts }) => [status, attempt, attempts.length])).toEqual([
      [SUCCESS, 3, 3],
      [SUCCESS, 2, 2],
      [FAILED, 4, 4],
    ])
    expect(run.steps[0]!.attempts[0]).toMatchObject({ status: FAILED, reason: 'connection_refused' })
    expect(scripted.asked.get('s3.example')).toBe(4)
  })

  test('names a type that is not there and a defect of ours, without its secrets', async () => {
    const defect = await tryRun([{ acts: [{ do: 'throw' }], more: { retryCount: 5 } }])
    expect(defect.run.steps[0]).toMatchObject({ status: FAILED, reason: 'internal', attempt: 1 })
    expect(defect.unexpected).toHaveLength(1)
    const read = await tryRun([
      { acts: [answer], more: { checkType: 'tcp', checkConfiguration: { host: 'x', port: 1 } } },
    ])
    expect(read.run.steps[0]).toMatchObject({ reason: 'config_invalid', errorMessage: /no checks of type tcp/ })
  })
})

describe('time', () => {
  test('ends a step whose check heeds its signal', async () => {
    const { run } = await tryRun([{ acts: [{ do: 'hang' }], more: { timeoutSeconds: 0.1 } }, { acts: [answer] }])
    expect(statuses(run)).toEqual([TIMEOUT, SKIPPED])
    expect(run).toMatchObject({ status: TIMEOUT, message: 'Step 1, S1: It did not answer in time' })
  })

  test('ends a step whose check does not, and nothing that it does later changes the run', async () => {
    for (const then of ['answer', 'fail'] as const) {
      const acts: Act[] = [{ do: 'ignore', forMs: 1400, then }]
      const { run, scripted, unexpected } = await tryRun([{ acts, more: { timeoutSeconds: 0.1 } }])
      expect(statuses(run)).toEqual([TIMEOUT])
      expect(run.steps[0]!.errorMessage).toBe('There was no answer within 0.1 s')
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(scripted.closed.times).toBe(then === 'answer' ? 1 : 0)
      expect(JSON.stringify(run.lines.map(({ text }) => text))).not.toContain('nobody may hear')
      expect(unexpected).toHaveLength(1)
    }
  })

  test('of the whole flow ends it as a timeout', async () => {
    const { run } = await tryRun([{ acts: [{ do: 'hang' }] }], { more: { timeoutSeconds: 1 } })
    expect(run).toMatchObject({ status: TIMEOUT, message: 'Step 1, S1: The time of the whole flow was over' })
  })
})

test.each([
  ['cancelled', CANCELLED],
  ['interrupted', INTERRUPTED],
] as const)('%s: the step and the run', async (why, status) => {
  const { run } = await tryRun([{ acts: [{ do: 'hang' }] }, { acts: [answer] }], {
    during: (abort) => setTimeout(() => abort.abort(why), 100),
  })
  expect(run.status).toBe(status)
  expect(statuses(run)).toEqual([status, SKIPPED])
  const waiting = await tryRun([{ acts: [refuse], more: { retryDelaySeconds: 60 } }, { acts: [answer] }], {
    during: (abort) => setTimeout(() => abort.abort(why), 100),
  })
  expect(statuses(waiting.run)).toEqual([status, SKIPPED])
  const before = await tryRun([{ acts: [answer] }], { during: (abort) => abort.abort(why) })
  expect(before.run.status).toBe(status)
  expect(before.scripted.asked.size).toBe(0)
})

test('waits longer after each attempt, at least as long as the target asks, and never beyond the end of the flow', () => {
  const run = { signal: new AbortController().signal, flowDeadlineMs: performance.now() + 3_000_000, random: () => 0.5 }
  const failure = { retry: 'always', retryAfterMs: 0 } as never
  const step = { retryCount: 9, retryDelaySeconds: 0.5 }
  const delays = [1, 2, 3, 4].map((attempt) => delayBefore(run, step, attempt, { outcome: 'failed', failure }))
  expect(delays).toEqual([500, 1000, 2000, 4000])
  expect(delayBefore({ ...run, random: () => 0 }, step, 1, { outcome: 'failed', failure })).toBe(400)
  expect(
    delayBefore(run, step, 1, { outcome: 'failed', failure: { retry: 'asked', retryAfterMs: 7000 } as never }),
  ).toBe(7000)
  expect(delayBefore(run, step, 10, { outcome: 'failed', failure })).toBeNull()
  expect(delayBefore(run, step, 1, { outcome: 'failed', failure: { retry: 'never' } as never })).toBeNull()
  expect(delayBefore(run, step, 1, { outcome: 'flow_timeout', failure })).toBeNull()
  expect(delayBefore({ ...run, flowDeadlineMs: 0 }, step, 1, { outcome: 'failed', failure })).toBeNull()
  expect(delayBefore(run, { retryDelaySeconds: 600 }, 3, { outcome: 'failed', failure })).toBe(600_000)
})

const act = fc.oneof(
  { weight: 4, arbitrary: fc.constant(answer) },
  fc.constant(wrong),
  fc.constant(refuse),
  fc.constant<Act>({ do: 'fail', retry: 'never' }),
  fc.constant<Act>({ do: 'fail', retry: 'asked' }),
  fc.constant<Act>({ do: 'throw' }),
  fc.integer({ min: 0, max: 8 }).map((afterMs): Act => ({ do: 'answer', afterMs })),
  fc.constant<Act>({ do: 'hang' }),
)
const script = fc.record({
  acts: fc.array(act, { minLength: 1, maxLength: 4 }),
  retryCount: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
})

test('whatever checks do, events tell one story that ends', async () => {
  const scenario = fc.record({
    scripts: fc.array(script, { minLength: 1, maxLength: 5 }),
    cancelAfterMs: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
    failures: fc.array(fc.boolean(), { maxLength: 6 }),
  })
  await fc.assert(
    fc.asyncProperty(scenario, async ({ scripts, cancelAfterMs, failures }) => {
      const left = [...failures]
      const steps = scripts.map(({ acts, retryCount }) => ({
        acts,
        configuration: is200,
        more: { timeoutSeconds: 0.1, ...(retryCount === undefined ? {} : { retryCount }) },
      }))
      const { events, run, scripted } = await tryRun(steps, {
        during: (abort) => {
          if (cancelAfterMs !== undefined) setTimeout(() => abort.abort('cancelled'), cancelAfterMs)
        },
        publish: async () => {
          if (left.shift()) throw new Error('the bus is away')
        },
      })
      assertStory(events, run)
      expect(scripted.atOnce.most).toBeLessThanOrEqual(1)
    }),
    { numRuns: 60 },
  )
})

/** What holds for every run that was ever told. */
function assertStory(events: readonly RunEvent[], run: RunEvent): void {
  expect(events.map(({ revision }) => revision)).toEqual(events.map((_, index) => index + 1))
  expect(events.filter(({ endMs }) => endMs > 0n)).toEqual([run])
  const done = run.steps.filter(({ status }) => status === SUCCESS).length
  const rest = run.steps.slice(done)
  if (run.status === SUCCESS) expect(rest).toEqual([])
  else {
    const [first, ...others] = rest.map(({ status }) => status)
    expect([run.status, SKIPPED]).toContain(first)
    expect(others.every((status) => status === SKIPPED)).toBe(true)
  }
  for (const step of run.steps) {
    expect(step.attempts).toHaveLength(step.status === SKIPPED ? 0 : step.attempt)
    if (step.endMs > 0n)
      expect(step.endMs >= step.startMs && step.startMs >= run.startMs && run.endMs >= step.endMs).toBe(true)
  }
  const folded = events.reduce<Run | null>((before, event) => foldRun(before, event), null)
  expect(folded!.event).toEqual(run)
  const untilLast = events.slice(0, -1).reduce<Run | null>((before, event) => foldRun(before, event), null)
  const texts = run.lines.map(({ text }) => text)
  if (untilLast !== null)
    expect(texts.slice(0, untilLast.event.lines.length)).toEqual(untilLast.event.lines.map(({ text }) => text))
  expect(JSON.stringify(events, (_, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
    'hunter2',
  )
}
