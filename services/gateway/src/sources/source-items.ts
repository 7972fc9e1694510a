import { serviceOf } from '@driftline/ingest/definitions/source'
import type { SourceStatusRow } from '@driftline/ingest/source-status'
import type { StoredSource } from '@driftline/ingest/source-store'
import type { RefusedLine, UnmappedTopic } from '@driftline/ingest/status-detail'
import type { AgentItem } from '../estate/sources.ts'
import { logSourceOf } from '../logs/log-processes.ts'
import type { SourceInstance, SourceItem } from '../schemas/sources.ts'

/** What is known of a tenant's sources. */
export interface KnownSources {
  readonly agents: readonly AgentItem[]
  readonly stored: readonly StoredSource[]
  readonly statuses: readonly SourceStatusRow[]
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString()
const isoOrNull = (timeMs: number | null): string | null => (timeMs === null ? null : iso(timeMs))

/** Nothing for so long is silence, where the definition does not say. */
const SILENT_AFTER_S = { mqtt: 300, push: 300, file: 900, syslog: 900, poll: 60 } as const
/** Topics that no mapping takes, of one source; the list has the busiest. */
const TOPICS_MAX = 200

/** Definitions by kind and name, then agents by host, then topics that no mapping takes. */
export function sourceItems(known: KnownSources, nowMs: number): SourceItem[] {
  const statuses = new Map<string, SourceStatusRow[]>()
  for (const row of known.statuses) statuses.set(row.source, [...(statuses.get(row.source) ?? []), row])
  const defined = known.stored.map((source) => definedItem(source, statuses.get(source.id) ?? [], nowMs))
  const agents = known.agents.map(agentItem)
  const topics = known.stored.flatMap((source) => topicItems(source, statuses.get(source.id) ?? []))
  return [...sorted(defined), ...sorted(agents), ...sorted(topics)]
}

function sorted(items: SourceItem[]): SourceItem[] {
  return items.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
}

const RANKS: Readonly<Record<SourceItem['kind'], number>> = {
  mqtt: 0,
  file: 1,
  syslog: 2,
  poll: 3,
  push: 4,
  agent: 5,
  'mqtt-topic': 6,
}

/** Unique, and in the order of the list. */
export function sortKey(item: Pick<SourceItem, 'kind' | 'name' | 'source'>): string {
  return `${RANKS[item.kind]} ${item.name}\n${item.source}`
}

const nothing = {
  status: 'ok',
  message: '',
  active: true,
  about: [],
  version: null,
  eventsPerSecond: 0,
  samplesPerSecond: 0,
  bytesPerSecond: 0,
  lastEvent: null,
  lagSeconds: null,
  missedBatches: 0,
  series: 0,
  refused: 0,
  lastRefusal: null,
  filtered: 0,
  unmapped: 0,
  limitExceeded: null,
  processId: null,
  relatedProcess: null,
  managedBy: 'user',
  topic: null,
} as const satisfies Omit<SourceItem, 'source' | 'kind' | 'name'>

export function agentItem(agent: AgentItem): SourceItem {
  return { ...nothing, ...agent, about: [], kind: 'agent', managedBy: 'agent' }
}

/** One source over all instances that read it. */
export function definedItem(source: StoredSource, rows: readonly SourceStatusRow[], nowMs: number): SourceItem {
  const live = rows.filter(({ stale }) => !stale).map(({ detail }) => detail)
  const refused = live.flatMap((detail) => detail.refused)
  const lastEventMs = newest(rows.map(({ detail }) => detail.lastEventMs))
  const sum = (of: (detail: SourceStatusRow['detail']) => number): number =>
    live.reduce((all, each) => all + of(each), 0)
  const log = logSourceOf(source)
  return {
    ...nothing,
    source: source.id,
    kind: source.kind,
    name: source.name,
    ...stateOf(source, rows, { lastEventMs, nowMs }),
    active: source.active,
    about: [...new Set(live.flatMap(({ about }) => about))],
    eventsPerSecond: sum((detail) => detail.eventsPerSecond),
    samplesPerSecond: sum((detail) => detail.samplesPerSecond),
    bytesPerSecond: sum((detail) => detail.bytesPerSecond),
    lastEvent: isoOrNull(lastEventMs),
    lagSeconds: secondsOf(newest(live.map(({ lagMs }) => lagMs))),
    series: sum((detail) => detail.series),
    refused: refused.reduce((all, { count }) => all + count, 0),
    lastRefusal: lastOf(refused),
    filtered: sum((detail) => detail.filtered.reduce((all, { count }) => all + count, 0)),
    unmapped: Math.max(0, ...live.map(({ unmappedTotal }) => unmappedTotal)),
    limitExceeded: refused.find(({ reason }) => reason === 'series_too_many')?.detail ?? null,
    processId: log?.processId ?? null,
    relatedProcess: log?.relatedProcess ?? null,
    managedBy: source.managedBy === 'file' ? 'file' : source.updatedBy === 'system' ? 'system' : 'user',
  }
}

function newest(times: readonly (number | null)[]): number | null {
  return times.reduce((last, each) => (each !== null && (last === null || each > last) ? each : last), null)
}

const secondsOf = (ms: number | null): number | null => (ms === null ? null : ms / 1000)

function lastOf(refused: readonly RefusedLine[]): SourceItem['lastRefusal'] {
  const last = [...refused].sort((a, b) => b.lastMs - a.lastMs)[0]
  return last ? toRefusal(last) : null
}

function toRefusal({ lastMs, ...line }: RefusedLine) {
  return { ...line, last: iso(lastMs) }
}

/** How it is doing in one word, and what to do about it. */
function stateOf(
  source: StoredSource,
  rows: readonly SourceStatusRow[],
  at: { readonly lastEventMs: number | null; readonly nowMs: number },
): Pick<SourceItem, 'status' | 'message'> {
  if (!source.active) return { status: 'stopped', message: 'It is switched off' }
  const live = rows.filter(({ stale }) => !stale).map(({ detail }) => detail)
  // Pushed data comes when somebody sends it: its door need not have told anything since it started.
  if (live.length === 0 && source.kind !== 'push') return { status: 'stopped', message: unreadMessage(source, rows) }
  const failed = live.find(({ state }) => state === 'failed')
  const others = live.find(({ state, message }) => state !== 'failed' && message !== '')
  const message = failed?.message ?? others?.message ?? ''
  if (failed && !live.some(({ state }) => state === 'receiving' || state === 'waiting')) {
    return { status: 'failed', message }
  }
  if (at.lastEventMs === null) {
    return { status: live.some(({ state }) => state === 'connecting') ? 'connecting' : 'waiting', message }
  }
  const silentMs = silentAfterMs(source)
  if (at.nowMs - at.lastEventMs > silentMs) {
    const said = message === '' ? `Nothing has come for more than ${Math.round(silentMs / 60_000)} min` : message
    return { status: 'silent', message: said }
  }
  return { status: live.length > 0 && live.every(({ state }) => state === 'connecting') ? 'connecting' : 'ok', message }
}

function unreadMessage({ kind, definition }: StoredSource, rows: readonly SourceStatusRow[]): string {
  const { instance } = (definition ?? {}) as { instance?: unknown }
  if (rows.length > 0) return 'The service that reads it has not been heard of for 15 s'
  const service = serviceOf[kind]
  const named = typeof instance === 'string' && instance !== '' ? ` named ${instance}` : ''
  return `No ${service} service${named} reads it; one that runs takes it up within seconds`
}

export function silentAfterMs({ kind, definition }: Pick<StoredSource, 'kind' | 'definition'>): number {
  const { silentAfterSeconds, everySeconds } = (definition ?? {}) as Readonly<Record<string, unknown>>
  // A poll that answers is never silent between two of its turns.
  const usual = SILENT_AFTER_S[kind] + (typeof everySeconds === 'number' ? 2 * everySeconds : 0)
  const seconds = typeof silentAfterSeconds === 'number' ? silentAfterSeconds : usual
  return seconds * 1000
}

/** Topics that a source hears and no mapping takes. */
function topicItems(source: StoredSource, rows: readonly SourceStatusRow[]): SourceItem[] {
  if (source.kind !== 'mqtt' || !source.active) return []
  return unmappedOf(rows).map((topic) => ({
    ...nothing,
    source: `${source.id}/${topic.topic}`,
    kind: 'mqtt-topic',
    name: topic.topic,
    status: 'unmapped',
    eventsPerSecond: topic.perSecond,
    lastEvent: iso(topic.lastMs),
    managedBy: 'system',
    topic: {
      source: source.id,
      sourceName: source.name,
      payload: topic.payload,
      example: topic.example,
      proposal: topic.proposal ?? null,
    },
  }))
}

/** Of all instances that are there, each topic once. */
export function unmappedOf(rows: readonly SourceStatusRow[]): UnmappedTopic[] {
  const topics = new Map<string, UnmappedTopic>()
  for (const { stale, detail } of rows) {
    if (stale) continue
    for (const topic of detail.unmapped) {
      const known = topics.get(topic.topic)
      if (!known || known.lastMs < topic.lastMs) topics.set(topic.topic, topic)
    }
  }
  return [...topics.values()].sort((a, b) => b.perSecond - a.perSecond).slice(0, TOPICS_MAX)
}

/** How it is doing at one instance of its service. */
export function instanceOf({ instance, service, stale, updatedAt, detail }: SourceStatusRow): SourceInstance {
  const { sinceMs, lastEventMs, lagMs, refused, filtered, unmapped, parts, ...rest } = detail
  return {
    instance,
    service,
    stale,
    updatedAt: updatedAt.toISOString(),
    ...rest,
    about: [...rest.about],
    since: iso(sinceMs),
    lastEvent: isoOrNull(lastEventMs),
    lagSeconds: secondsOf(lagMs),
    refused: refused.map(toRefusal),
    filtered: filtered.map((each) => ({ ...each })),
    unmapped: unmapped.map(({ lastMs, proposal, ...topic }) => ({
      ...topic,
      last: iso(lastMs),
      proposal: proposal ?? null,
    })),
    parts: parts.map(({ lastMs, ...part }) => ({ ...part, last: isoOrNull(lastMs) })),
  }
}
