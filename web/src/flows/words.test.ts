import { describe, expect, it } from 'vitest'
import type { CheckStep, FlowStep, GridRun, LastRun, RunStatus } from '../api/flow-types.ts'
import { createFormat } from '../format.ts'
import {
  attemptHead,
  attemptWords,
  factsOf,
  failureOf,
  failuresWords,
  findingOf,
  openAttempt,
  stepTimeText,
  usualTime,
} from './words.ts'

const format = createFormat('en', 'UTC')
const step = (some: Partial<CheckStep>): CheckStep => ({
  stepNumber: 4,
  key: 'ledger',
  name: 'Posted to ledger',
  checkType: 'rest',
  target: '',
  status: 'running',
  attempt: 1,
  attemptsMax: 3,
  startTime: '2026-01-01T00:00:00Z',
  endTime: null,
  timestamp: null,
  executionTime: null,
  reason: null,
  errorMessage: null,
  hint: null,
  resultData: null,
  values: [],
  attempts: [],
  hasEvidence: false,
  ...some,
})
const attempt = (number: number, status: RunStatus, errorMessage = '', executionTime: number | null = 2900) => ({
  attempt: number,
  status,
  startTime: `2026-01-01T00:00:0${number}Z`,
  executionTime,
  reason: 'status_unexpected',
  errorMessage,
})

it.each([
  [640, '0.64 s'],
  [6870, '6.87 s'],
  [4.2, '0.004 s'],
  [41_230, '41.2 s'],
  [144_000, '2 min 24 s'],
  [null, '–'],
])('%s ms is %s', (ms, words) => expect(stepTimeText(ms, format)).toBe(words))

it.each([
  [3100, '3.1'],
  [600, '0.6'],
  [83, '0.083'],
  [80, '0.08'],
  [12_400, '12'],
  [0, '0'],
])('%s ms is usually %s s', (ms, words) => expect(usualTime(ms, format)).toEqual({ value: words, unit: 's' }))

describe('attempts', () => {
  it('says which one it is, where there may be several', () => {
    expect(attemptHead(step({ attempt: 2 }))).toBe('Attempt 2 of 3')
    expect(attemptHead(step({ attemptsMax: 1 }))).toBe('Waiting for an answer')
  })
  it('says what became of those before', () => {
    const running = step({
      attempt: 2,
      attempts: [attempt(1, 'failed', 'status was 503, expected 200'), attempt(2, 'running')],
    })
    expect(attemptWords(running, format)).toEqual([
      'Attempt 1: status was 503, expected 200, after 2.90 s, tried again',
    ])
    expect(openAttempt(running)).toEqual({ number: 2, startTime: '2026-01-01T00:00:02Z' })
  })
  it('knows that it waits between two', () => {
    expect(openAttempt(step({ attempt: 1, attempts: [attempt(1, 'failed', 'no')] }))).toBeNull()
    expect(openAttempt(step({}))).toEqual({ number: 1, startTime: '2026-01-01T00:00:00Z' })
    expect(openAttempt(step({ status: 'success' }))).toBeNull()
  })
  it('falls back to the reason', () =>
    expect(attemptWords(step({ status: 'failed', attempts: [attempt(1, 'failed')] }), format)[0]).toBe(
      'Attempt 1: status unexpected, after 2.90 s',
    ))
})

describe('failures', () => {
  it('always say what failed and what to try next', () => {
    for (const status of ['failed', 'timeout', 'cancelled', 'skipped', 'interrupted'] as const) {
      const said = failureOf(step({ status, reason: 'timeout' }))
      expect(said?.what).not.toBe('')
      expect(said?.next).not.toBe('')
    }
    expect(failureOf(step({ status: 'failed', errorMessage: 'status was 503', hint: 'Look at the ledger' }))).toEqual({
      what: 'status was 503',
      next: 'Look at the ledger',
    })
  })
  it('are none while it goes well', () =>
    expect([step({}), step({ status: 'success' }), step({ status: 'pending' })].map(failureOf)).toEqual([
      null,
      null,
      null,
    ]))
  it.each([
    [['success', 'failed', 'success'], '1 of the last 3 runs failed.'],
    [['success', 'success'], 'All of the last 2 runs succeeded.'],
    [['failed', 'timeout'], 'All of the last 2 runs failed.'],
    [['success', 'cancelled'], 'The only run so far succeeded.'],
    [['running'], ''],
  ] as const)('%s: %s', (statuses, words) => expect(failuresWords(statuses.map((status) => ({ status })))).toBe(words))
})

describe('the finding', () => {
  const usual: FlowStep = {
    stepNumber: 1,
    key: 'ledger',
    name: 'Post to ledger',
    normal: { median: 3100, spread: 150, count: 60 },
    score: 4.6,
    drift: null,
  }
  const run = (executionTime: number): GridRun => ({
    checkId: String(executionTime),
    startTime: null,
    status: 'success',
    steps: [{ status: 'success', executionTime, overNormal: true }],
  })
  const last = (status: RunStatus, message = ''): LastRun => ({
    checkId: 'c',
    status,
    startTime: null,
    endTime: null,
    executionTime: 7800,
    trigger: 'button',
    initiatedBy: 'someone',
    message,
  })
  const said = (some: Partial<Parameters<typeof findingOf>[0]>) =>
    findingOf({ steps: [], runs: [], lastRun: null, open: null, reason: null, ...some }, format)
      .map((phrase) => phrase.text)
      .join('')

  it('names the step that is slow, with both numbers', () =>
    expect(said({ steps: [usual], runs: [run(4100), run(4100)], lastRun: last('success') })).toBe(
      'Step 1, post to ledger, takes 4.1 s where 3.1 s is normal (32 % slower). All of the last 2 runs succeeded.',
    ))
  it('says what the last run took where the middle of several hides it', () =>
    expect(
      said({ steps: [usual], runs: [run(3100), run(3100), run(3100), run(6200)], lastRun: last('success') }),
    ).toContain('took 6.2 s where 3.1 s is normal (100 % slower)'))
  it('says a failure before it says what is slow', () =>
    expect(said({ steps: [usual], runs: [run(4100)], lastRun: last('failed', 'status was 503, expected 200') })).toBe(
      'The last run failed: status was 503, expected 200. The only run so far succeeded.',
    ))
  it('says that all is well, and that nothing was run', () => {
    expect(said({ lastRun: last('success'), runs: [run(1), run(2)] })).toBe(
      'The last run succeeded in 7.80 s. All of the last 2 runs succeeded.',
    )
    expect(said({})).toBe('It was never run. Check runs it once, now.')
    expect(said({ open: { since: '' } })).toBe('Its first run is on the way.')
  })
  it('says the anomaly where no step stands out', () =>
    expect(said({ reason: 'success rate fell to 40 %', lastRun: last('success') })).toBe('success rate fell to 40 %.'))
})

it('says facts in one line', () =>
  expect(factsOf({ category: 'Finance', owner: 'finance-ops', stepCount: 7, schedule: 'every minute' })).toBe(
    'Finance, 7 steps, every minute, owner finance-ops',
  ))
