import type { FlowItem } from '../api/flow-types.ts'
import type { ProcessItem } from '../api/types.ts'
import type { IconName } from '../components/icons.ts'
import type { GlyphState } from '../components/StatusGlyph.vue'
import { format, plain } from '../format.ts'
import { readableId } from '../process-id.ts'
import { fuzzy } from './fuzzy.ts'

/** One line of the palette. */
export interface Entry {
  readonly id: string
  readonly group: 'Processes' | 'Pages' | 'Actions' | 'Times'
  readonly icon: IconName
  readonly text: string
  /** Where the quiet prefix of an id ends; 0 for plain words. */
  readonly quietUntil?: number
  readonly status?: GlyphState
  readonly detail?: string
  /** Its drift line and score stand behind it. */
  readonly process?: ProcessItem
  readonly keys?: string
  readonly tags?: readonly string[]
  run(): void
}

export interface Found {
  readonly entry: Entry
  readonly at: readonly number[]
}

const perGroup = 8

export function processEntry(item: ProcessItem, open: (item: ProcessItem) => void): Entry {
  const { path, last } = readableId(item.processId)
  const cpu = format.cpu(item.metrics?.values.cpuCores)
  const memory = format.bytes(item.metrics?.values.memoryBytes)
  const usual = cpu && memory ? `${plain(cpu)}, ${plain(memory)}` : ''
  return {
    id: item.processId,
    group: 'Processes',
    icon: item.kind,
    text: path + last,
    quietUntil: path.length,
    status: item.status,
    detail: item.reason ?? usual,
    process: item,
    tags: item.tags,
    run: () => open(item),
  }
}

/** A flow that no run has made a process of yet, and the action that checks one. */
export function flowEntries(
  flow: Pick<FlowItem, 'id' | 'name' | 'health' | 'category' | 'description' | 'tags'>,
  { isProcess, mayRun }: { readonly isProcess: boolean; readonly mayRun: boolean },
  run: { readonly open: (id: string) => void; readonly check: (id: string) => void },
): Entry[] {
  const { path, last } = readableId(flow.id)
  const entries: Entry[] = []
  if (!isProcess)
    entries.push({
      id: flow.id,
      group: 'Processes',
      icon: 'flow',
      text: path + last,
      quietUntil: path.length,
      status: flow.health,
      detail: flow.description || flow.category,
      tags: flow.tags,
      run: () => run.open(flow.id),
    })
  if (mayRun)
    entries.push({
      id: `check ${flow.id}`,
      group: 'Actions',
      icon: 'play',
      text: `Check ${flow.name}`,
      run: () => run.check(flow.id),
    })
  return entries
}

/**
 * What a query finds, best first, grouped. `>` looks among actions and pages only, `#` among tags; nothing typed
 * shows pages and actions, then the first processes.
 */
export function search(query: string, entries: readonly Entry[]): { group: Entry['group']; found: Found[] }[] {
  const mode = query[0]
  const text = mode === '>' || mode === '#' ? query.slice(1).trim() : query.trim()
  const scored: (Found & { score: number })[] = []
  for (const entry of entries) {
    if (mode === '>' && entry.group === 'Processes') continue
    if (mode === '#') {
      if (entry.tags?.some((tag) => tag.toLowerCase().startsWith(text.toLowerCase())))
        scored.push({ entry, at: [], score: 0 })
      continue
    }
    const match = fuzzy(text, entry.text)
    if (match) scored.push({ entry, at: match.at, score: match.score })
  }
  if (text) scored.sort((a, b) => b.score - a.score)
  const groups = new Map<Entry['group'], Found[]>()
  for (const one of scored) {
    const list = groups.get(one.entry.group) ?? []
    if (list.length < perGroup) list.push(one)
    groups.set(one.entry.group, list)
  }
  return [...groups].map(([group, found]) => ({ group, found }))
}

/** `@14:02` or `@14:02:10`: the last time that the clock said so, in milliseconds; null when it is no time. */
export function parseClock(query: string, nowMs: number): number | null {
  const match = /^@\s*(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(query.trim())
  if (!match) return null
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
  if (hours > 23 || minutes > 59 || seconds > 59) return null
  const at = new Date(nowMs)
  at.setHours(hours, minutes, seconds, 0)
  if (at.getTime() > nowMs) at.setDate(at.getDate() - 1)
  return at.getTime()
}
