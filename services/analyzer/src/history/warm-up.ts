import type { Logger } from '@driftline/platform/logger'
import { MetricKind } from '@driftline/proto'
import type { StepConfig } from '../config.ts'
import { ownTrack } from '../model/columns.ts'
import { laneOfSeries, processOfSlot, takeSlot } from '../model/series-index.ts'
import type { HostState } from '../model/state.ts'
import { hostOf, type Origin, type Partition } from '../step.ts'
import type { HistoryReader, PastLine } from './history-reader.ts'

export interface WarmUpDeps {
  readonly history: HistoryReader
  readonly logger: Logger
  readonly counted: (outcome: 'learnt' | 'nothing_stored' | 'failed' | 'passed_over') => void
}

/** Teaches what the store has of hosts before their first live bucket. */
export interface WarmUp {
  /** Resolves within a bounded time, whatever the store does; those it had no time for begin without a past. */
  learn(partition: Partition, origins: readonly Origin[]): Promise<void>
}

/** Live data waits for so long at most, all hosts of a batch together. */
const WAIT_MS = 3000
/** After a failure nobody waits for a while. */
const AFTER_FAILURE_MS = 60_000
/** Others get their turn between lines. */
const TURN_MS = 20

export function createWarmUp(config: StepConfig, deps: WarmUpDeps): WarmUp {
  let restsUntilMs = Number.NEGATIVE_INFINITY

  async function learnOne(partition: Partition, origin: Origin, deadlineMs: number): Promise<void> {
    const toMs = Math.floor(origin.storedAtMs / 60_000) * 60_000
    const fromMs = toMs - config.detection.baselineWindowMs
    const { tenant, process, hostKey } = origin
    const series = plainLevels(partition, hostKey)
    const reading = deps.history.read({ tenant, process, series: [...series.keys()], fromMs, toMs })
    const lines = await within(reading, deadlineMs - performance.now())
    if (lines.length === 0) {
      deps.counted('nothing_stored')
      return
    }
    const host = hostOf(config, partition, origin)
    if (host !== null) await teach(partition, host, lines, series)
    deps.counted('learnt')
  }

  return {
    async learn(partition, origins) {
      const deadlineMs = performance.now() + WAIT_MS
      for (const origin of origins) {
        const isFull = partition.state.hosts.size >= config.hostsMax
        if (isFull || performance.now() >= deadlineMs || performance.now() < restsUntilMs) {
          deps.counted('passed_over')
          continue
        }
        try {
          await learnOne(partition, origin, deadlineMs)
        } catch (error) {
          restsUntilMs = performance.now() + AFTER_FAILURE_MS
          deps.counted('failed')
          deps.logger.warn({ error, process: origin.process }, 'what was stored could not be read; learning afresh')
        }
      }
    },
  }
}

/** Places of the levels among the plain series of a host, by id. What is counted is stored as counts, not as rates. */
function plainLevels({ index }: Partition, hostKey: string): Map<bigint, number> {
  const { state, nameAt } = index
  const host = nameAt.get(hostKey)
  const places = new Map<bigint, number>()
  if (host === undefined) return places
  for (let at = 0; at < state.size; at++) {
    if (state.host[at] !== host || state.column[at] !== ownTrack || state.kind[at] !== MetricKind.GAUGE) continue
    places.set((BigInt(state.high[at]!) << 32n) | BigInt(state.low[at]!), at)
  }
  return places
}

async function teach(
  partition: Partition,
  host: HostState,
  lines: readonly PastLine[],
  series: ReadonlyMap<bigint, number>,
): Promise<void> {
  const { engine } = partition
  let turnMs = performance.now()
  for (const line of lines) {
    const track = trackOf(partition, host, line, series)
    if (track === -1) continue
    for (const [at, minuteMs] of line.minuteMs.entries()) {
      const value = line.value[at]!
      if (!Number.isFinite(value)) continue
      engine.put(track, value)
      engine.learnPast(host.unit, minuteMs)
    }
    if (performance.now() - turnMs < TURN_MS) continue
    await new Promise((resolve) => setImmediate(resolve))
    turnMs = performance.now()
  }
}

function trackOf(
  { index, rooms, engine }: Partition,
  host: HostState,
  { of }: PastLine,
  series: ReadonlyMap<bigint, number>,
): number {
  if ('series' in of) {
    const at = series.get(of.series)
    const lane = at === undefined ? -1 : laneOfSeries(index, at, host, rooms)
    return lane === -1 ? -1 : host.lanes.track[lane]!
  }
  const slot = takeSlot(host, of.process, index, rooms)
  const process = slot === -1 ? -1 : processOfSlot(host, slot, engine)
  return process === -1 ? -1 : engine.table.kpiTrack(process, of.kpi)
}

/** Rejects when it takes longer; what comes later is dropped. */
function within<T>(work: Promise<T>, waitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(waitMs)} ms`)), Math.max(0, waitMs))
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
