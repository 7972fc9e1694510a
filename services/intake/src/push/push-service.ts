import { createRequestDesk } from '@driftline/ingest/source-requests'
import { createStatusBoard } from '@driftline/ingest/source-status'
import { createSourceWatch } from '@driftline/ingest/source-watch'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { GrpcServiceBinding } from '@driftline/platform/grpc/grpc-server'
import type { Component } from '@driftline/platform/lifecycle'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { IngestHttp } from './http/ingest-http.ts'
import { createPush, type PushDeps } from './push.ts'
import type { PushConfig } from './push-config.ts'
import { createSourceRows } from './source-rows.ts'

/** The push doors with all that keeps them informed: what people set, how sources are doing, what is sent again. */
export interface PushService {
  /** In the order in which they start. */
  readonly components: readonly Component[]
  readonly http: IngestHttp
  readonly services: readonly GrpcServiceBinding[]
}

const SERVICE = 'intake'
const WATCH_EVERY_MS = 1000

export function createPushService(
  config: PushConfig,
  deps: Omit<PushDeps, 'board' | 'rows'> & { readonly metadata: Metadata; readonly sealer: Sealer },
): PushService {
  const { statusInstance: instance } = config
  const board = createStatusBoard({ service: SERVICE, instance }, deps)
  const push = createPush(config, { ...deps, board, rows: createSourceRows(deps) })
  const watch = createSourceWatch(
    { kinds: ['push'], everyMs: WATCH_EVERY_MS },
    { ...deps, onChange: (sources) => push.define(sources) },
  )
  const desk = createRequestDesk({ service: SERVICE, instance }, { ...deps, handlers: push.handlers })
  return { components: [board, watch, push, desk], http: push.http, services: push.services }
}
