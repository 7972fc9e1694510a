import { create, toBinary } from '@bufbuild/protobuf'
import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { AnomalySchema } from '@driftline/proto'
import { type AnyRoute, route } from '../http/route.ts'
import { anomalyMessage } from '../monitor/messages.ts'
import { alert, anomalyIdParam } from '../schemas/anomalies.ts'
import { knownAnomaly } from './anomalies.ts'
import type { EstateRouteDeps } from './deps.ts'
import { signedIn } from './sessions.ts'

const MADE_WITHIN_MS = 3000
const LOOK_EVERY_MS = 50

export interface AnomalyAlertDeps extends EstateRouteDeps {
  readonly metadata: Metadata
}

/** The alert of an anomaly. Alerts are the alerter's to make, so one that is missing is asked for and waited for. */
export function anomalyAlertRoutes(deps: AnomalyAlertDeps): AnyRoute[] {
  return [
    route({
      method: 'post',
      path: '/api/v1/anomalies/{id}/alert',
      summary: 'The alert of an anomaly, made when there is none',
      tag: 'Anomalies and alerts',
      params: anomalyIdParam,
      status: 200,
      response: alert,
      refusals: [404, 504],
      async handle({ tenant, params, principal }) {
        const item = await knownAnomaly(deps, tenant, params.id)
        const known = await alertOf(deps, tenant, item.id)
        if (known !== null) return { body: known }
        const by = signedIn(principal)
        const message = create(AnomalySchema, { ...anomalyMessage(item), tenant, revision: 1 })
        const row = {
          tenant,
          anomaly_id: item.id,
          anomaly: Buffer.from(toBinary(AnomalySchema, message)).toString('base64'),
          requested_by: actorOf(by),
          created_at: new Date(deps.clock.nowMs()),
        }
        await deps.metadata.transaction(async (transaction) => {
          const asked = await transaction
            .insertInto('alert_requests')
            .values(row)
            .onConflict((conflict) => conflict.columns(['tenant', 'anomaly_id']).doNothing())
            .returning('anomaly_id')
            .executeTakeFirst()
          const record = { tenant, actor: actorOf(by), action: 'alert.request', subject: `anomaly:${item.id}` }
          if (asked !== undefined) await recordAudit(transaction, record, deps.clock.nowMs())
        })
        return { body: await untilMade(deps, tenant, item.id) }
      },
    }),
  ]
}

async function alertOf({ alerts }: EstateRouteDeps, tenant: string, anomalyId: string) {
  const id = (await alerts.alertsOf(tenant, [anomalyId])).get(anomalyId)
  return id === undefined ? null : alerts.one(tenant, id)
}

/** Errors: `timeout`, when no alerter is running or it is busy; the request stands and is met later. */
async function untilMade(deps: EstateRouteDeps, tenant: string, anomalyId: string) {
  const deadlineMs = deps.clock.nowMs() + MADE_WITHIN_MS
  while (deps.clock.nowMs() < deadlineMs) {
    const made = await alertOf(deps, tenant, anomalyId)
    if (made !== null) return made
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  throw new AppError('timeout', 'The alert was asked for and is not made yet; ask again in a moment', {
    retryable: true,
  })
}
