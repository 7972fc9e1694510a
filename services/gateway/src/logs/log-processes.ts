import type { StoredSource } from '@driftline/ingest/source-store'
import { processId } from '@driftline/proto'
import type { Cache } from '../queries/cache.ts'

/** Which logs belong to which process, by the definitions of sources. */
export interface LogProcesses {
  /** The process itself and the logs that belong to it. */
  of(tenant: string, process: string, known: Iterable<string>): Promise<string[]>
}

export interface LogSource {
  readonly processId: string
  /** Whether each sending host has a process of its own, named behind `processId`. */
  readonly byHost: boolean
  readonly relatedProcess: string | null
}

/** More logs of one process than this are not searched together. */
const RELATED_MAX = 200

export function createLogProcesses(deps: {
  readonly list: (tenant: string) => Promise<StoredSource[]>
  readonly cache: Cache<LogSource[]>
}): LogProcesses {
  return {
    async of(tenant, process, known) {
      const sources = await deps.cache.get(tenant, async () => logSourcesOf(await deps.list(tenant)))
      const mine = sources.filter(({ relatedProcess }) => relatedProcess === process)
      const byHost = mine.filter((each) => each.byHost).map((each) => `${each.processId}:`)
      const found = new Set([process, ...mine.map((each) => each.processId)])
      if (byHost.length > 0) {
        for (const id of known) if (byHost.some((prefix) => id.startsWith(prefix))) found.add(id)
      }
      return [...found].slice(0, RELATED_MAX)
    },
  }
}

/** What sources of logs say of processes. */
export function logSourcesOf(sources: readonly StoredSource[]): LogSource[] {
  return sources.flatMap((source) => {
    const log = logSourceOf(source)
    return log ? [log] : []
  })
}

/** Null for a source that is none of logs. */
export function logSourceOf({ kind, name, definition }: StoredSource): LogSource | null {
  if (kind !== 'file' && kind !== 'syslog') return null
  const said = (definition ?? {}) as { process?: unknown; relatedProcess?: unknown; byHost?: unknown }
  return {
    processId: typeof said.process === 'string' && said.process !== '' ? said.process : processId('log', name),
    byHost: said.byHost === true,
    relatedProcess: typeof said.relatedProcess === 'string' && said.relatedProcess !== '' ? said.relatedProcess : null,
  }
}
