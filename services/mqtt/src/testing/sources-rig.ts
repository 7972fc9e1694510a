import { mqttDefinition } from '@driftline/ingest/definitions/mqtt'
import type { Source } from '@driftline/ingest/definitions/source'
import { createSeriesBook } from '@driftline/ingest/series-book'
import type { SourceMeter } from '@driftline/ingest/source-meter'
import type { StatusBoard } from '@driftline/ingest/source-status'
import type { Bus } from '@driftline/platform/bus/bus'
import { systemClock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { createSources, type Sources } from '../sources.ts'

/** What a source told its meter. */
export interface Told {
  state: string
  message: string
  events: number
  samples: number
  readonly refused: Map<string, number>
  readonly filtered: Map<string, number>
}

/** A board in memory. */
export function createTestBoard(): { board: StatusBoard; told: (id: string) => Told } {
  const all = new Map<string, Told>()
  const told = (id: string): Told => {
    let one = all.get(id)
    if (!one) {
      one = { state: '', message: '', events: 0, samples: 0, refused: new Map(), filtered: new Map() }
      all.set(id, one)
    }
    return one
  }
  const add = (counts: Map<string, number>, reason: string, count: number): void => {
    counts.set(reason, (counts.get(reason) ?? 0) + count)
  }
  const meterOf = (id: string): SourceMeter => ({
    events: (count) => {
      told(id).events += count
    },
    durable: (samples) => {
      told(id).samples += samples
    },
    refused: (reason, _detail, _subject, count = 1) => add(told(id).refused, reason, count),
    filtered: (reason, count) => add(told(id).filtered, reason, count),
    series: () => {},
    state: (state, message = '') => Object.assign(told(id), { state, message }),
    about: () => {},
    parts: () => {},
    unmapped: () => {},
  })
  const board: StatusBoard = {
    name: 'board',
    start: async () => {},
    stop: async () => {},
    of: ({ id }) => meterOf(id),
    drop: () => {},
  }
  return { board, told }
}

export interface SourcesRig {
  readonly sources: Sources
  readonly told: (id: string) => Told
  readonly hotState: HotState
}

/** Sources over a bus, as one instance of the service has them. */
export async function startSources(
  bus: Bus,
  options: { readonly instance?: string; readonly hotState?: HotState; readonly embedded?: boolean } = {},
): Promise<SourcesRig> {
  const { instance = 'mqtt-test', embedded = false } = options
  const clock = systemClock
  const hotState = options.hotState ?? createInProcessHotState({ maxKeys: 1000 }, { clock })
  const { board, told } = createTestBoard()
  const bounds = { ageMsMax: 48 * 3_600_000, aheadMsMax: 600_000 }
  const sources = createSources(
    { instance, bounds, embedded },
    {
      bus,
      hotState,
      book: createSeriesBook({ perTenantMax: 200_000, perSourceMax: 100_000 }, { clock }),
      board,
      logger: createLogger('fatal'),
      metrics: createSelfMetrics(),
      clock,
      createDiscovery: () => ({ see: () => {}, unmapped: () => ({ topics: [], total: 0 }) }),
      firstHeardOf: () => {},
      publishEmbedded: () => {},
    },
  )
  return { sources, told, hotState }
}

/** A source of machines that send JSON to `plant/<machine>`. */
export function plantSource(url: string, changes: Record<string, unknown> = {}, version = 1): Source<'mqtt'> {
  const { broker = {}, ...rest } = changes
  const definition = mqttDefinition.parse({
    broker: { url, ...(broker as object) },
    mappings: [{ topic: 'plant/{machine}', process: 'device:plant:{machine}' }],
    discover: [],
    ...rest,
  })
  return { tenant: 'default', id: 'plant', kind: 'mqtt', name: 'plant', active: true, definition, secrets: {}, version }
}
