import type { SourceAsks } from '@driftline/ingest/source-asks'
import { actorOf } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { ProblemError } from '../http/problems.ts'
import type { LogTail } from '../logs/log-tail.ts'
import type { Preview, SourceItem } from '../schemas/sources.ts'
import { toPreview } from '../sources/preview-view.ts'
import type { ChannelSource } from './channels.ts'

export interface FeedChannelDeps {
  readonly logTail: LogTail
  readonly listSources: (tenant: string) => Promise<SourceItem[]>
  readonly sourceAsks: SourceAsks
  readonly clock: Clock
  readonly logger: Logger
}

const SOURCES_EVERY_MS = 1000
const PREVIEW_EVERY_MS = 500

/** Channels that are looked at or followed only while somebody has them open. */
export function createFeedChannels(deps: FeedChannelDeps) {
  return (name: string, principal: Principal): ChannelSource | null => {
    if (name === 'sources') return sourcesChannel(deps, principal)
    if (name.startsWith('preview:')) return previewChannel(deps, principal, name.slice('preview:'.length))
    if (name.startsWith('logs:')) return logsChannel(deps, principal, name.slice('logs:'.length))
    return null
  }
}

function need(principal: Principal, permission: 'operations:read' | 'sources:write'): void {
  if (principal.permissions.has(permission)) return
  throw new ProblemError(403, 'forbidden', `This needs the permission ${permission}`)
}

/** Looks again and again, one look after the other; the answer ends it. */
function repeatedly(periodMs: number, logger: Logger, look: () => Promise<void>): () => void {
  let ended = false
  let timer: NodeJS.Timeout | undefined
  const run = async (): Promise<void> => {
    try {
      await look()
    } catch (error) {
      logger.warn({ error }, 'could not look at what a live channel shows')
    }
    if (!ended) timer = setTimeout(() => void run(), periodMs).unref()
  }
  void run()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}

function sourcesChannel(deps: FeedChannelDeps, principal: Principal): ChannelSource {
  need(principal, 'operations:read')
  const { tenant } = principal
  let shown = new Map<string, SourceItem>()
  let texts = new Map<string, string>()
  return {
    topic: 'sources',
    snapshot: () => ({ items: [...shown.values()] }),
    open: (publish) => {
      let closed = false
      const end = repeatedly(SOURCES_EVERY_MS, deps.logger, async () => {
        const items = await deps.listSources(tenant)
        if (closed) return
        const next = new Map(items.map((item) => [item.source, item]))
        const nextTexts = new Map(items.map((item) => [item.source, JSON.stringify(item)]))
        const changed = items.filter(({ source }) => nextTexts.get(source) !== texts.get(source))
        const removed = [...shown.keys()].filter((source) => !next.has(source))
        shown = next
        texts = nextTexts
        if (changed.length > 0 || removed.length > 0) publish({ items: changed, removed })
      })
      return () => {
        closed = true
        end()
      }
    },
  }
}

/** A preview is whoever's who asked for it; following it keeps it alive. */
function previewChannel(deps: FeedChannelDeps, principal: Principal, id: string): ChannelSource {
  need(principal, 'sources:write')
  const { clock, sourceAsks } = deps
  const actor = actorOf(principal)
  let shown: Preview = waiting(id, clock.nowMs())
  let text = ''
  return {
    topic: `preview:${id} of ${actor}`,
    snapshot: () => shown,
    open: (publish) => {
      let closed = false
      const end = repeatedly(PREVIEW_EVERY_MS, deps.logger, async () => {
        const row = await sourceAsks.readPreview(principal.tenant, id)
        const nowMs = clock.nowMs()
        const mine = row?.requestedBy === actor ? row : null
        if (mine) await sourceAsks.renewPreview(principal.tenant, id)
        if (closed) return
        shown = mine ? toPreview(mine, nowMs) : { ...waiting(id, nowMs), state: 'ended', message: 'It is over' }
        const { expiresAt: _, ...content } = shown
        const next = JSON.stringify(content)
        if (next === text) return
        text = next
        publish(shown)
      })
      return () => {
        closed = true
        end()
      }
    },
  }
}

function waiting(id: string, nowMs: number): Preview {
  return {
    id,
    expiresAt: new Date(nowMs).toISOString(),
    state: 'asked',
    message: '',
    perSecond: 0,
    items: [],
    unmapped: [],
    detected: null,
  }
}

function logsChannel({ logTail }: FeedChannelDeps, { tenant }: Principal, process: string): ChannelSource {
  const follower = logTail.follower(tenant, process)
  return { topic: `logs:${process}`, snapshot: () => ({ processes: follower.processes() }), open: follower.open }
}
