import { agentMetrics, processId } from '@driftline/proto'
import { LEARNING_MS } from '../estate/status.ts'
import type { TenantEstate } from '../estate/tenant-estate.ts'
import { isLoopback } from '../http/origin.ts'
import { type AnyRoute, route } from '../http/route.ts'
import type { Cache, CacheLine } from '../queries/cache.ts'
import { readBeginning } from '../queries/kpis.ts'
import { countDeadLetters, readStorage, type TableSize } from '../queries/operations.ts'
import { retention, status } from '../schemas/operations.ts'
import type { AgentDoor } from '../service.ts'
import type { EstateRouteDeps } from './deps.ts'

export interface OperationsRouteDeps extends EstateRouteDeps {
  readonly version: string
  readonly startedAtMs: number
  readonly beginningCache: Cache<number | null>
  readonly storageCache: Cache<TableSize[]>
  readonly deadLetterCache: Cache<{ last24h: number; total: number }>
  readonly caches: () => readonly CacheLine[]
  readonly live: () => { clients: number; dropped: number; medianMs: number | null; p99Ms: number | null }
  readonly agentsAddress: string | null
  readonly agentDoor: () => AgentDoor | null
  /** What is wrong with Driftline itself, in words. */
  readonly warnings: () => Promise<readonly string[]>
}

export function operationsRoutes(deps: OperationsRouteDeps): AnyRoute[] {
  return [statusRoute(deps), retentionRoute(deps)]
}

function statusRoute(deps: OperationsRouteDeps): AnyRoute {
  const { clock, store } = deps
  return route({
    method: 'get',
    path: '/api/v1/status',
    summary: 'How Driftline itself is doing',
    tag: 'Operations',
    status: 200,
    response: status,
    cache: 'no-store',
    async handle({ tenant }) {
      const mine = deps.estate.tenant(tenant)
      const nowMs = clock.nowMs()
      const [storedSinceMs, tables, letters, warnings] = await Promise.all([
        orNull(deps.beginningCache.get(tenant, () => readBeginning(store, tenant))),
        orNull(deps.storageCache.get('all', () => readStorage(store))),
        orNull(deps.deadLetterCache.get(tenant, () => countDeadLetters(store, tenant, nowMs))),
        deps.warnings(),
      ])
      const live = deps.live()
      return {
        body: {
          version: deps.version,
          startedAt: new Date(deps.startedAtMs).toISOString(),
          ...beginningOf(mine, storedSinceMs, nowMs),
          samplesPerSecond: mine.sampleRate.perSecond(nowMs),
          sourceToScreen: { medianMs: live.medianMs, p99Ms: live.p99Ms },
          spooledBatches: mine.sources.behind(nowMs),
          spooledBytes: spooledBytes(mine, nowMs),
          missedBatches: mine.sources.missed(),
          deadLetters: letters ?? { last24h: null, total: null },
          storage: {
            bytes: tables && sum(tables, 'bytes'),
            rows: tables && sum(tables, 'rows'),
            tables: tables ?? [],
          },
          liveClients: live.clients,
          slowClientsDropped: live.dropped,
          estate: { hosts: mine.hosts.size, processes: mine.processes.size, series: mine.series.size() },
          caches: [...deps.caches()],
          agents: agentsOf(deps),
          warnings: [...warnings],
        },
      }
    },
  })
}

function agentsOf({ agentsAddress, agentDoor }: OperationsRouteDeps) {
  const door = agentDoor()
  return {
    address: agentsAddress,
    port: door?.port ?? null,
    tls: door?.tls ?? null,
    loopbackOnly: door === null ? null : isLoopback(door.bind) || door.bind === 'localhost',
  }
}

/** Where the data of hosts begins, by the store and by what has come since; and until when they are learned. */
function beginningOf(estate: TenantEstate, storedSinceMs: number | null, nowMs: number) {
  const firsts = [...estate.processes.values()].filter(({ kind }) => kind === 'host').map((host) => host.firstSeenMs)
  const liveSinceMs = Math.min(...firsts)
  // The store knows minutes only: within the same minute, what was seen live is more exact.
  const earlier = storedSinceMs !== null && storedSinceMs < liveSinceMs - MINUTE_MS
  const sinceMs = earlier ? storedSinceMs : liveSinceMs
  const learnedMs = Math.max(...firsts) + LEARNING_MS
  return {
    dataSince: Number.isFinite(sinceMs) ? new Date(sinceMs).toISOString() : null,
    learningUntil: learnedMs > nowMs ? new Date(learnedMs).toISOString() : null,
  }
}

const MINUTE_MS = 60_000
const FRESH_MS = 60_000

function spooledBytes(estate: TenantEstate, nowMs: number): number {
  let bytes = 0
  for (const host of estate.hosts.keys()) {
    for (const series of estate.series.ofProcess(processId('host', host))) {
      if (series.metric === agentMetrics.spoolBytes.name && nowMs - series.timeMs < FRESH_MS) bytes += series.value
    }
  }
  return bytes
}

const RAW_TABLES = new Set(['samples', 'kpis', 'snapshots'])

function retentionRoute(deps: OperationsRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/settings/retention',
    summary: 'How long data is kept, and what that costs',
    tag: 'Operations',
    status: 200,
    response: retention,
    async handle() {
      const tables = await orNull(deps.storageCache.get('all', () => readStorage(deps.store)))
      const raw = tables?.filter((each) => RAW_TABLES.has(each.table)) ?? null
      const samples = tables?.find((each) => each.table === 'samples')
      const bytesPerSample = samples && samples.rows > 0 ? samples.bytes / samples.rows : null
      const perSecond = sumOf([...deps.estate.tenants()], (each) => each.sampleRate.perSecond(deps.clock.nowMs()))
      return {
        body: {
          rawSeconds: deps.retention.rawMs / 1000,
          rollupSeconds: deps.retention.rollupMs / 1000,
          cost: {
            rawBytes: raw && sum(raw, 'bytes'),
            rollupBytes:
              tables &&
              sum(
                tables.filter((each) => !RAW_TABLES.has(each.table)),
                'bytes',
              ),
            bytesPerSample,
            bytesPerDay: raw && bytesPerDay(raw, samples?.rows ?? 0, perSecond),
          },
        },
      }
    },
  })
}

/** All raw tables grow with the samples, so what they hold per stored sample foretells a day at the present rate. */
function bytesPerDay(raw: readonly TableSize[], storedSamples: number, samplesPerSecond: number): number | null {
  if (storedSamples === 0) return null
  return Math.round((sum(raw, 'bytes') / storedSamples) * samplesPerSecond * 86_400)
}

function sum(tables: readonly TableSize[], field: 'bytes' | 'rows'): number {
  return sumOf(tables, (each) => each[field])
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}

/** The status page must answer when the store does not. */
async function orNull<T>(value: Promise<T>): Promise<T | null> {
  try {
    return await value
  } catch {
    return null
  }
}
