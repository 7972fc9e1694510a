import { describe, expect, it } from 'vitest'
import type { Check, CheckStep, GridRun, RunStatus } from '../api/flow-types.ts'
import { hasEnded, withChanges } from './check-changes.ts'
import { isOverNormal, markOf, rowWords, withCheck } from './grid.ts'

const step = (stepNumber: number, status: RunStatus, executionTime: number | null = null): CheckStep => ({
  stepNumber,
  key: `s${stepNumber}`,
  name: `Step ${stepNumber}`,
  checkType: 'rest',
  target: '',
  status,
  attempt: 1,
  attemptsMax: 1,
  startTime: null,
  endTime: null,
  timestamp: null,
  executionTime,
  reason: null,
  errorMessage: null,
  hint: null,
  resultData: null,
  values: [],
  attempts: [],
  hasEvidence: false,
})
const check = (checkId: string, startTime: string, steps: CheckStep[]): Check => ({
  checkId,
  processId: 'flow:a',
  processName: 'a',
  flowVersion: 1,
  trigger: 'button',
  initiatedBy: 'someone',
  requestedTime: startTime,
  startTime,
  endTime: null,
  executionTime: null,
  overallStatus: 'running',
  currentStep: 1,
  stepCount: steps.length,
  message: null,
  steps,
  lines: [],
})
const run = (checkId: string, startTime: string): GridRun => ({
  checkId,
  startTime,
  status: 'success',
  steps: [{ status: 'success', executionTime: 10, overNormal: false }],
})

describe('marks', () => {
  it.each([
    ['success', false, 'success'],
    ['success', true, 'slow'],
    ['failed', true, 'failed'],
    ['timeout', false, 'failed'],
    ['running', false, 'running'],
    ['pending', false, 'none'],
    ['skipped', false, 'none'],
    ['cancelled', false, 'none'],
  ] as const)('%s, over normal %s: %s', (status, overNormal, mark) => expect(markOf({ status, overNormal })).toBe(mark))

  it('has a step that a run never had as not reached', () => expect(markOf(undefined)).toBe('none'))

  it('knows what is slow', () => {
    expect(isOverNormal(130, { median: 100, spread: 10 })).toBe(true)
    expect(isOverNormal(120, { median: 100, spread: 10 })).toBe(false)
    expect(isOverNormal(105, { median: 100, spread: 0 })).toBe(false)
    expect(isOverNormal(null, { median: 100, spread: 10 })).toBe(false)
    expect(isOverNormal(500, { median: null, spread: null })).toBe(false)
  })
  it('says a row in words', () =>
    expect(rowWords('1. Sign in', ['success', 'success', 'failed'])).toBe('1. Sign in: 2 success, 1 failed'))
})

describe('the run on the screen among the last ones', () => {
  const runs = [run('a', '2026-01-01T00:00:00Z'), run('b', '2026-01-01T00:01:00Z')]
  it('stands last while it is the newest', () => {
    const all = withCheck(runs, check('c', '2026-01-01T00:02:00Z', [step(1, 'running')]), new Map(), 2)
    expect(all.map((one) => one.checkId)).toEqual(['b', 'c'])
    expect(all[1]?.steps[0]?.status).toBe('running')
  })
  it('replaces its own column', () => {
    const slow = check('a', '2026-01-01T00:00:00Z', [step(1, 'success', 900)])
    const all = withCheck(runs, slow, new Map([[1, { median: 100, spread: 5 }]]), 60)
    expect(all.map((one) => one.checkId)).toEqual(['a', 'b'])
    expect(all[0]?.steps[0]?.overNormal).toBe(true)
  })
  it('adds nothing that is older than the list', () =>
    expect(withCheck(runs, check('old', '2025-01-01T00:00:00Z', []), new Map(), 60)).toBe(runs))
})

describe('changes of a check', () => {
  const before = check('a', '2026-01-01T00:00:00Z', [step(1, 'running'), step(2, 'pending')])
  const line = {
    stepNumber: 1,
    attempt: 1,
    time: '2026-01-01T00:00:00Z',
    elapsed: 5,
    level: 'info',
    text: 'x',
  } as const

  it('replace steps, extend lines and set fields', () => {
    const after = withChanges(before, {
      check: { currentStep: 2 },
      steps: [step(1, 'success', 12), step(2, 'running')],
      lines: [line],
    })
    expect(after.currentStep).toBe(2)
    expect(after.steps.map((one) => one.status)).toEqual(['success', 'running'])
    expect(after.lines).toEqual([line])
    expect(withChanges(after, { lines: [line] }).lines).toBe(after.lines)
  })
  it('leave what did not change as it is', () => {
    const after = withChanges(before, { steps: [step(2, 'running')] })
    expect(after.steps[0]).toBe(before.steps[0])
    expect(withChanges(before, {}).steps).toBe(before.steps)
  })
  it('take steps that were not known, in order', () =>
    expect(
      withChanges(check('a', '', []), { steps: [step(2, 'pending'), step(1, 'running')] }).steps.map(
        (one) => one.stepNumber,
      ),
    ).toEqual([1, 2]))
  it('keep a bounded number of lines', () => {
    const lines = Array.from({ length: 700 }, (_, at) => ({ ...line, elapsed: at }))
    expect(withChanges(before, { lines }).lines).toHaveLength(600)
  })
  it('know which statuses are the end', () => {
    expect(['pending', 'running'].some((status) => hasEnded(status as RunStatus))).toBe(false)
    expect(['success', 'failed', 'timeout', 'cancelled', 'interrupted'].every((s) => hasEnded(s as RunStatus))).toBe(
      true,
    )
  })
})
