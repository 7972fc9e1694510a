import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { RunEvent } from '@driftline/proto'
import { notFound } from '../http/problems.ts'
import type { ChannelSource } from '../live/channels.ts'
import type { CheckReader } from './check-reader.ts'
import { changesBetween, checkOf } from './check-views.ts'
import type { FlowShort } from './flow-schemas.ts'
import { eventsOn, type FlowViewDeps, newestOpen, shortOf } from './flow-views.ts'
import type { BoardNews, RunBoard } from './run-board.ts'

export interface FlowChannels {
  /** Reads what a channel begins with, for those that are not in memory; null for channels of others. Errors: 404. */
  prepare(name: string, principal: Principal): Promise<void> | null
  feedOf(name: string, principal: Principal): ChannelSource | null
}

export interface FlowChannelDeps extends FlowViewDeps {
  readonly board: RunBoard
  readonly reader: CheckReader
  readonly clock: Clock
}

const CHECK = 'check:'
/** Checks that were read for who subscribes now; they are taken over at once. */
const READ_MAX = 1000

/** Channels `check:<checkId>` and `flows`. What steps saw is in neither. */
export function createFlowChannels(deps: FlowChannelDeps): FlowChannels {
  const checks = createCheckFollowers(deps.board)
  const read = new Map<string, RunEvent>()
  /** Those that somebody follows: who comes later is shown the same. */
  const opened = new Map<string, ChannelSource>()
  return {
    prepare(name, { tenant }) {
      if (!name.startsWith(CHECK)) return null
      const id = name.slice(CHECK.length)
      return deps.reader.read(tenant, id).then((event) => {
        if (event === null) throw notFound('check', id)
        if (read.size >= READ_MAX) read.delete(read.keys().next().value ?? '')
        read.set(`${tenant}\n${id}`, event)
      })
    },
    feedOf(name, { tenant }) {
      if (name === 'flows') return flowsChannel(deps, tenant)
      if (!name.startsWith(CHECK)) return null
      const id = name.slice(CHECK.length)
      const key = `${tenant}\n${id}`
      const begin = read.get(key)
      read.delete(key)
      const open = opened.get(key)
      if (open !== undefined) return open
      const live = deps.board.get(tenant, id)
      const known = live?.complete ? live.run.event : begin
      if (known === undefined) throw notFound('check', id)
      const source = checkChannel(known, (tell) => {
        opened.set(key, source)
        const end = checks(tenant, id, tell)
        return () => {
          opened.delete(key)
          end()
        }
      })
      return source
    },
  }
}

/** Who follows which run, so that an event costs nothing but its own followers. */
function createCheckFollowers(board: RunBoard) {
  const followers = new Map<string, Set<(news: BoardNews) => void>>()
  let end: (() => void) | null = null
  const tell = (news: BoardNews): void => {
    for (const follower of followers.get(`${news.tenant}\n${news.after.run}`) ?? []) follower(news)
  }
  return (tenant: string, id: string, follower: (news: BoardNews) => void): (() => void) => {
    const key = `${tenant}\n${id}`
    const mine = followers.get(key) ?? new Set()
    followers.set(key, mine.add(follower))
    end ??= board.follow(tell)
    return () => {
      mine.delete(follower)
      if (mine.size === 0) followers.delete(key)
      if (followers.size > 0) return
      end?.()
      end = null
    }
  }
}

type Follow = (tell: (news: BoardNews) => void) => () => void

function checkChannel(begin: RunEvent, follow: Follow): ChannelSource {
  let shown = begin
  return {
    topic: `${CHECK}${begin.run}`,
    snapshot: () => checkOf(shown),
    open: (publish) =>
      follow(({ after }) => {
        // A pending check is shown with the steps of its definition; events tell of those that changed.
        const next = shown.revision === 0 ? withSteps(after, shown) : after
        if (next.revision < shown.revision) return
        const changes = changesBetween(shown, next)
        shown = next
        if (changes) publish(changes)
      }),
  }
}

/** Steps that an event does not tell of are as they were. */
function withSteps(event: RunEvent, before: RunEvent): RunEvent {
  const told = new Set(event.steps.map(({ number }) => number))
  const missing = before.steps.filter(({ number }) => !told.has(number))
  if (missing.length === 0) return event
  return { ...event, steps: [...event.steps, ...missing].sort((a, b) => a.number - b.number) }
}

const GATHER_MS = 50
const LOOK_EVERY_MS = 1000

/** Runs change it at once; what anomalies and time change is looked at once a second. */
function flowsChannel(deps: FlowChannelDeps, tenant: string): ChannelSource {
  const { book, board, clock } = deps
  let shown = new Map<string, string>()
  const shorts = (): FlowShort[] => {
    const open = newestOpen(eventsOn(board, tenant))
    const nowMs = clock.nowMs()
    return [...book.of(tenant).keys()].map((id) => shortOf(deps, tenant, id, open.get(id) ?? null, nowMs))
  }
  return {
    topic: 'flows',
    snapshot: () => ({ items: shorts() }),
    open(publish) {
      shown = new Map(shorts().map((item) => [item.id, JSON.stringify(item)]))
      const look = (): void => {
        const items = shorts()
        const next = new Map(items.map((item) => [item.id, JSON.stringify(item)]))
        const changed = items.filter(({ id }) => next.get(id) !== shown.get(id))
        const removed = [...shown.keys()].filter((id) => !next.has(id))
        shown = next
        if (changed.length + removed.length === 0) return
        publish({ items: changed, ...(removed.length > 0 && { removed }) })
      }
      let soon: NodeJS.Timeout | null = null
      const lookSoon = (of: string): void => {
        if (of !== tenant || soon !== null) return
        soon = setTimeout(() => {
          soon = null
          look()
        }, GATHER_MS).unref()
      }
      const endings = [board.follow((news) => lookSoon(news.tenant)), book.follow(lookSoon)]
      const timer = setInterval(look, LOOK_EVERY_MS).unref()
      return () => {
        clearInterval(timer)
        if (soon !== null) clearTimeout(soon)
        for (const end of endings) end()
      }
    },
  }
}
