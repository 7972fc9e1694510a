import type { SealedPlace, Sealer } from '@driftline/platform/access/sealing'
import { AppError } from '@driftline/platform/errors'
import type { z } from 'zod'
import { type PollDefinition, pollConfigs } from './definitions/poll.ts'
import type { RecordRule } from './definitions/record-rule.ts'
import { definitionSchemas, type SourceKind, secretSchemas, sourceKinds } from './definitions/source.ts'
import { createRecordRules } from './record-rules.ts'

/** What is wrong with a definition, and where: the path of the field, joined by dots. */
export interface DefinitionProblem {
  readonly path: string
  readonly message: string
}

type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly DefinitionProblem[]; readonly message: string }

export type DefinitionOf<K extends SourceKind> = z.infer<(typeof definitionSchemas)[K]>
export type SecretsOf<K extends SourceKind> = z.infer<(typeof secretSchemas)[K]>

const isKind = (kind: string): kind is SourceKind => (sourceKinds as readonly string[]).includes(kind)

/** Validates a definition as its kind asks for, its rules included; what was left out has its default afterwards. */
export function readDefinition<K extends SourceKind>(kind: K, definition: unknown): Outcome<DefinitionOf<K>> {
  if (!isKind(kind)) return wrong([{ path: 'kind', message: `must be one of ${sourceKinds.join(', ')}` }])
  const parsed = definitionSchemas[kind].safeParse(definition)
  if (!parsed.success) return wrong(problemsOf(parsed.error.issues, 'definition'))
  const problems = furtherProblems(kind, parsed.data)
  if (problems.length > 0) return wrong(problems)
  return { ok: true, value: parsed.data as DefinitionOf<K> }
}

/** Validates secrets that somebody typed. No message repeats a value. */
export function checkSecrets<K extends SourceKind>(kind: K, secrets: unknown): Outcome<SecretsOf<K>> {
  const parsed = secretSchemas[kind].safeParse(secrets)
  if (!parsed.success) return wrong(problemsOf(parsed.error.issues, 'secrets'))
  return { ok: true, value: parsed.data as SecretsOf<K> }
}

/** Where the secrets of a source are sealed to. */
export const secretsPlace = (tenant: string, id: string): SealedPlace => ({ purpose: 'source-secrets', tenant, id })

/** Opens the secrets of a stored source; `{}` when there are none. */
export function readSecrets<K extends SourceKind>(
  sealer: Sealer,
  row: { readonly tenant: string; readonly id: string; readonly kind: K; readonly sealed: string | null },
): Outcome<SecretsOf<K>> {
  if (row.sealed === null) return checkSecrets(row.kind, {})
  try {
    return checkSecrets(row.kind, JSON.parse(sealer.open(secretsPlace(row.tenant, row.id), row.sealed)))
  } catch (error) {
    const message = error instanceof AppError ? error.message : 'The secrets are not readable; type them anew'
    return wrong([{ path: 'secrets', message }])
  }
}

function wrong(problems: readonly DefinitionProblem[]): Extract<Outcome<never>, { ok: false }> {
  return { ok: false, problems, message: problems.map(({ path, message }) => `${path}: ${message}`).join('; ') }
}

const PROBLEMS_MAX = 20

function problemsOf(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
  root: string,
): DefinitionProblem[] {
  return issues
    .slice(0, PROBLEMS_MAX)
    .map(({ path, message }) => ({ path: [root, ...path.map(String)].join('.'), message }))
}

/** What a schema cannot say. */
function furtherProblems(kind: SourceKind, definition: unknown): DefinitionProblem[] {
  const problems: DefinitionProblem[] = []
  for (const { path, rules } of rulesOf(definition)) {
    for (const problem of createRecordRules(rules).problems) {
      problems.push({ path: `${path}.${problem.index}.expression`, message: problem.message })
    }
  }
  if (kind === 'poll') problems.push(...pollProblems(definition as PollDefinition))
  if (kind === 'syslog') {
    const { udpPort, tcpPort } = definition as { udpPort?: number; tcpPort?: number }
    if (udpPort === undefined && tcpPort === undefined) {
      problems.push({ path: 'definition', message: 'Set udpPort or tcpPort, or both' })
    }
  }
  if (kind === 'file') {
    const { paths } = definition as { paths: readonly string[] }
    for (const [index, path] of paths.entries()) {
      if (!path.startsWith('/')) {
        problems.push({ path: `definition.paths.${index}`, message: 'must be absolute: begin with /' })
      }
    }
  }
  return problems
}

/** What is polled has the configuration of its type, and JSON says where its numbers are. */
function pollProblems({ type, checkConfiguration, metrics, rows }: PollDefinition): DefinitionProblem[] {
  const parsed = pollConfigs[type].safeParse(checkConfiguration)
  const problems = parsed.success ? [] : problemsOf(parsed.error.issues, 'definition.checkConfiguration')
  if (type !== 'prometheus' && metrics.length === 0) {
    problems.push({ path: 'definition.metrics', message: 'Name at least one number that becomes a metric' })
  }
  if (rows !== undefined && type !== 'rest' && type !== 'graphql') {
    problems.push({ path: 'definition.rows', message: 'Only JSON answers have rows to be found; leave it out' })
  }
  return problems
}

interface RulesAt {
  readonly path: string
  readonly rules: readonly RecordRule[]
}

/** Rules stand in each mapping of a broker, in how lines are read, or in the definition itself. */
function rulesOf(definition: unknown): RulesAt[] {
  const { rules, reading, mappings } = definition as {
    readonly rules?: readonly RecordRule[]
    readonly reading?: { readonly rules: readonly RecordRule[] }
    readonly mappings?: readonly { readonly rules?: readonly RecordRule[] }[]
  }
  return [
    { path: 'definition.rules', rules: rules ?? [] },
    { path: 'definition.reading.rules', rules: reading?.rules ?? [] },
    ...(mappings ?? []).map((mapping, index) => ({
      path: `definition.mappings.${index}.rules`,
      rules: mapping.rules ?? [],
    })),
  ]
}
