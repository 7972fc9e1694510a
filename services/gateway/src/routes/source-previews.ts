import type { PreviewRow, SourceAsks } from '@driftline/ingest/source-asks'
import { withSavedSecrets } from '@driftline/ingest/source-store'
import { actorOf } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import { z } from 'zod'
import { notFound } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { preview, previewAsk, sourceParam } from '../schemas/sources.ts'
import { refuseFilesTo } from '../sources/permissions.ts'
import { toPreview } from '../sources/preview-view.ts'
import { refuseWrongDefinition } from '../sources/source-checks.ts'
import { knownSource, type SourceViewDeps } from '../sources/source-views.ts'
import { signedIn } from './sessions.ts'
import { translated } from './sources.ts'

export interface PreviewRouteDeps extends SourceViewDeps {
  readonly sourceAsks: SourceAsks
}

const TAG = 'Sources'

export function sourcePreviewRoutes(deps: PreviewRouteDeps): AnyRoute[] {
  return [ask(deps), read(deps), cancel(deps)]
}

function ask(deps: PreviewRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/source-previews',
    summary: 'See what a draft of a source would make of what really comes in, before it is saved',
    tag: TAG,
    body: previewAsk,
    status: 201,
    response: preview,
    refusals: [404, 413, 415],
    async handle({ tenant, body, principal }) {
      const by = signedIn(principal)
      refuseFilesTo(by, body.kind)
      refuseWrongDefinition(body.kind, body.definition)
      if (body.source !== undefined) {
        const saved = await knownSource(deps, tenant, body.source)
        // A draft of another kind must not be given the secrets of this one.
        if (saved.kind !== body.kind) throw notFound(`source of kind ${body.kind}`, body.source)
      }
      const draft = {
        kind: body.kind,
        source: body.source ?? '',
        definition: body.definition,
        secrets: body.secrets ?? {},
      }
      // Refuses secrets that were given for another address at once, not only when the service takes it up.
      await translated(withSavedSecrets(deps.metadata, deps.sealer, tenant, draft))
      const { id } = await translated(deps.sourceAsks.preview(tenant, draft, actorOf(by)))
      return { body: toPreview(await ownPreview(deps, by, id), deps.clock.nowMs()) }
    },
  })
}

/** A preview shows what comes in: only to whoever asked for it. Errors: 404. */
export async function ownPreview(
  { sourceAsks }: { readonly sourceAsks: SourceAsks; readonly clock: Clock },
  by: Principal,
  id: string,
): Promise<PreviewRow> {
  const row = await sourceAsks.readPreview(by.tenant, id)
  if (!row || row.requestedBy !== actorOf(by)) throw notFound('preview', id)
  return row
}

function read(deps: PreviewRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/source-previews/{id}',
    summary: 'What a preview shows now; asking renews it for 30 s',
    tag: TAG,
    params: sourceParam,
    status: 200,
    response: preview,
    cache: 'no-store',
    refusals: [404],
    async handle({ tenant, params, principal }) {
      const row = await ownPreview(deps, signedIn(principal), params.id)
      await deps.sourceAsks.renewPreview(tenant, row.id)
      return { body: toPreview(row, deps.clock.nowMs()) }
    },
  })
}

function cancel(deps: PreviewRouteDeps): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/source-previews/{id}',
    summary: 'End a preview',
    tag: TAG,
    params: sourceParam,
    status: 204,
    response: z.null(),
    refusals: [404],
    async handle({ tenant, params, principal }) {
      const row = await ownPreview(deps, signedIn(principal), params.id)
      await deps.sourceAsks.cancelPreview(tenant, row.id)
      return { body: null }
    },
  })
}
