import type { Check, GridRun, RunStatus } from '../api/flow-types.ts'

export type Mark = 'success' | 'slow' | 'failed' | 'running' | 'none'

/** What a step of a run is drawn as. */
export function markOf(step: { readonly status: RunStatus; readonly overNormal: boolean } | undefined): Mark {
  switch (step?.status) {
    case 'success':
      return step.overNormal ? 'slow' : 'success'
    case 'failed':
    case 'timeout':
      return 'failed'
    case 'running':
      return 'running'
    default:
      return 'none'
  }
}

export const markWords: Readonly<Record<Mark, string>> = {
  success: 'success',
  slow: 'over normal',
  failed: 'failed',
  running: 'running',
  none: 'not reached',
}

export interface NormalTime {
  readonly median: number | null
  readonly spread: number | null
}

/** Slower than usual by more than two robust standard deviations; a tenth is nothing in any case. Milliseconds. */
export function isOverNormal(executionTime: number | null, normal: NormalTime | null): boolean {
  if (executionTime === null || normal === null || normal.median === null) return false
  return executionTime > normal.median + Math.max(2 * (normal.spread ?? 0), normal.median * 0.1, 1)
}

/** The run that is on the screen takes its place among the last ones: what is live is never older than the list. */
export function withCheck(
  runs: readonly GridRun[],
  check: Check | null,
  normals: ReadonlyMap<number, NormalTime>,
  max: number,
): readonly GridRun[] {
  if (check === null) return runs
  const at = runs.findIndex((run) => run.checkId === check.checkId)
  const isNewest = runs.every(
    (run) => Date.parse(run.startTime ?? '') <= Date.parse(check.startTime ?? check.requestedTime),
  )
  if (at < 0 && !isNewest) return runs
  const stored = runs[at]
  const column: GridRun = {
    checkId: check.checkId,
    startTime: check.startTime ?? check.requestedTime,
    status: check.overallStatus,
    steps: check.steps.map((step, index) => ({
      status: step.status,
      executionTime: step.executionTime,
      overNormal:
        stored?.steps[index]?.overNormal || isOverNormal(step.executionTime, normals.get(step.stepNumber) ?? null),
    })),
  }
  return at < 0 ? [...runs, column].slice(-max) : runs.with(at, column)
}

/** How often each mark stands in a row of a grid, and in words for those who do not see it. */
export function rowWords(name: string, marks: readonly Mark[]): string {
  const counts = new Map<Mark, number>()
  for (const mark of marks) counts.set(mark, (counts.get(mark) ?? 0) + 1)
  return `${name}: ${[...counts].map(([mark, count]) => `${count} ${markWords[mark]}`).join(', ')}`
}
