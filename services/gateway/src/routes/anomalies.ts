import type { VerdictName } from '../access/verdicts.ts'
import type { Finding } from '../estate/findings.ts'
import { decodePlace, encodeCursor } from '../http/cursors.ts'
import { notFound } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import {
  type AnomalyPlace,
  type AnomalySearch,
  countAnomalies,
  readAnomalies,
  readAnomaly,
  readIdsInRange,
} from '../queries/anomalies.ts'
import {
  type AnomalyItem,
  anomaly,
  anomalyFilter,
  anomalyIdParam,
  anomalyList,
  detectionQuality,
  estateAnomalyFilter,
  qualityQuery,
  verdictBody,
} from '../schemas/anomalies.ts'
import { processIdParam } from '../schemas/common.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'
import { signedIn } from './sessions.ts'

/** Verdicts that a filter by verdict looks through: the most lately given. */
const VERDICTS_MAX = 5000
const WORDS_MAX = 10
const DAY_MS = 86_400_000

export function anomalyRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [list(deps), ofProcess(deps), one(deps), judge(deps), quality(deps)]
}

interface Wish {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly severity?: AnomalyItem['severity'] | undefined
  readonly type?: string | undefined
  readonly state?: 'open' | 'closed' | undefined
  readonly verdict?: VerdictName | 'none' | undefined
  readonly process?: string | undefined
  readonly q?: string | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
}

function list(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/anomalies',
    summary: 'Anomalies, newest first, closed ones included',
    tag: 'Anomalies and alerts',
    query: estateAnomalyFilter,
    status: 200,
    response: anomalyList,
    handle: async ({ tenant, query }) => ({ body: await pageOf(deps, tenant, query) }),
  })
}

function ofProcess(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/processes/{id}/anomalies',
    summary: 'Anomalies of a process, newest first, closed ones included',
    tag: 'Anomalies and alerts',
    params: processIdParam,
    query: anomalyFilter,
    status: 200,
    response: anomalyList,
    refusals: [404],
    async handle({ tenant, params, query }) {
      const state = knownProcess(deps, tenant, params.id)
      return { body: await pageOf(deps, tenant, { ...query, process: state.id }) }
    },
  })
}

/** A page as the store and memory have it together: what was found this second is not stored yet. */
async function pageOf(deps: EstateRouteDeps, tenant: string, wish: Wish) {
  const place = decodePlace(wish.cursor)
  const after = place && { startMs: place.timeMs, id: place.id }
  const search = { ...wish, words: wordsOf(wish.q), ids: await idsOf(deps, tenant, wish.verdict) }
  const stored = await readAnomalies(deps.store, tenant, search, { limit: wish.limit + 1, after })
  const more = stored.length > wish.limit
  const merged = mergeRecent(stored, deps.estate.tenant(tenant).findings.anomalies(), { search, after, more })
  const shown = merged.slice(0, wish.limit)
  const last = shown.at(-1) ?? stored.at(-1)
  const items = await withJudgements(deps, tenant, shown)
  const isLast = !more && merged.length <= wish.limit
  return {
    items: items.filter((item) => verdictFits(item, wish.verdict)),
    nextCursor: isLast || !last ? null : encodeCursor([last.startMs, last.item.id]),
  }
}

function wordsOf(text: string | undefined): string[] {
  return (text ?? '').toLowerCase().split(/\s+/).filter(Boolean).slice(0, WORDS_MAX)
}

/** Verdicts live elsewhere than anomalies, so a filter by verdict becomes one by ids. */
async function idsOf(deps: EstateRouteDeps, tenant: string, verdict: Wish['verdict']): Promise<AnomalySearch['ids']> {
  if (verdict === undefined) return undefined
  const wanted = verdict === 'none' ? {} : { verdict }
  const judged = await deps.verdicts.judged(tenant, { ...wanted, limit: VERDICTS_MAX })
  return { only: verdict !== 'none', list: judged.map(({ id }) => id) }
}

function verdictFits(item: AnomalyItem, verdict: Wish['verdict']): boolean {
  return verdict === undefined || (verdict === 'none' ? item.verdict === null : item.verdict === verdict)
}

const isBefore = (a: AnomalyPlace, b: AnomalyPlace): boolean =>
  a.startMs === b.startMs ? a.id < b.id : a.startMs < b.startMs
const placeOf = ({ startMs, item }: Finding): AnomalyPlace => ({ startMs, id: item.id })

/** Puts what memory knows better over what the store has, newest first. */
export function mergeRecent(
  stored: readonly Finding[],
  recent: Iterable<Finding>,
  page: { search: AnomalySearch; after: AnomalyPlace | null; more: boolean },
): Finding[] {
  const merged = new Map(stored.map((finding) => [finding.item.id, finding]))
  const last = stored.at(-1)
  for (const finding of recent) {
    const place = placeOf(finding)
    const known = merged.get(finding.item.id)
    if (known && known.revision > finding.revision) continue
    if (page.after !== null && !isBefore(place, page.after)) continue
    // Behind the last of a full page there may be others that were not read.
    if (!known && page.more && last && isBefore(place, placeOf(last))) continue
    if (fits(finding, page.search)) merged.set(finding.item.id, finding)
    else merged.delete(finding.item.id)
  }
  return [...merged.values()].sort((a, b) => (isBefore(placeOf(a), placeOf(b)) ? 1 : -1))
}

function fits({ item, startMs }: Finding, search: AnomalySearch): boolean {
  if (search.process !== undefined && item.processId !== search.process) return false
  if (search.severity !== undefined && item.severity !== search.severity) return false
  if (search.type !== undefined && item.type !== search.type) return false
  if (search.state !== undefined && (item.endedAt === null) !== (search.state === 'open')) return false
  if (search.from !== undefined && startMs < search.from) return false
  if (search.to !== undefined && startMs >= search.to) return false
  if (search.ids && search.ids.list.includes(item.id) !== search.ids.only) return false
  const text = `${item.processId}\n${item.description}`.toLowerCase()
  return search.words.every((word) => text.includes(word))
}

/** With what people said of them, and the alerts that they are part of. */
async function withJudgements(
  deps: EstateRouteDeps,
  tenant: string,
  findings: readonly Finding[],
): Promise<AnomalyItem[]> {
  const ids = findings.map(({ item }) => item.id)
  const [verdicts, alerts] = await Promise.all([deps.verdicts.of(tenant, ids), deps.alerts.alertsOf(tenant, ids)])
  return findings.map(({ item }) => ({
    ...item,
    verdict: verdicts.get(item.id) ?? null,
    alertId: alerts.get(item.id) ?? item.alertId,
  }))
}

/** Errors: 404, also for an anomaly of another tenant. */
export async function knownAnomaly(deps: EstateRouteDeps, tenant: string, id: string): Promise<AnomalyItem> {
  const finding = deps.estate.tenant(tenant).findings.anomaly(id) ?? (await readAnomaly(deps.store, tenant, id))
  if (!finding) throw notFound('anomaly', id)
  return (await withJudgements(deps, tenant, [finding]))[0]!
}

function one(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/anomalies/{id}',
    summary: 'One anomaly',
    tag: 'Anomalies and alerts',
    params: anomalyIdParam,
    status: 200,
    response: anomaly,
    refusals: [404],
    handle: async ({ tenant, params }) => ({ body: await knownAnomaly(deps, tenant, params.id) }),
  })
}

function judge(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/anomalies/{id}/verdict',
    summary: 'Say whether an anomaly was real, noise or expected; the last word counts',
    tag: 'Anomalies and alerts',
    params: anomalyIdParam,
    body: verdictBody,
    status: 200,
    response: anomaly,
    refusals: [404, 413, 415],
    async handle({ tenant, params, body, principal }) {
      const found = await knownAnomaly(deps, tenant, params.id)
      const subject = { id: found.id, process: found.processId, type: found.type }
      await deps.verdicts.give(signedIn(principal), subject, body.verdict)
      const judged = { ...found, verdict: body.verdict }
      deps.estate.tenant(tenant).findings.applyVerdict(found.id, body.verdict)
      deps.announce.anomaly(tenant, judged)
      return { body: judged }
    },
  })
}

function quality(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/detection/quality',
    summary: 'How many anomalies of each type were found, and how people judged them',
    tag: 'Anomalies and alerts',
    query: qualityQuery,
    status: 200,
    response: detectionQuality,
    async handle({ tenant, query }) {
      const toMs = query.to ?? deps.clock.nowMs()
      const range = { fromMs: query.from ?? toMs - 30 * DAY_MS, toMs }
      // Nobody judges what has not begun, so older verdicts are of older anomalies.
      const [found, judged] = await Promise.all([
        countAnomalies(deps.store, tenant, range),
        deps.verdicts.judged(tenant, { sinceMs: range.fromMs, limit: VERDICTS_MAX }),
      ])
      const ids = judged.map(({ id }) => id)
      const inRange = await readIdsInRange(deps.store, tenant, range, ids)
      const types = found.map(({ type, count }) => {
        const of = (verdict: VerdictName): number =>
          judged.filter((each) => each.type === type && each.verdict === verdict && inRange.has(each.id)).length
        const said = { real: of('real'), noise: of('noise'), expected: of('expected') }
        return { type, found: count, ...said, precision: precisionOf(said) }
      })
      return { body: { types, from: new Date(range.fromMs).toISOString(), to: new Date(range.toMs).toISOString() } }
    },
  })
}

/** Share of those that were trouble, among those that were or were nothing; null without any. */
export function precisionOf({ real, noise }: { real: number; noise: number }): number | null {
  return real + noise === 0 ? null : real / (real + noise)
}
