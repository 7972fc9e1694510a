import type { FlowDefinition, FlowProblem, StepDefinition } from '../api/flow-types.ts'

export function newStep(checkType = 'rest'): StepDefinition {
  return { stepName: '', checkType, checkConfiguration: {} }
}

export function newDefinition(): FlowDefinition {
  return {
    name: '',
    description: '',
    category: '',
    tags: [],
    owner: '',
    active: true,
    schedules: [],
    timeoutSeconds: 900,
    steps: [newStep()],
  }
}

/** A plain copy, with what a person may leave out put in. */
export function definitionOf(flow: Partial<FlowDefinition>): FlowDefinition {
  const empty = newDefinition()
  const copy = JSON.parse(JSON.stringify(flow)) as Partial<FlowDefinition>
  return {
    name: copy.name ?? '',
    description: copy.description ?? '',
    category: copy.category ?? '',
    tags: copy.tags ?? [],
    owner: copy.owner ?? '',
    active: copy.active ?? true,
    schedules: copy.schedules ?? [],
    timeoutSeconds: copy.timeoutSeconds ?? empty.timeoutSeconds,
    steps: copy.steps ?? [],
  }
}

/** Moves an entry by so many places, within the list. */
export function moved<T>(list: readonly T[], from: number, by: number): T[] {
  const to = Math.max(0, Math.min(list.length - 1, from + by))
  const next = [...list]
  const [one] = next.splice(from, 1)
  if (one !== undefined) next.splice(to, 0, one)
  return next
}

/** A copy of a step behind it, under a name that none has; its key is made of that name. */
export function withCopy(steps: readonly StepDefinition[], at: number): StepDefinition[] {
  const one = steps[at]
  if (!one) return [...steps]
  const { key: _, ...rest } = JSON.parse(JSON.stringify(one)) as StepDefinition
  const taken = new Set(steps.map((step) => step.stepName))
  let number = 2
  while (taken.has(`${one.stepName} ${number}`)) number++
  return steps.toSpliced(at + 1, 0, { ...rest, stepName: `${one.stepName} ${number}` })
}

/** What is wrong, by the path of the field it is said at: several with the same path are one sentence. */
export function problemMap(problems: readonly FlowProblem[]): Map<string, string> {
  const map = new Map<string, string>()
  for (const { path, message } of problems) {
    const before = map.get(path)
    map.set(path, before === undefined ? message : `${before}; ${message}`)
  }
  return map
}

/** Problems of a step, by its place. */
export const problemsOfStep = (problems: readonly FlowProblem[], at: number): readonly FlowProblem[] =>
  problems.filter(({ path }) => path === `steps.${at}` || path.startsWith(`steps.${at}.`))

/** A path as people find the field: `steps.0.checkConfiguration.url` is `Step 1, url`. */
export function placeOf(path: string): string {
  if (path === '') return 'The flow'
  const [first, at, ...rest] = path.split('.')
  if (first === 'steps' && at !== undefined)
    return [`Step ${Number(at) + 1}`, rest.filter((part) => part !== 'checkConfiguration').join(' ')]
      .filter(Boolean)
      .join(', ')
  if (first === 'schedules' && at !== undefined)
    return [`Schedule ${Number(at) + 1}`, rest.join(' ')].filter(Boolean).join(', ')
  return path.replaceAll('.', ' ')
}
