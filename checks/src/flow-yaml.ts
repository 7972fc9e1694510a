import { type Document, isNode, LineCounter, parseDocument, stringify } from 'yaml'
import type { FlowDefinition } from './flow-definition.ts'
import { type FlowProblem, readFlow } from './read-flow.ts'

/** A problem, and the line of the text that it is about, from 1, where there is one. */
export interface FlowYamlProblem extends FlowProblem {
  readonly line?: number
}

export type ReadFlowYaml =
  | { readonly ok: true; readonly definition: FlowDefinition }
  | { readonly ok: false; readonly problems: readonly FlowYamlProblem[] }

export type ReadFlowsYaml =
  | { readonly ok: true; readonly definitions: readonly FlowDefinition[] }
  | { readonly ok: false; readonly problems: readonly FlowYamlProblem[] }

const CHARACTERS_MAX = 1024 * 1024
const ALIASES_MAX = 50
const FLOWS_MAX = 1000

/** Reads one flow. A document of several is refused: `readFlowsYaml` takes those. */
export function readFlowYaml(text: string): ReadFlowYaml {
  const parsed = parse(text)
  if (!parsed.ok) return parsed
  const read = readFlow(parsed.value)
  return read.ok ? read : { ok: false, problems: withLines(parsed, read.problems) }
}

/** Reads a flow, or `{flows: [...]}`; all of them or none. */
export function readFlowsYaml(text: string): ReadFlowsYaml {
  const parsed = parse(text)
  if (!parsed.ok) return parsed
  const { value } = parsed
  const several = value !== null && typeof value === 'object' && 'flows' in value ? value.flows : null
  if (several === null) {
    const read = readFlow(value)
    return read.ok
      ? { ok: true, definitions: [read.definition] }
      : { ok: false, problems: withLines(parsed, read.problems) }
  }
  if (!Array.isArray(several) || several.length > FLOWS_MAX) {
    return { ok: false, problems: [{ path: 'flows', message: `must be a list of at most ${FLOWS_MAX} flows` }] }
  }
  const outcomes = several.map(readFlow)
  const problems = outcomes.flatMap((read, index) =>
    read.ok ? [] : read.problems.map(({ path, message }) => ({ path: `flows.${index}.${path}`, message })),
  )
  if (problems.length > 0) return { ok: false, problems: withLines(parsed, problems) }
  return { ok: true, definitions: outcomes.flatMap((read) => (read.ok ? [read.definition] : [])) }
}

/** A flow as people read and edit it: always in the same order, without what is as it would be anyway. */
export function writeFlowYaml(definition: FlowDefinition): string {
  return stringify(plain(definition), { lineWidth: 110 })
}

/** Several flows in one document; one alone stands by itself. */
export function writeFlowsYaml(definitions: readonly FlowDefinition[]): string {
  if (definitions.length === 1) return writeFlowYaml(definitions[0]!)
  return stringify({ flows: definitions.map(plain) }, { lineWidth: 110 })
}

function plain(flow: FlowDefinition): Record<string, unknown> {
  const { name, description, category, tags, owner, active, schedules, timeoutSeconds, steps } = flow
  return {
    name,
    ...(description !== '' && { description }),
    ...(category !== '' && { category }),
    ...(tags.length > 0 && { tags }),
    ...(owner !== '' && { owner }),
    ...(!active && { active }),
    ...(schedules.length > 0 && { schedules }),
    ...(timeoutSeconds !== 900 && { timeoutSeconds }),
    steps: steps.map((step) => ({
      stepName: step.stepName,
      ...(step.key !== undefined && { key: step.key }),
      ...(step.description !== '' && { description: step.description }),
      checkType: step.checkType,
      ...(step.timeoutSeconds !== undefined && { timeoutSeconds: step.timeoutSeconds }),
      ...(step.retryCount !== undefined && { retryCount: step.retryCount }),
      ...(step.retryDelaySeconds !== 0.5 && { retryDelaySeconds: step.retryDelaySeconds }),
      checkConfiguration: step.checkConfiguration,
    })),
  }
}

type Parsed = { readonly ok: true; readonly value: unknown; readonly document: Document; readonly lines: LineCounter }

function parse(text: string): Parsed | { readonly ok: false; readonly problems: readonly FlowYamlProblem[] } {
  const refuse = (message: string, line?: number) =>
    ({ ok: false, problems: [{ path: '', message, ...(line === undefined ? {} : { line }) }] }) as const
  if (text.length > CHARACTERS_MAX) return refuse(`is longer than ${CHARACTERS_MAX} characters`)
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' })
    const [error] = document.errors
    if (error !== undefined) return refuse(`is not YAML: ${error.message}`, lines.linePos(error.pos[0]).line)
    return { ok: true, value: document.toJS({ maxAliasCount: ALIASES_MAX }), document, lines }
  } catch (error) {
    // Too many aliases, or nesting that is deeper than the stack.
    return refuse(`is not YAML that can be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function withLines(parsed: Parsed, problems: readonly FlowProblem[]): FlowYamlProblem[] {
  return problems.map((problem) => {
    const line = lineOf(parsed, problem.path)
    return line === null ? problem : { ...problem, line }
  })
}

/** The line of the value at a path, or of the nearest thing around it. */
function lineOf({ document, lines }: Parsed, path: string): number | null {
  const parts = path === '' ? [] : path.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  for (let length = parts.length; length >= 0; length--) {
    const node = document.getIn(parts.slice(0, length), true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return null
}
