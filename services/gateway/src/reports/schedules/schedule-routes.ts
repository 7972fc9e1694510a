import type { Metadata } from '@driftline/platform/metadata/metadata'
import { z } from 'zod'
import type { ActorNames } from '../../access/actor-names.ts'
import { type AnyRoute, route } from '../../http/route.ts'
import { signedIn } from '../../routes/sessions.ts'
import { idParam } from '../../schemas/access.ts'
import { listOf } from '../../schemas/common.ts'
import { reportSchedule, reportScheduleInput } from './schedule-schemas.ts'
import type { ScheduleRow, ScheduleStore } from './schedule-store.ts'
import { viewSchedules } from './schedule-views.ts'
import type { ReportScheduler } from './scheduler.ts'

export interface ScheduleRouteDeps {
  readonly reportSchedules: ScheduleStore
  readonly reportScheduler: Pick<ReportScheduler, 'sendNow'>
  readonly metadata: Metadata
  readonly names: ActorNames
}

const PATH = '/api/v1/report-schedules'
const tag = 'Reports'

/** Reports that are sent by mail. */
export function scheduleRoutes(deps: ScheduleRouteDeps): AnyRoute[] {
  const { reportSchedules: schedules, reportScheduler: scheduler } = deps
  const view = async (row: ScheduleRow) => (await viewSchedules([row], deps))[0]!
  return [
    route({
      method: 'get',
      path: PATH,
      summary: 'Reports that are sent by mail, and what became of the last ones; all of them, at most 200',
      tag,
      status: 200,
      response: listOf(reportSchedule),
      handle: async ({ tenant }) => ({
        body: { items: await viewSchedules(await schedules.list(tenant), deps), nextCursor: null },
      }),
    }),
    route({
      method: 'post',
      path: PATH,
      summary: 'Send a report by mail again and again',
      tag,
      body: reportScheduleInput,
      status: 201,
      response: reportSchedule,
      refusals: [413, 415],
      handle: async ({ principal, body }) => ({ body: await view(await schedules.create(signedIn(principal), body)) }),
    }),
    route({
      method: 'put',
      path: `${PATH}/{id}`,
      summary: 'Change what is sent, when or to whom',
      tag,
      params: idParam,
      body: reportScheduleInput,
      status: 200,
      response: reportSchedule,
      refusals: [404, 413, 415],
      handle: async ({ principal, params, body }) => ({
        body: await view(await schedules.update(signedIn(principal), params.id, body)),
      }),
    }),
    route({
      method: 'delete',
      path: `${PATH}/{id}`,
      summary: 'Send it no more; mails that have not been delivered are withdrawn',
      tag,
      params: idParam,
      status: 204,
      response: z.null(),
      refusals: [404],
      async handle({ principal, params }) {
        await schedules.remove(signedIn(principal), params.id)
        return { body: null }
      },
    }),
    route({
      method: 'post',
      path: `${PATH}/{id}/send`,
      summary: 'Make the report of its period now and send it, beside its times',
      tag,
      params: idParam,
      status: 202,
      response: z.object({ fileId: z.string().describe('The same for every recipient') }),
      refusals: [404],
      async handle({ tenant, params }) {
        return { body: { fileId: await scheduler.sendNow(await schedules.get(tenant, params.id)) } }
      },
    }),
  ]
}
