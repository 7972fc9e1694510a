import { checkExpression, parseExpression } from '@driftline/proto/expressions/index'
import { z } from 'zod'
import type { StoredDetection } from '../access/detection-settings.ts'
import { ProblemError } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import type { Problem } from '../schemas/common.ts'
import { processIdParam } from '../schemas/common.ts'
import { type DetectionSettingsBody, detectionAnswer, detectionSettings } from '../schemas/detection.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'
import { signedIn } from './sessions.ts'

export function detectionRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [read(deps), put(deps), reset(deps)]
}

const PATH = '/api/v1/processes/{id}/detection'
const TAG = 'Anomalies and alerts'

function read(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: PATH,
    summary: 'What is set about the detection of a process',
    tag: TAG,
    params: processIdParam,
    status: 200,
    response: detectionAnswer,
    refusals: [404],
    async handle({ tenant, params }) {
      const state = knownProcess(deps, tenant, params.id)
      return { body: await answer(deps, tenant, state.id, await deps.detection.one(tenant, state.id)) }
    },
  })
}

function put(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'put',
    path: PATH,
    summary: 'Replace what is set about the detection of a process: thresholds, expressions, sensitivity, types',
    tag: TAG,
    params: processIdParam,
    body: detectionSettings,
    status: 200,
    response: detectionAnswer,
    refusals: [404, 413, 415],
    async handle({ tenant, params, body, principal }) {
      const state = knownProcess(deps, tenant, params.id)
      const series = deps.estate.tenant(tenant).series.ofProcess(state.id)
      refuseWrongExpressions(body, (metric) => series.find((each) => each.metric === metric)?.unit)
      const by = signedIn(principal)
      deps.names.note(by)
      const stored = await deps.detection.put(by, state.id, body)
      await deps.publishSettings()
      return { body: await answer(deps, tenant, state.id, (await deps.detection.one(tenant, state.id)) ?? stored) }
    },
  })
}

function reset(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'delete',
    path: PATH,
    summary: 'Judge a process by the settings of the installation again',
    tag: TAG,
    params: processIdParam,
    status: 204,
    response: z.null(),
    refusals: [404],
    async handle({ tenant, params, principal }) {
      const state = knownProcess(deps, tenant, params.id)
      const stored = await deps.detection.reset(signedIn(principal), state.id)
      if (stored) await deps.publishSettings()
      return { body: null }
    },
  })
}

async function answer(deps: EstateRouteDeps, tenant: string, processId: string, stored: StoredDetection | null) {
  await deps.names.learn(tenant, [stored?.updatedBy ?? null])
  return {
    processId,
    settings: stored?.settings ?? { disabledTypes: [], thresholds: [], expressions: [] },
    version: stored?.version ?? 0,
    effectiveAt: stored?.effectiveAt.toISOString() ?? null,
    published: stored === null || stored.publishedVersion >= stored.version,
    updatedAt: stored?.updatedAt.toISOString() ?? null,
    updatedBy: stored === null ? null : deps.names.nameOf(tenant, stored.updatedBy),
  }
}

/** Errors: 400 that says of each wrong expression what is wrong, and at which character. */
function refuseWrongExpressions(
  { expressions }: DetectionSettingsBody,
  unitOf: (metric: string) => string | undefined,
): void {
  const errors: NonNullable<Problem['errors']> = []
  for (const [index, { expression }] of expressions.entries()) {
    const parsed = parseExpression(expression)
    const checked = parsed.ok ? checkExpression(parsed.value, unitOf) : parsed
    if (checked.ok) continue
    const { message, offset, length } = checked.error
    const reason = `is wrong at character ${offset + 1}: ${message}`
    errors.push({ parameter: `expressions.${index}.expression`, reason, offset, length })
  }
  if (errors.length === 0) return
  const detail = errors.map(({ parameter, reason }) => `${parameter} ${reason}`).join('; ')
  throw new ProblemError(400, 'bad_request', detail, { errors })
}
