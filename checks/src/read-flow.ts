import { RE2JS } from 're2js'
import type { z } from 'zod'
import { type FlowDefinition, flowDefinition, type StepDefinition, stepKey } from './flow-definition.ts'
import { scheduleProblem } from './schedules.ts'
import { credentialField, stepValueName, templateNames, templateReferences } from './templates.ts'
import { checkTypes } from './types/check-types.ts'
import type { Assertion, Extraction } from './types/parts.ts'

/** What is wrong and where: `steps.0.checkConfiguration.url`. */
export interface FlowProblem {
  readonly path: string
  readonly message: string
}

export type ReadFlow =
  | { readonly ok: true; readonly definition: FlowDefinition }
  | { readonly ok: false; readonly problems: readonly FlowProblem[] }

const PROBLEMS_MAX = 100
const DEFINITION_BYTES_MAX = 1024 * 1024
const DEPTH_MAX = 50
/** Instructions of a compiled pattern: its time per character grows with them and with nothing else. */
const PATTERN_SIZE_MAX = 1000
const HTTP_TYPES: readonly string[] = ['rest', 'graphql', 'web_page', 'web_browser']

/**
 * Reads a flow as somebody wrote it, and says all that is wrong with it: its shape, the configuration of each step by
 * its type, keys, templates, facts, patterns, schedules. Configurations are stored as written, without defaults.
 */
export function readFlow(input: unknown): ReadFlow {
  const unusable = unusableTexts(input)
  if (unusable.length > 0) return refuse(unusable)
  const parsed = flowDefinition.safeParse(input)
  if (!parsed.success) return refuse(problemsOf(parsed.error))
  const definition = parsed.data
  const problems = [...scheduleProblems(definition), ...keyProblems(definition)]
  const known: KnownValues = new Map()
  definition.steps.forEach((step, index) => {
    problems.push(...stepProblems(step, `steps.${index}.checkConfiguration`, known))
    known.set(stepKey(step, index + 1), extractedNames(step))
  })
  if (problems.length === 0 && Buffer.byteLength(JSON.stringify(definition)) > DEFINITION_BYTES_MAX) {
    problems.push({ path: '', message: `is larger than ${DEFINITION_BYTES_MAX} bytes` })
  }
  return problems.length > 0 ? refuse(problems) : { ok: true, definition }
}

const refuse = (problems: readonly FlowProblem[]): ReadFlow => ({
  ok: false,
  problems: problems.slice(0, PROBLEMS_MAX),
})

/** Names that each earlier step extracts, by its key. */
type KnownValues = Map<string, ReadonlySet<string>>
type Values = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Values =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

const join = (path: string, ...more: readonly PropertyKey[]): string =>
  [path, ...more.map(String)].filter((part) => part !== '').join('.')

/** Of the shapes that a value may have, the one that it comes closest to is spoken of. */
function problemsOf(error: z.core.$ZodError, path = ''): FlowProblem[] {
  return error.issues.flatMap((issue) => issueProblems(issue, path))
}

function issueProblems(issue: z.core.$ZodIssue, path: string): FlowProblem[] {
  const at = join(path, ...issue.path)
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const [closest] = [...issue.errors].sort((a, b) => a.length - b.length)
    return closest!.flatMap((each) => issueProblems(each, at))
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: join(at, key), message: 'There is no such field' }))
  }
  return [{ path: at, message: issue.message }]
}

/** What no database holds, and what is nested so deeply that nobody wrote it by hand. */
function unusableTexts(value: unknown, path = '', depth = 0): FlowProblem[] {
  if (typeof value === 'string') return isUsable(value) ? [] : [{ path, message: 'holds a character that is none' }]
  if (value === null || typeof value !== 'object') return []
  if (depth > DEPTH_MAX) return [{ path, message: `is nested deeper than ${DEPTH_MAX} levels` }]
  return Object.entries(value).flatMap(([key, each]) => {
    const at = join(path, key)
    return isUsable(key) ? unusableTexts(each, at, depth + 1) : [{ path, message: 'has a name that is none' }]
  })
}

const isUsable = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text)

function scheduleProblems({ schedules }: FlowDefinition): FlowProblem[] {
  return schedules.flatMap((schedule, index) => {
    const problem = scheduleProblem(schedule)
    return problem === null ? [] : [{ path: `schedules.${index}.${problem.path}`, message: problem.message }]
  })
}

function keyProblems({ steps }: FlowDefinition): FlowProblem[] {
  const seen = new Map<string, number>()
  return steps.flatMap((step, index) => {
    const key = stepKey(step, index + 1)
    const before = seen.get(key)
    seen.set(key, before ?? index)
    if (before === undefined) return []
    const path = `steps.${index}.${step.key === undefined ? 'stepName' : 'key'}`
    return [{ path, message: `gives the key ${key}, which step ${before + 1} has; give one of them another key` }]
  })
}

function extractedNames({ checkConfiguration }: StepDefinition): ReadonlySet<string> {
  return new Set(isObject(checkConfiguration.extract) ? Object.keys(checkConfiguration.extract) : [])
}

function stepProblems(step: StepDefinition, path: string, known: KnownValues): FlowProblem[] {
  const { checkType, checkConfiguration } = step
  const read = checkTypes[checkType].schema.safeParse(checkConfiguration)
  const problems = templateProblems(step, checkConfiguration, path, '', known)
  if (!read.success) return [...problemsOf(read.error, path), ...problems]
  // Every type's configuration holds what `judged` says.
  const judged = read.data as {
    readonly assertions: readonly Assertion[]
    readonly extract: Readonly<Record<string, Extraction>>
  }
  judged.assertions.forEach((each, index) => {
    problems.push(...assertionProblems(step, each, `${path}.assertions.${index}`))
  })
  for (const [name, each] of Object.entries(judged.extract)) {
    const at = `${path}.extract.${name}`
    problems.push(...factProblems(step, each.of, at))
    if (each.pattern !== undefined) problems.push(...patternProblems(each.pattern, `${at}.pattern`))
  }
  return [...problems, ...addressProblems(step, path), ...crawlProblems(step, path)]
}

function factProblems({ checkType }: StepDefinition, of: string, path: string): FlowProblem[] {
  const { facts, title } = checkTypes[checkType]
  if ((facts as readonly string[]).includes(of)) return []
  return [{ path: `${path}.of`, message: `${of} is no fact of ${title}; it has ${facts.join(', ')}` }]
}

const isScalar = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value)

function assertionProblems(step: StepDefinition, { of, is, value }: Assertion, path: string): FlowProblem[] {
  const problems = factProblems(step, of, path)
  const at = `${path}.value`
  const wrong = (message: string): FlowProblem[] => [...problems, { path: at, message }]
  if (is === 'exists' || is === 'missing') {
    return value === undefined ? problems : wrong(`${is} takes no value`)
  }
  if (value === undefined) return wrong(`${is} needs a value`)
  if (is === 'one_of') return Array.isArray(value) ? problems : wrong('one_of needs a list of values')
  if (!isScalar(value)) return wrong(`${is} takes one value`)
  if (['less_than', 'at_most', 'more_than', 'at_least'].includes(is)) {
    return isNumeric(value) ? problems : wrong(`${is} needs a number`)
  }
  if (is !== 'matches' && is !== 'not_matches') return problems
  if (typeof value !== 'string') return wrong(`${is} needs a pattern`)
  return [...problems, ...patternProblems(value, at)]
}

function isNumeric(value: unknown): boolean {
  if (typeof value === 'number') return true
  if (typeof value !== 'string') return false
  return templateReferences(value).length > 0 || (value.trim() !== '' && Number.isFinite(Number(value)))
}

/** RE2 has no look-around and no back references, and takes no longer than the text is long. */
function patternProblems(text: string, path: string): FlowProblem[] {
  if (templateReferences(text).length > 0) return []
  try {
    if (RE2JS.compile(text).programSize() <= PATTERN_SIZE_MAX) return []
    return [{ path, message: 'repeats too much: use smaller counts in braces' }]
  } catch (error) {
    return [{ path, message: `is not an RE2 pattern: ${error instanceof Error ? error.message : String(error)}` }]
  }
}

/** Addresses that templates do not make; the others are looked at when the step runs. */
function addressProblems({ checkType, checkConfiguration }: StepDefinition, path: string): FlowProblem[] {
  if (!HTTP_TYPES.includes(checkType)) return []
  const actions = Array.isArray(checkConfiguration.actions) ? checkConfiguration.actions : []
  const addresses: [string, unknown][] = [
    [`${path}.url`, checkConfiguration.url],
    ...actions.map((each, index): [string, unknown] => [
      `${path}.actions.${index}.url`,
      isObject(each) && each.do === 'goto' ? each.url : undefined,
    ]),
  ]
  return addresses.flatMap(([at, url]) => {
    const message = typeof url === 'string' ? addressProblem(url) : null
    return message === null ? [] : [{ path: at, message }]
  })
}

function addressProblem(address: string): string | null {
  if (templateReferences(address).length > 0) return null
  let url: URL
  try {
    url = new URL(address)
  } catch {
    return 'is not an address such as https://shop.example/health'
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must begin with http:// or https://'
  return url.username === '' && url.password === '' ? null : 'must not hold a user name or password: use a credential'
}

function crawlProblems({ checkType, checkConfiguration }: StepDefinition, path: string): FlowProblem[] {
  const { crawl } = checkConfiguration
  if (checkType !== 'web_page' || !isObject(crawl) || !Array.isArray(crawl.ignore)) return []
  return crawl.ignore.flatMap((each, index) => patternProblems(String(each), `${path}.crawl.ignore.${index}`))
}

/** `place` is where the text stands within the configuration: some places take other templates than the rest. */
function templateProblems(
  step: StepDefinition,
  value: unknown,
  path: string,
  place: string,
  known: KnownValues,
): FlowProblem[] {
  if (typeof value === 'string') {
    return templateReferences(value).flatMap(({ name }) => {
      const message = referenceProblem(step, name, place, known)
      return message === null ? [] : [{ path, message }]
    })
  }
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, each]) =>
    templateProblems(step, each, join(path, key), join(place, key), known),
  )
}

function referenceProblem(step: StepDefinition, name: string, place: string, known: KnownValues): string | null {
  if (step.checkType === 'sql' && place === 'query') {
    return 'takes no templates: put a placeholder in and the value into parameters'
  }
  if (credentialField(name) !== null && step.checkType === 'web_browser' && /^actions\.\d+\.value$/.test(place)) {
    return step.checkConfiguration.credential === undefined ? 'names a credential, but the step has none' : null
  }
  if ((templateNames as readonly string[]).includes(name)) return null
  const value = stepValueName(name)
  if (value === null) {
    return `{{${name}}} stands for nothing: use steps.<key>.<name> or one of ${templateNames.join(', ')}`
  }
  const names = known.get(value.key)
  if (names === undefined) return `{{${name}}}: no step before this one has the key ${value.key}`
  if (names.has(value.value)) return null
  return `{{${name}}}: step ${value.key} extracts no ${value.value}${names.size > 0 ? `, but ${[...names].join(', ')}` : ''}`
}
