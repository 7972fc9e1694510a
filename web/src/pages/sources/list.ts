import type { SourceItem, SourceStatus } from '../../api/source-types.ts'
import type { GlyphState } from '../../components/StatusGlyph.vue'
import type { Format, Quantity } from '../../format.ts'
import { pushName, sourceName } from './built-in.ts'
import { idShown } from './words.ts'

/** A line of the list at the left. */
export interface SourceRow {
  /** Part of the address: `/sources/<id>`. */
  readonly id: string
  readonly name: string
  readonly glyph: GlyphState
  /** What the glyph means, in a word. */
  readonly word: string
  /** A rate, or a word where there is none. */
  readonly rate: Quantity
  /** Where it comes from; what is wrong comes first. */
  readonly about: string
  readonly unmapped: number
}

export interface SourceGroup {
  readonly name: string
  readonly rows: readonly SourceRow[]
}

/** All agents are one line: each has a page of its own as a host. */
export const agentsId = 'agents'

const glyphs: Readonly<Record<SourceStatus, GlyphState>> = {
  ok: 'ok',
  waiting: 'learning',
  connecting: 'running',
  silent: 'silent',
  failed: 'critical',
  stopped: 'pending',
  unmapped: 'pending',
}
const words: Readonly<Record<SourceStatus, string>> = {
  ok: 'receiving',
  waiting: 'waiting',
  connecting: 'connecting',
  silent: 'silent',
  failed: 'failed',
  stopped: 'off',
  unmapped: 'not mapped',
}
export const glyphOfSource = (status: SourceStatus): GlyphState => glyphs[status]
export const wordOfSource = (status: SourceStatus): string => words[status]

/** What a source speaks in. */
export function eventNoun(kind: SourceItem['kind']): string {
  switch (kind) {
    case 'mqtt':
    case 'mqtt-topic':
      return 'msg'
    case 'file':
    case 'syslog':
      return 'lines'
    default:
      return 'smp'
  }
}

/** Events per second of messages and lines, samples per second of all else. */
export const rateOf = (item: SourceItem): number =>
  eventNoun(item.kind) === 'smp' ? item.samplesPerSecond : item.eventsPerSecond

function rateWords(item: SourceItem, format: Format): Quantity {
  const rate = rateOf(item)
  if (item.status !== 'ok') return { value: words[item.status], unit: '' }
  return format.rate(rate, eventNoun(item.kind)) ?? { value: words.ok, unit: '' }
}

/** Of what is pushed: whose key sends it. */
const keyOf = (item: SourceItem): string => {
  const key = item.kind === 'push' ? pushName(item.name)?.key : undefined
  return key ? `key ${key}` : ''
}

function rowOf(item: SourceItem, format: Format): SourceRow {
  return {
    id: item.source,
    name: sourceName(item),
    glyph: glyphs[item.status],
    word: words[item.status],
    rate: rateWords(item, format),
    about:
      (item.status === 'failed' && item.message) ||
      item.about.join(', ') ||
      idShown(item.processId ?? '') ||
      keyOf(item),
    unmapped: item.unmapped,
  }
}

function agentsRow(agents: readonly SourceItem[], format: Format): SourceRow {
  const silent = agents.filter((agent) => agent.status === 'silent').length
  const rate = agents.reduce((sum, agent) => sum + agent.samplesPerSecond, 0)
  const oldest = agents
    .flatMap((agent) => agent.version ?? [])
    .sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))[0]
  return {
    id: agentsId,
    name: agents.length === 1 ? (agents[0]?.name ?? '') : `${format.count(agents.length)} agents`,
    glyph: silent === 0 ? 'ok' : silent === agents.length ? 'silent' : 'warning',
    word: silent === 0 ? 'receiving' : `${silent} silent`,
    rate: { value: format.count(rate), unit: 'smp/s' },
    about:
      silent > 0
        ? `${silent} silent`
        : agents.length === 1
          ? `agent ${oldest ?? ''}`.trim()
          : `oldest ${oldest ?? '–'}`,
    unmapped: 0,
  }
}

/** By name; what is there by itself comes last. */
const byName = (a: SourceItem, b: SourceItem): number =>
  Number(a.managedBy === 'system') - Number(b.managedBy === 'system') ||
  a.name.localeCompare(b.name, undefined, { numeric: true })

/** Sources under their headings, in the order of the page; topics that match nothing belong to their broker. */
export function groupsOf(items: readonly SourceItem[], format: Format): SourceGroup[] {
  const of = (...kinds: SourceItem['kind'][]) => items.filter((item) => kinds.includes(item.kind)).sort(byName)
  const agents = of('agent')
  const groups: SourceGroup[] = [
    { name: 'MQTT', rows: of('mqtt').map((item) => rowOf(item, format)) },
    { name: 'Hosts', rows: agents.length === 0 ? [] : [agentsRow(agents, format)] },
    { name: 'Logs', rows: of('file', 'syslog').map((item) => rowOf(item, format)) },
    { name: 'Polls', rows: of('poll').map((item) => rowOf(item, format)) },
    { name: 'Push', rows: of('push').map((item) => rowOf(item, format)) },
  ]
  return groups.filter((group) => group.rows.length > 0)
}

/** How many sources people count: agents one by one, topics not at all. */
export const countSources = (items: readonly SourceItem[]): number =>
  items.filter((item) => item.kind !== 'mqtt-topic').length

/** The id that a page without one shows first: what is wrong, else the first of the list. */
export function firstOf(groups: readonly SourceGroup[]): string | null {
  const rows = groups.flatMap((group) => group.rows)
  return (rows.find((row) => row.glyph === 'critical') ?? rows[0])?.id ?? null
}
