import { create } from '@bufbuild/protobuf'
import { foldRun, hasEnded } from '@driftline/checks/run-model'
import { type RunEvent, RunEventSchema, RunStatus } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import { createBinder } from '../queries/log-search.ts'
import { mergeRuns } from './check-reader.ts'
import { changesBetween, checkOf } from './check-views.ts'
import { compared, scoreOf } from './figure-routes.ts'
import { createRunBoard, overlay } from './run-board.ts'
import { hasTerms, readRunTerms, termConditions, wordsOf } from './run-words.ts'

type Init = Omit<Partial<RunEvent>, '$typeName' | 'steps' | 'lines'> & { steps?: object[]; lines?: object[] }
const event = (run: string, init: Init = {}): RunEvent =>
  create(RunEventSchema, {
    tenant: 'default',
    process: 'flow:a',
    run,
    revision: 1,
    requestedMs: 1000n,
    status: RunStatus.RUNNING,
    ...init,
  })
const ended = (run: string, requestedMs: number, init: Init = {}): RunEvent =>
  event(run, {
    revision: 9,
    status: RunStatus.SUCCESS,
    requestedMs: BigInt(requestedMs),
    endMs: BigInt(requestedMs + 1),
    ...init,
  })

describe('a page of the store with what is live', () => {
  const page = { search: { terms: [] }, after: null, limit: 2 }
  const ids = (runs: readonly RunEvent[]): string[] => runs.map(({ run }) => run)

  it('is newest first, and has each run once in its newest state', () => {
    const stored = { runs: [ended('b', 2000), ended('a', 1000)], readTo: null }
    const merged = mergeRuns(stored, [event('c', { requestedMs: 3000n }), event('b', { requestedMs: 2000n })], page)
    expect(ids(merged.runs)).toEqual(['c', 'b'])
    expect(merged.runs[1]?.status).toBe(RunStatus.SUCCESS)
    expect(merged.next).toEqual({ requestedMs: 2000, id: 'b' })
  })

  it('leaves out what lies behind the page, or before it', () => {
    const stored = { runs: [ended('d', 4000), ended('c', 3000)], readTo: { requestedMs: 3000, id: 'c' } }
    const after = { requestedMs: 5000, id: 'e' }
    const merged = mergeRuns(stored, [ended('f', 6000), ended('a', 1000)], { ...page, after })
    expect(ids(merged.runs)).toEqual(['d', 'c'])
    expect(merged.next).toEqual({ requestedMs: 3000, id: 'c' })
  })

  it('takes away what no longer fits', () => {
    const stored = { runs: [ended('a', 1000, { status: RunStatus.INTERRUPTED })], readTo: null }
    const search = { status: ['interrupted'], terms: [] }
    expect(mergeRuns(stored, [ended('a', 1000, { revision: 10 })], { ...page, search }).runs).toEqual([])
  })
})

describe('the board', () => {
  it('forgets what ended long ago, and the oldest ended first when there is too much', () => {
    const board = createRunBoard({ runsMax: 2, bytesMax: 1000, endedKeptMs: 100 })
    board.take(ended('a', 1), 10, 0)
    board.take(event('b'), 10, 1)
    board.take(ended('c', 1), 10, 2)
    expect([...board.of('default')].map(({ run }) => run.event.run)).toEqual(['b', 'c'])
    board.take(event('d'), 995, 3)
    expect([...board.of('default')].map(({ run }) => run.event.run)).toEqual(['d'])
    board.take(ended('d', 1), 10, 4)
    board.forgetEnded(50)
    expect(board.get('default', 'd')).not.toBeNull()
    board.forgetEnded(104)
    expect(board.get('default', 'd')).toBeNull()
    expect([...board.of('other')]).toEqual([])
  })

  it('tells what was repeated or came late to nobody', () => {
    const board = createRunBoard()
    const told: number[] = []
    board.follow(({ after }) => told.push(after.revision))
    board.take(event('a'), 1, 0)
    board.take(ended('a', 1), 1, 0)
    board.take(ended('a', 1), 1, 0)
    board.take(event('a', { revision: 3 }), 1, 0)
    expect(told).toEqual([1, 9])
  })

  it('puts together a beginning from elsewhere and what was heard', () => {
    const whole = foldRun(
      null,
      event('a', { revision: 4, lines: [{ text: 'one' }], steps: [{ number: 1, attempt: 1 }] }),
    )
    const begun = foldRun(null, event('a', { revision: 4, lines: [{ text: 'one' }] }))
    const heard = foldRun(
      begun,
      event('a', { revision: 5, lines: [{ text: 'two' }], steps: [{ number: 2, attempt: 3 }] }),
    )
    const { event: both } = overlay(whole, heard)
    expect(both.lines.map(({ text }) => text)).toEqual(['one', 'two'])
    expect(both.steps.map(({ number, attempt }) => [number, attempt])).toEqual([
      [1, 1],
      [2, 3],
    ])
    expect(hasEnded(overlay(whole, foldRun(heard, ended('a', 1))))).toBe(true)
  })
})

describe('a check', () => {
  it('says what is not known as null, and times in milliseconds', () => {
    const check = checkOf(event('a', { steps: [{ number: 1, status: RunStatus.SKIPPED, result: 'not JSON' }] }))
    expect(check).toMatchObject({ startTime: null, endTime: null, executionTime: null, message: null })
    expect(check.steps[0]).toMatchObject({ status: 'skipped', resultData: null, timestamp: null, errorMessage: null })
  })

  it('changes by what is other only', () => {
    const before = event('a', { steps: [{ number: 1 }, { number: 2 }], lines: [{ text: 'one' }] })
    const after = event('a', {
      currentStep: 2,
      steps: [{ number: 1 }, { number: 2, attempt: 1 }],
      lines: [{ text: 'one' }, { text: 'two' }],
    })
    expect(changesBetween(before, after)).toMatchObject({
      check: { currentStep: 2 },
      steps: [{ stepNumber: 2 }],
      lines: [{ text: 'two' }],
    })
    expect(changesBetween(before, before)).toBeNull()
  })

  it('is compared by the keys of its steps', () => {
    const step = (number: number, key: string, executionTime: number) => ({
      number,
      key,
      name: key,
      startMs: 1n,
      endMs: 2n,
      executionTime,
    })
    const a = ended('a', 1, { steps: [step(1, 'login', 0.1), step(2, 'gone', 1)] })
    const b = ended('b', 1, { steps: [step(1, 'new', 0.3), step(2, 'login', 0.2)] })
    expect(compared(a, b, []).steps).toMatchObject([
      { name: 'new', a: null, differenceMs: null },
      { name: 'login', differenceMs: 100, ratio: 2, normal: null },
      { name: 'gone', b: null },
    ])
  })
})

describe('a search among runs', () => {
  const words = wordsOf(
    event('a', {
      message: 'Step 2: status was 503',
      initiatedByName: 'Ägypten',
      steps: [
        {
          number: 1,
          values: [
            { name: 'invoice', value: 'INV-1047' },
            { name: 'token', value: '•••', secret: true },
          ],
        },
      ],
    }),
  )
  it.each([
    ['', true],
    ['STATUS 503', true],
    ['"status was"', true],
    ['"was status"', false],
    ['inv-1047', true],
    ['inv-104', false],
    ['nv-104*', true],
    ['-503', false],
    ['-504', true],
    ['ägypten', true],
    ['•••', false],
  ])('%s is there: %s', (text, found) => {
    expect(hasTerms(words, readRunTerms(text))).toBe(found)
  })

  it('binds what somebody typed', () => {
    const bind = createBinder('p')
    const [condition] = termConditions(readRunTerms(`"x') OR 1=1"`), bind)
    expect(condition).not.toContain('OR')
    expect(Object.values(bind.parameters)).toContain(`x') or 1=1`)
  })
})

it('a step is as far from normal as its usual spread says, which is never nothing', () => {
  expect(scoreOf(0.3, { median: 0.1, spread: 0.02 })).toBe(10)
  expect(scoreOf(0.101, { median: 0.1, spread: 0 })).toBe(0.2)
})
