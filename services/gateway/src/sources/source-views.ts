import { readDefinition } from '@driftline/ingest/source-definition'
import { readSourceStatus, type SourceStatusRow } from '@driftline/ingest/source-status'
import { type SourceStore, type StoredSource, withSavedSecrets } from '@driftline/ingest/source-store'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { ActorNames } from '../access/actor-names.ts'
import type { Estate } from '../estate/estate.ts'
import { notFound } from '../http/problems.ts'
import { countLettersOf } from '../queries/dead-letters.ts'
import type { SourceDetail, SourceItem } from '../schemas/sources.ts'
import { agentItem, definedItem, instanceOf, sourceItems } from './source-items.ts'

export interface SourceViewDeps {
  readonly sources: SourceStore
  readonly metadata: Metadata
  readonly sealer: Sealer
  readonly estate: Estate
  readonly store: AnalyticsStore
  readonly names: ActorNames
  readonly clock: Clock
}

const DAY_MS = 86_400_000

/** All sources of a tenant, in the order of the list. */
export async function listSources(deps: SourceViewDeps, tenant: string): Promise<SourceItem[]> {
  const nowMs = deps.clock.nowMs()
  const [stored, statuses] = await Promise.all([
    deps.sources.list(tenant),
    readSourceStatus(deps.metadata, tenant, nowMs),
  ])
  return sourceItems({ agents: deps.estate.tenant(tenant).sources.list(nowMs), stored, statuses }, nowMs)
}

/** How a source is doing at each instance that reads it. */
export async function statusOfSource(deps: SourceViewDeps, tenant: string, id: string): Promise<SourceStatusRow[]> {
  const rows = await readSourceStatus(deps.metadata, tenant, deps.clock.nowMs())
  return rows.filter(({ source }) => source === id)
}

/** Errors: 404. */
export async function sourceDetailOf(deps: SourceViewDeps, tenant: string, id: string): Promise<SourceDetail> {
  const agent = deps.estate
    .tenant(tenant)
    .sources.list(deps.clock.nowMs())
    .find(({ source }) => source === id)
  if (agent) {
    const deadLetters24h = await lettersOf(deps, tenant, id)
    return { ...agentItem(agent), ...noDefinition, deadLetters24h }
  }
  return definedDetail(deps, tenant, await knownSource(deps, tenant, id))
}

const noDefinition = {
  definition: null,
  definitionProblems: [],
  secretsSet: [],
  revision: 0,
  createdAt: null,
  updatedAt: null,
  updatedBy: null,
  instances: [],
} as const satisfies Partial<SourceDetail>

/** Errors: 404. */
export async function knownSource(deps: SourceViewDeps, tenant: string, id: string): Promise<StoredSource> {
  try {
    return await deps.sources.get(tenant, id)
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') throw notFound('source', id)
    throw error
  }
}

export async function definedDetail(deps: SourceViewDeps, tenant: string, source: StoredSource): Promise<SourceDetail> {
  const [rows, secretsSet, deadLetters24h] = await Promise.all([
    statusOfSource(deps, tenant, source.id),
    secretNames(deps, tenant, source),
    lettersOf(deps, tenant, source.id),
    deps.names.learn(tenant, [source.updatedBy]),
  ])
  const read = readDefinition(source.kind, source.definition)
  return {
    ...definedItem(source, rows, deps.clock.nowMs()),
    definition: source.definition as Record<string, unknown>,
    definitionProblems: read.ok ? [] : read.problems.map(({ path, message }) => ({ parameter: path, reason: message })),
    secretsSet,
    revision: source.version,
    createdAt: source.createdAt.toISOString(),
    updatedAt: source.updatedAt.toISOString(),
    updatedBy: deps.names.nameOf(tenant, source.updatedBy),
    instances: rows.map(instanceOf),
    deadLetters24h,
  }
}

/** Which secrets are set, never what they are; none that can be named when they cannot be opened any more. */
async function secretNames(
  { metadata, sealer }: SourceViewDeps,
  tenant: string,
  source: StoredSource,
): Promise<string[]> {
  if (!source.hasSecrets) return []
  const { kind, id, definition } = source
  try {
    const ask = await withSavedSecrets(metadata, sealer, tenant, { kind, source: id, definition, secrets: {} })
    return Object.keys(ask.secrets as Record<string, unknown>)
  } catch {
    return []
  }
}

async function lettersOf(deps: SourceViewDeps, tenant: string, id: string): Promise<number | null> {
  try {
    return await countLettersOf(deps.store, tenant, id, deps.clock.nowMs() - DAY_MS)
  } catch {
    return null
  }
}
