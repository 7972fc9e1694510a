import type { Clock } from '@driftline/platform/clock'
import type { VerdictCount } from '../access/verdicts.ts'
import type { RunStats, StepNormal } from '../flows/run-figures.ts'
import type { LogSource } from '../logs/log-processes.ts'
import { type Cache, createCache } from './cache.ts'
import type { TableSize } from './operations.ts'
import type { SeriesDefinition } from './samples.ts'
import type { StripHour } from './strip.ts'

/** Everything that the gateway answers from memory instead of the store; `/api/v1/status` lists it. */
export interface GatewayCaches {
  readonly seriesCache: Cache<SeriesDefinition[]>
  readonly firstSeenCache: Cache<number | null>
  readonly beginningCache: Cache<number | null>
  readonly storageCache: Cache<TableSize[]>
  readonly deadLetterCache: Cache<{ last24h: number; total: number }>
  readonly stripCache: Cache<StripHour>
  readonly verdictCache: Cache<VerdictCount[]>
  readonly logSourceCache: Cache<LogSource[]>
  readonly runStatsCache: Cache<ReadonlyMap<string, RunStats>>
  readonly stepNormalCache: Cache<StepNormal[]>
}

export function createCaches(clock: Clock): GatewayCaches {
  return {
    seriesCache: createCache(
      { name: 'series', about: 'Which series a metric of a process has', lifetimeMs: 30_000, limit: 10_000 },
      clock,
    ),
    firstSeenCache: createCache(
      { name: 'first-seen', about: 'When a process was first seen', lifetimeMs: 3_600_000, limit: 10_000 },
      clock,
    ),
    beginningCache: createCache(
      { name: 'beginning', about: 'When the data of a tenant begins', lifetimeMs: 3_600_000, limit: 1000 },
      clock,
    ),
    storageCache: createCache(
      { name: 'storage', about: 'Sizes of the tables on disk', lifetimeMs: 30_000, limit: 1 },
      clock,
    ),
    verdictCache: createCache(
      { name: 'verdicts', about: 'Counts of verdicts, for /metrics', lifetimeMs: 5000, limit: 1000 },
      clock,
    ),
    stripCache: createCache(
      { name: 'strip', about: 'Past hours of the drift of an estate', lifetimeMs: 3_600_000, limit: 2000 },
      clock,
    ),
    logSourceCache: createCache(
      { name: 'log-sources', about: 'Which logs belong to which process', lifetimeMs: 2000, limit: 1000 },
      clock,
    ),
    runStatsCache: createCache(
      { name: 'run-stats', about: 'How runs of flows went in 24 h', lifetimeMs: 2000, limit: 1000 },
      clock,
    ),
    stepNormalCache: createCache(
      { name: 'step-normals', about: 'How long steps of a flow usually take', lifetimeMs: 30_000, limit: 2000 },
      clock,
    ),
    deadLetterCache: createCache(
      { name: 'dead-letters', about: 'Counts of dead letters', lifetimeMs: 10_000, limit: 1000 },
      clock,
    ),
  }
}
