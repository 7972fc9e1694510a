import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import { AppError } from '@driftline/platform/errors'
import type { RunEvent } from '@driftline/proto'
import { decodePlace, encodeCursor } from '../http/cursors.ts'
import { notFound, ProblemError } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { signedIn } from '../routes/sessions.ts'
import { processIdParam } from '../schemas/common.ts'
import {
  type CheckFilter,
  cancelling,
  check,
  checkFilter,
  checkList,
  checkParam,
  estateCheckFilter,
  evidenceList,
  started,
  stepParam,
} from './check-schemas.ts'
import { checkOf, headerOf } from './check-views.ts'
import { TAG } from './flow-routes.ts'
import type { FlowRouteDeps } from './route-deps.ts'
import { type EvidenceRow, readEvidence } from './run-queries.ts'
import { readRunTerms } from './run-words.ts'

export function checkRoutes(deps: FlowRouteDeps): AnyRoute[] {
  return [start(deps), ofProcess(deps), list(deps), one(deps), cancel(deps), evidenceOf(deps)]
}

function start(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/processes/{id}/checks',
    summary: 'Run a business process now; the check is readable at once',
    tag: TAG,
    params: processIdParam,
    status: 202,
    response: started,
    refusals: [404],
    async handle({ tenant, params, principal }) {
      const by = signedIn(principal)
      const wish = {
        flow: params.id,
        trigger: by.kind === 'user' ? ('button' as const) : ('api' as const),
        initiatedBy: actorOf(by),
        initiatedByName: by.name,
      }
      const asked = await deps.checkQueue.request(tenant, wish)
      if (asked === null) throw new ProblemError(409, 'metadata_conflict', 'This check was asked for already')
      await audit(deps, by, 'check.request', params.id, asked.checkId)
      return { body: { checkId: asked.checkId } }
    },
  })
}

async function audit(deps: FlowRouteDeps, by: Principal, action: string, flow: string, checkId: string): Promise<void> {
  const record = { tenant: by.tenant, actor: actorOf(by), action, subject: `process:${flow}`, detail: { checkId } }
  await recordAudit(deps.metadata.db, record, deps.clock.nowMs())
}

function ofProcess(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/processes/{id}/checks',
    summary: 'Runs of a business process, newest first, those that wait and run among them',
    tag: TAG,
    params: processIdParam,
    query: checkFilter,
    status: 200,
    response: checkList,
    refusals: [404],
    async handle({ tenant, params, query }) {
      const page = await pageOf(deps, tenant, { ...query, process: params.id })
      const isKnown = page.items.length > 0 || deps.estate.tenant(tenant).processes.has(params.id)
      if (!isKnown && !deps.book.of(tenant).has(params.id)) throw notFound('process', params.id)
      return { body: page }
    },
  })
}

function list(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/checks',
    summary: 'Runs of all business processes, newest first, those that wait and run among them',
    tag: TAG,
    query: estateCheckFilter,
    status: 200,
    response: checkList,
    handle: async ({ tenant, query }) => ({ body: await pageOf(deps, tenant, query) }),
  })
}

async function pageOf(deps: FlowRouteDeps, tenant: string, query: CheckFilter) {
  const place = decodePlace(query.cursor)
  const search = {
    process: query.process,
    status: query.status,
    trigger: query.trigger,
    fromMs: query.from,
    toMs: query.to,
    terms: readRunTerms(query.q),
  }
  const after = place && { requestedMs: place.timeMs, id: place.id }
  const { runs, next } = await deps.reader.list(tenant, search, { limit: query.limit, after })
  return { items: runs.map(headerOf), nextCursor: next === null ? null : encodeCursor([next.requestedMs, next.id]) }
}

/** Errors: 404. */
export async function knownRun(deps: Pick<FlowRouteDeps, 'reader'>, tenant: string, id: string): Promise<RunEvent> {
  const event = await deps.reader.read(tenant, id)
  if (event === null) throw notFound('check', id)
  return event
}

function one(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/checks/{id}',
    summary: 'A run with its steps, every attempt and its log, as far as it has come',
    tag: TAG,
    params: checkParam,
    status: 200,
    response: check,
    refusals: [404],
    async handle({ tenant, params, principal }) {
      const event = await knownRun(deps, tenant, params.id)
      const body = checkOf(event)
      const mayRead = signedIn(principal).permissions.has('runs:evidence')
      if (!mayRead || !body.steps.some(({ hasEvidence }) => hasEvidence)) return { body }
      const seen = await readEvidence(deps.store, tenant, { run: event.run, kind: 'body' })
      const texts = new Map(seen.map((each) => [each.step, beginningOf(each)]))
      for (const step of body.steps) {
        const text = texts.get(step.stepNumber)
        if (text && step.errorMessage !== null) step.errorMessage = `${step.errorMessage}; body starts ${text}`
      }
      return { body }
    },
  })
}

const BEGINNING_LENGTH = 200

function beginningOf(evidence: EvidenceRow): string {
  const text = textOf(evidence)
  return text === null ? '' : text.slice(0, BEGINNING_LENGTH).trim()
}

/** Null for what is no text. */
function textOf({ mediaType, base64 }: EvidenceRow): string | null {
  if (!/^text\/|[/+](json|xml|yaml|javascript)\b|x-www-form-urlencoded/i.test(mediaType)) return null
  return Buffer.from(base64, 'base64').toString('utf8')
}

function cancel(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/checks/{id}',
    summary: 'Cancel a run: the current step is broken off, and those after it are not begun',
    tag: TAG,
    params: checkParam,
    status: 202,
    response: cancelling,
    refusals: [404, 409],
    async handle({ tenant, params, principal }) {
      const by = signedIn(principal)
      const ended = new ProblemError(409, 'check_ended', 'This check has ended already')
      const event = await knownRun(deps, tenant, params.id)
      if (event.endMs > 0n) throw ended
      try {
        if ((await deps.checkQueue.cancel(tenant, params.id, actorOf(by))) === 'ended') throw ended
      } catch (error) {
        // Whatever the queue no longer has ended more than an hour ago.
        if (error instanceof AppError && error.code === 'not_found') throw ended
        throw error
      }
      await audit(deps, by, 'check.cancel', event.process, params.id)
      return { body: { checkId: params.id, status: 'cancelling' as const } }
    },
  })
}

function evidenceOf(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/checks/{id}/steps/{stepNumber}/evidence',
    summary: 'What a step that failed saw: the beginning of the body, or a screenshot; kept for a week',
    tag: TAG,
    params: stepParam,
    status: 200,
    response: evidenceList,
    refusals: [404],
    async handle({ tenant, params }) {
      await knownRun(deps, tenant, params.id)
      const found = await readEvidence(deps.store, tenant, { run: params.id, step: params.stepNumber })
      const body = found.map((each) => {
        const { attempt, kind, mediaType, base64 } = each
        const text = textOf(each)
        return { attempt, kind, mediaType, ...(text === null ? { base64 } : { text }) }
      })
      return { body }
    },
  })
}
