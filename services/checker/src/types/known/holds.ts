import type { Assertion } from '@driftline/checks/types/parts'
import type { CheckAnswer } from '../../check-type.ts'

/** Whether nothing is wrong by itself and every fact that an assertion is about is there. */
export async function holds(answer: CheckAnswer, assertions: readonly Assertion[]): Promise<boolean> {
  const about = new Set(assertions.map(({ of }) => of))
  if (answer.faults?.some(({ of }) => !about.has(of))) return false
  for (const { of, path, is } of assertions) {
    if (is !== 'missing' && (await answer.fact(of, path)) === undefined) return false
  }
  return true
}
