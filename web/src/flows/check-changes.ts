import type { Check, CheckChanges, CheckLine, RunStatus } from '../api/flow-types.ts'

const linesMax = 600
const ended: readonly RunStatus[] = ['success', 'failed', 'timeout', 'cancelled', 'skipped', 'interrupted']

export const hasEnded = (status: RunStatus): boolean => ended.includes(status)

const lineKey = (line: CheckLine): string =>
  `${line.stepNumber} ${line.attempt} ${line.time} ${line.elapsed} ${line.text}`

/** Lines that are not there yet, behind those that are; what was said twice by a snapshot and a change stands once. */
function withLines(lines: readonly CheckLine[], added: readonly CheckLine[]): readonly CheckLine[] {
  const known = new Set(lines.slice(-100).map(lineKey))
  const fresh = added.filter((line) => !known.has(lineKey(line)))
  return fresh.length === 0 ? lines : [...lines, ...fresh].slice(-linesMax)
}

/** The check after a change. Steps keep their place and what did not change stays the same object. */
export function withChanges(check: Check, changes: CheckChanges): Check {
  const changed = new Map((changes.steps ?? []).map((step) => [step.stepNumber, step]))
  const known = new Set(check.steps.map((step) => step.stepNumber))
  const steps =
    changed.size === 0
      ? check.steps
      : [
          ...check.steps.map((step) => changed.get(step.stepNumber) ?? step),
          ...[...changed.values()].filter((step) => !known.has(step.stepNumber)),
        ].sort((a, b) => a.stepNumber - b.stepNumber)
  return { ...check, ...changes.check, steps, lines: withLines(check.lines, changes.lines ?? []) }
}
