import { randomUUID } from 'node:crypto'
import { definitionSchemas, secretSchemas } from '@driftline/ingest/definitions/source'
import type { PreviewAnswer } from '@driftline/ingest/request-types'
import type { PreviewTask } from '@driftline/ingest/source-requests'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { connectionOptions } from './broker-link.ts'
import { createSession, type SessionState, sessionBackoff } from './client/session.ts'
import type { TimeBounds } from './mapping/mapper.ts'
import type { MqttMessage } from './message.ts'
import { createPreviewView, type PreviewView } from './preview-view.ts'

/** Listens to what comes to the embedded broker for a tenant. */
export interface EmbeddedTap {
  readonly tenant: string
  take(message: MqttMessage): void
}

export interface PreviewsConfig {
  readonly bounds: TimeBounds
  readonly embedded: boolean
}

export interface PreviewsDeps {
  readonly taps: Set<EmbeddedTap>
  readonly logger: Logger
  readonly clock: Clock
}

/** Shows what drafts make of what really comes: over a connection of their own, at QoS 0, and nothing is stored. */
export interface Previews {
  run(task: PreviewTask, report: (answer: PreviewAnswer) => void, signal: AbortSignal): Promise<void>
}

const REPORT_MS = 500

export function createPreviews(config: PreviewsConfig, deps: PreviewsDeps): Previews {
  const { clock } = deps
  return {
    async run(task, report, signal) {
      const definition = definitionSchemas.mqtt.safeParse(task.definition)
      const secrets = secretSchemas.mqtt.safeParse(task.secrets ?? {})
      if (!definition.success || !secrets.success) {
        const issues = [definition.error, secrets.error].flatMap((error) => error?.issues ?? [])
        report(failure(issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n')))
        return
      }
      const { tenant } = task
      const view = createPreviewView(definition.data, config.bounds, clock.nowMs())
      const source = { tenant, id: task.source || task.id, kind: 'mqtt' as const, name: '', active: true, version: 0 }
      const listen = definition.data.broker.url === 'embedded' ? listenEmbedded : listenToBroker
      const stop = listen({ ...source, definition: definition.data, secrets: secrets.data }, view)
      const timer = setInterval(() => report(view.answer(clock.nowMs())), REPORT_MS)
      try {
        await aborted(signal)
      } finally {
        clearInterval(timer)
        await stop()
      }
    },
  }

  function listenEmbedded({ tenant }: { readonly tenant: string }, view: PreviewView): () => Promise<void> {
    const tap: EmbeddedTap = { tenant, take: (message) => view.take(message) }
    if (config.embedded) view.state('waiting', '')
    else view.state('failed', 'The embedded broker is switched off: set mqtt.embedded.')
    deps.taps.add(tap)
    return async () => void deps.taps.delete(tap)
  }

  function listenToBroker(source: Parameters<typeof connectionOptions>[0], view: PreviewView): () => Promise<void> {
    const connection = {
      ...connectionOptions(source),
      clientId: `driftline-preview-${randomUUID().slice(0, 8)}`,
      clean: true,
      sessionExpirySeconds: 0,
    }
    const changed = (state: SessionState): void => {
      if (state.phase === 'connected') view.state('waiting', '')
      else if (state.phase === 'failed') view.state('failed', state.problem.message)
      else if (state.phase === 'connecting') view.state('connecting', '')
    }
    const session = createSession(
      { connection, filters: view.filters, qos: 0, backoff: sessionBackoff },
      {
        taker: { take: (message) => view.take(message), changed },
        logger: deps.logger,
        nowMs: () => clock.nowMs(),
        random: Math.random,
      },
    )
    session.start()
    return () => session.stop()
  }
}

const failure = (message: string): PreviewAnswer => ({
  state: 'failed',
  message,
  perSecond: 0,
  items: [],
  unmapped: [],
  detected: null,
})

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
