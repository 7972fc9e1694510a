import type { ReplayState, SourceAsks } from '@driftline/ingest/source-asks'
import type { SourceStore } from '@driftline/ingest/source-store'
import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { decodeCursor, encodeCursor } from '../http/cursors.ts'
import { notFound, ProblemError } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import {
  countLetters,
  type LetterHour,
  type LetterRow,
  type LetterSearch,
  readDeadLetter,
  readDeadLetters,
  readLetterHours,
  readReplayable,
} from '../queries/dead-letters.ts'
import {
  type DeadLetterItem,
  deadLetterDetail,
  deadLetterFilter,
  deadLetterList,
  deadLetterParam,
  deadLetterSummary,
  letterReplay,
  type ReplayResult,
  replayAnswer,
  replayBody,
} from '../schemas/dead-letters.ts'
import type { EstateRouteDeps } from './deps.ts'
import { signedIn } from './sessions.ts'

export interface DeadLetterRouteDeps extends Pick<EstateRouteDeps, 'store' | 'clock' | 'estate'> {
  readonly sources: SourceStore
  readonly sourceAsks: SourceAsks
  readonly metadata: Metadata
}

const TAG = 'Dead letters'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const GROUPS_MAX = 200
const HEX_BYTES = 512
/** Services answer within a second or so; whoever replays sees the result at once then. */
const ANSWER_WAIT_MS = 3000
const ANSWER_POLL_MS = 100

export function deadLetterRoutes(deps: DeadLetterRouteDeps): AnyRoute[] {
  return [list(deps), summary(deps), one(deps), replayOne(deps), replayAll(deps)]
}

function list(deps: DeadLetterRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/dead-letters',
    summary: 'What was refused, and why; newest first',
    tag: TAG,
    query: deadLetterFilter,
    status: 200,
    response: deadLetterList,
    async handle({ tenant, query }) {
      const cursor = decodeCursor(query.cursor, ['number', 'number'])
      const [beforeMs, skip] = (cursor ?? [deps.clock.nowMs() + DAY_MS, 0]) as [number, number]
      const page = { limit: query.limit + 1, beforeMs: Math.floor(beforeMs), skip: Math.min(Math.max(0, skip), 1e6) }
      const rows = await readDeadLetters(deps.store, tenant, query, page)
      const shown = rows.slice(0, query.limit)
      return {
        body: {
          items: await itemsOf(deps, tenant, shown),
          nextCursor: rows.length > shown.length ? cursorAfter(shown, beforeMs, skip) : null,
        },
      }
    },
  })
}

/** The moment of the last item, and how many of that moment have been shown: many are refused in one batch. */
function cursorAfter(items: readonly LetterRow[], beforeMs: number, skipped: number): string {
  const lastMs = items.at(-1)!.timeMs
  const ofMoment = items.filter((item) => item.timeMs === lastMs).length
  return encodeCursor([lastMs, ofMoment + (lastMs === beforeMs ? skipped : 0)])
}

async function itemsOf(
  deps: DeadLetterRouteDeps,
  tenant: string,
  rows: readonly LetterRow[],
): Promise<DeadLetterItem[]> {
  const ids = rows.flatMap(({ id, replayable }) => (replayable ? [id] : []))
  const [nameOf, states] = await Promise.all([namesOf(deps, tenant), deps.sourceAsks.replayStates(tenant, ids)])
  return rows.map(({ timeMs, ...row }) => ({
    ...row,
    time: new Date(timeMs).toISOString(),
    sourceName: nameOf(row.source),
    replay: resultOf(states.get(row.id)),
  }))
}

/** Names of sources as people know them: those that they defined, and hosts of agents. */
async function namesOf(deps: DeadLetterRouteDeps, tenant: string): Promise<(source: string) => string | null> {
  const names = new Map<string, string>()
  const agents = deps.estate.tenant(tenant).sources.list(deps.clock.nowMs())
  for (const { source, name } of agents) names.set(source, name)
  for (const { id, name } of await deps.sources.list(tenant)) names.set(id, name)
  return (source) => names.get(source) ?? null
}

/** Null for a letter that nobody asked a replay for. */
function resultOf(state: ReplayState | undefined): ReplayResult | null {
  if (!state) return null
  const { answer } = state
  const at = state.updatedAt.toISOString()
  const nothing = { reason: '', detail: '', samples: 0, rows: 0, at }
  switch (state.state) {
    case 'accepted':
      return answer?.outcome === 'accepted'
        ? { ...nothing, state: 'accepted', samples: answer.samples, rows: answer.rows }
        : { ...nothing, state: 'accepted' }
    case 'refused':
      return answer?.outcome === 'refused'
        ? { ...nothing, state: 'refused', reason: answer.reason, detail: answer.detail }
        : { ...nothing, state: 'refused' }
    case 'unanswered': {
      const detail = 'Its service did not answer; it may have been taken in all the same'
      return { ...nothing, state: 'failed', reason: 'no_answer', detail }
    }
    default:
      return { ...nothing, state: 'pending' }
  }
}

function summary(deps: DeadLetterRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/dead-letters/summary',
    summary: 'What was refused in the last 24 hours, by reason, service and source',
    tag: TAG,
    status: 200,
    response: deadLetterSummary,
    async handle({ tenant }) {
      const nowMs = deps.clock.nowMs()
      const range = { fromMs: (Math.floor(nowMs / HOUR_MS) - 23) * HOUR_MS, toMs: nowMs + HOUR_MS }
      const [hours, nameOf] = await Promise.all([readLetterHours(deps.store, tenant, range), namesOf(deps, tenant)])
      const groups = groupsOf(hours)
      return {
        body: {
          from: new Date(range.fromMs).toISOString(),
          to: new Date(nowMs).toISOString(),
          total: groups.reduce((sum, { count }) => sum + count, 0),
          items: groups.slice(0, GROUPS_MAX).map(({ lastMs, ...group }) => ({
            ...group,
            sourceName: nameOf(group.source),
            last: new Date(lastMs).toISOString(),
          })),
        },
      }
    },
  })
}

type Group = Omit<LetterHour, 'hour'> & { readonly counts: number[] }

/** Hours put together, the most frequent first. */
export function groupsOf(hours: readonly LetterHour[]): Group[] {
  const groups = new Map<string, Group>()
  for (const { hour, ...row } of hours) {
    const key = JSON.stringify([row.reason, row.service, row.source])
    const known = groups.get(key) ?? { ...row, count: 0, replayable: 0, counts: Array<number>(24).fill(0) }
    const at = Math.min(23, Math.max(0, hour))
    known.counts[at] = (known.counts[at] ?? 0) + row.count
    const newest = row.lastMs >= known.lastMs ? row : known
    groups.set(key, {
      ...known,
      count: known.count + row.count,
      replayable: known.replayable + row.replayable,
      lastMs: newest.lastMs,
      detail: newest.detail,
      subject: newest.subject,
    })
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || b.lastMs - a.lastMs)
}

/** Errors: 404. */
async function knownLetter(deps: DeadLetterRouteDeps, tenant: string, id: string): Promise<LetterRow> {
  const row = await readDeadLetter(deps.store, tenant, id)
  if (!row) throw notFound('dead letter', id)
  return row
}

function one(deps: DeadLetterRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/dead-letters/{id}',
    summary: 'One dead letter with the first bytes of what was refused',
    tag: TAG,
    params: deadLetterParam,
    status: 200,
    response: deadLetterDetail,
    refusals: [404],
    async handle({ tenant, params }) {
      const row = await knownLetter(deps, tenant, params.id)
      const [item] = await itemsOf(deps, tenant, [row])
      const bytes = Buffer.from(row.payload, 'base64')
      return { body: { ...item!, text: textOf(bytes), hex: bytes.subarray(0, HEX_BYTES).toString('hex') } }
    },
  })
}

/** Null for bytes that are no text, NUL among them. */
function textOf(bytes: Buffer): string | null {
  if (bytes.includes(0)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

function replayOne(deps: DeadLetterRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/dead-letters/{id}/replay',
    summary: 'Have a dead letter taken in again, after what was wrong has been mended',
    tag: TAG,
    params: deadLetterParam,
    status: 200,
    response: letterReplay,
    refusals: [404, 409],
    async handle({ tenant, params, principal }) {
      const row = await knownLetter(deps, tenant, params.id)
      if (!row.replayable) {
        throw new ProblemError(409, 'not_replayable', 'It cannot be taken in again: not all of it was kept')
      }
      const [[id, before] = []] = await deps.sourceAsks.replayStates(tenant, [row.id])
      if (id !== undefined && before?.state === 'accepted') {
        throw new ProblemError(409, 'already_accepted', 'It was replayed and accepted already')
      }
      const by = signedIn(principal)
      await deps.sourceAsks.replay(tenant, row.service, [askOf(row)], actorOf(by))
      await audit(deps, by, `dead-letter:${row.id}`, { reason: row.reason, source: row.source })
      const states = await answers(deps, tenant, [row.id])
      return { body: { id: row.id, replay: resultOf(states.get(row.id)) ?? pendingAt(deps.clock.nowMs()) } }
    },
  })
}

const pendingAt = (nowMs: number): ReplayResult => ({
  state: 'pending',
  reason: '',
  detail: '',
  samples: 0,
  rows: 0,
  at: new Date(nowMs).toISOString(),
})

function askOf({ id, source, subject, timeMs, payload }: LetterRow) {
  return { letter: id, source, subject, receivedMs: timeMs, payload }
}

function audit(
  { metadata, clock }: DeadLetterRouteDeps,
  by: Principal,
  subject: string,
  detail: Record<string, string | number | undefined>,
): Promise<void> {
  const record = { tenant: by.tenant, actor: actorOf(by), action: 'dead_letter.replay', subject, detail }
  return recordAudit(metadata.db, record, clock.nowMs())
}

/** What services answered within a few seconds; the rest is told as pending. */
async function answers(
  deps: DeadLetterRouteDeps,
  tenant: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, ReplayState>> {
  const deadlineMs = performance.now() + ANSWER_WAIT_MS
  for (;;) {
    const states = await deps.sourceAsks.replayStates(tenant, ids)
    const waiting = ids.some((id) => ['waiting', 'running'].includes(states.get(id)?.state ?? ''))
    if (!waiting || performance.now() > deadlineMs) return states
    await new Promise((resolve) => setTimeout(resolve, ANSWER_POLL_MS))
  }
}

function replayAll(deps: DeadLetterRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/dead-letters/replay',
    summary: 'Have the dead letters that match a filter taken in again, the newest first, at most 1,000 at once',
    tag: TAG,
    body: replayBody,
    status: 200,
    response: replayAnswer,
    refusals: [413, 415],
    async handle({ tenant, body, principal }) {
      const { from, to, ...rest } = body.filter
      const search: LetterSearch = {
        ...rest,
        ...(from === undefined ? {} : { from: Date.parse(from) }),
        ...(to === undefined ? {} : { to: Date.parse(to) }),
      }
      const [found, others] = await Promise.all([
        collectFresh(deps, tenant, search, body.limit),
        countLetters(deps.store, tenant, { ...search, replayable: false }),
      ])
      const { fresh } = found
      const by = signedIn(principal)
      const asked = await askAll(deps, tenant, fresh, actorOf(by))
      await audit(deps, by, 'dead-letters', { ...body.filter, asked })
      const states = await answers(
        deps,
        tenant,
        fresh.map(({ id }) => id),
      )
      return {
        body: {
          asked,
          skipped: others + found.accepted + fresh.length - asked,
          more: found.more,
          results: fresh.map(({ id }) => ({
            id,
            replay: resultOf(states.get(id)) ?? pendingAt(deps.clock.nowMs()),
          })),
        },
      }
    },
  })
}

interface Fresh {
  readonly fresh: LetterRow[]
  /** Letters that were passed over, because they were taken in before. */
  readonly accepted: number
  readonly more: boolean
}

/** Pages that are looked through for letters that were not taken in before. */
const PAGES_MAX = 20
const PAGE = 1000

async function collectFresh(
  deps: DeadLetterRouteDeps,
  tenant: string,
  search: LetterSearch,
  limit: number,
): Promise<Fresh> {
  const fresh: LetterRow[] = []
  let accepted = 0
  for (let page = 0; page < PAGES_MAX; page++) {
    const letters = await readReplayable(deps.store, tenant, search, { limit: PAGE, skip: page * PAGE })
    const states = await deps.sourceAsks.replayStates(
      tenant,
      letters.map(({ id }) => id),
    )
    for (const letter of letters) {
      if (states.get(letter.id)?.state === 'accepted') accepted++
      else if (fresh.length < limit) fresh.push(letter)
      else return { fresh, accepted, more: true }
    }
    if (letters.length < PAGE) return { fresh, accepted, more: false }
  }
  return { fresh, accepted, more: true }
}

async function askAll(
  { sourceAsks }: DeadLetterRouteDeps,
  tenant: string,
  letters: readonly LetterRow[],
  by: string,
): Promise<number> {
  let asked = 0
  for (const service of new Set(letters.map((letter) => letter.service))) {
    const ofService = letters.filter((letter) => letter.service === service)
    asked += await sourceAsks.replay(tenant, service, ofService.map(askOf), by)
  }
  return asked
}
