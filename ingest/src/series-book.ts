import assert from 'node:assert/strict'
import type { Clock } from '@driftline/platform/clock'
import { type MetricKind, routingKey, seriesId } from '@driftline/proto'
import { createCardinality } from './cardinality.ts'
import { createFilterState, type FilterState } from './filter.ts'
import type { DefinitionReason, Refused } from './refused.ts'
import { checkedAttributes, wrongName } from './validate-definition.ts'

/** A series as a source speaks of it. */
export interface SeriesName {
  readonly tenant: string
  /** Id of the source. */
  readonly source: string
  /** Process id. */
  readonly process: string
  readonly metric: string
  readonly attributes: Readonly<Record<string, string>>
  /** UCUM. */
  readonly unit: string
  readonly kind: MetricKind
}

/** A series that is known. */
export interface KnownSeries {
  readonly tenant: string
  readonly process: string
  readonly metric: string
  /** As Series.attributes. */
  readonly attributes: string
  readonly unit: string
  readonly kind: MetricKind
  /** Routing key of its process. */
  readonly key: string
}

/**
 * Every series that the sources of a service speak of, by handle: a small number that hot paths keep instead of names.
 * Bounded per tenant and source; series that had no sample for an hour make room.
 */
export interface SeriesBook {
  /**
   * A handle, 0 or above; or a negative code, one for each reason. `refusal` explains the last refusal with that code:
   * ask at once. Of refusals only those of names may be kept, because room can be made.
   */
  define(name: SeriesName): number
  refusal(code: number): Refused
  /** Grows when handles were taken back: whoever keeps handles drops them all then. */
  readonly generation: number
  readonly size: number
  sizeOf(tenant: string, source: string): number
  get(handle: number): KnownSeries
  /** Halves of the series id by handle, current until the next `define`. */
  lows(): Uint32Array
  highs(): Uint32Array
  /** Index of the routing key by handle, and the key of an index. */
  keys(): Int32Array
  keyAt(index: number): string
  kinds(): Uint8Array
  /** What filters remember of each series, by handle. */
  readonly filterState: FilterState
  /** Notes that the series had a sample now. */
  touch(handle: number, nowMs: number): void
  /** Handles of these that consumers have not been told of for `redefineMs`. */
  untold(handles: Iterable<number>): number[]
  /** Puts the next sweep off: what could not be published holds handles, however long that lasts. */
  postpone(): void
  /** Notes that consumers were told. */
  told(handles: readonly number[]): void
  /** Takes idle series back. Call it now and then; it does little when there is nothing to do. */
  sweep(): void
}

export interface SeriesBookConfig {
  readonly perTenantMax: number
  readonly perSourceMax: number
  /** Definitions are told again this often, so that they outlive the retention of the topic. Milliseconds. */
  readonly redefineMs?: number
  readonly idleMs?: number
}

const HOUR = 3_600_000
const reasons: readonly DefinitionReason[] = [
  'process_invalid',
  'metric_invalid',
  'unit_invalid',
  'attributes_invalid',
  'series_too_many',
]
const PROCESS = /^(device|log|service|flow|os|host)(:[A-Za-z0-9._~-]{1,255}){1,6}$/
const PROCESS_MAX = 500

export function createSeriesBook(config: SeriesBookConfig, { clock }: { readonly clock: Clock }): SeriesBook {
  const { redefineMs = 12 * HOUR, idleMs = HOUR } = config
  const cardinality = createCardinality(config)
  const handles = new Map<string, number>()
  const known: (Entry | undefined)[] = []
  const free: number[] = []
  const keyIndexes = new Map<string, number>()
  const keyNames: string[] = []
  /** The last refusal for each reason. */
  const refusals: Refused[] = reasons.map((reason) => ({ reason, detail: '' }))
  const filterState = createFilterState()
  let columns = createColumns(1024)
  let generation = 0
  let sweptAtMs = clock.nowMs()

  const refuse = (refused: Refused): number => {
    const at = reasons.indexOf(refused.reason as DefinitionReason)
    refusals[at] = refused
    return -1 - at
  }

  const addKey = (key: string): number => {
    const index = keyNames.push(key) - 1
    keyIndexes.set(key, index)
    return index
  }

  const sweep = (): void => {
    const nowMs = clock.nowMs()
    if (nowMs - sweptAtMs < SWEEP_EVERY_MS) return
    sweptAtMs = nowMs
    let forgotten = 0
    for (let handle = 0; handle < known.length; handle++) {
      const entry = known[handle]
      if (entry === undefined || nowMs - columns.usedAtMs[handle]! < idleMs) continue
      handles.delete(entry.name)
      known[handle] = undefined
      cardinality.remove(entry.series.tenant, entry.source)
      free.push(handle)
      forgotten += 1
    }
    if (forgotten === 0) return
    generation += 1
    // Routing keys that nobody uses go, too.
    keyIndexes.clear()
    keyNames.length = 0
    known.forEach((entry, handle) => {
      if (entry !== undefined) columns.keys[handle] = keyIndexes.get(entry.series.key) ?? addKey(entry.series.key)
    })
  }

  const place = (name: SeriesName, attributes: string, text: string): number => {
    const { tenant, process, metric, unit, kind, source } = name
    const handle = free.pop() ?? known.length
    if (handle >= columns.lows.length) columns = widen(columns)
    const key = routingKey(tenant, process)
    known[handle] = { name: text, source, series: { tenant, process, metric, attributes, unit, kind, key } }
    handles.set(text, handle)
    const id = seriesId(tenant, process, metric, attributes)
    columns.lows[handle] = Number(id & 0xffff_ffffn)
    columns.highs[handle] = Number(id >> 32n)
    columns.keys[handle] = keyIndexes.get(key) ?? addKey(key)
    columns.kinds[handle] = kind
    columns.usedAtMs[handle] = clock.nowMs()
    columns.toldAtMs[handle] = Number.NEGATIVE_INFINITY
    filterState.reset(handle)
    return handle
  }

  return {
    define(name) {
      const wrong = wrongName(name.metric, name.unit)
      if (wrong !== null) return refuse(asRefused(wrong))
      const attributes = checkedAttributes(name.attributes)
      if (attributes.kind !== 'emit') return refuse(asRefused(attributes))
      const text = [name.tenant, name.source, name.process, name.metric, attributes.value, name.unit, name.kind].join(
        '\n',
      )
      const existing = handles.get(text)
      if (existing !== undefined) return existing
      if (name.process.length > PROCESS_MAX || !PROCESS.test(name.process)) {
        return refuse({ reason: 'process_invalid', detail: `${name.process.slice(0, 100)} is not a process id` })
      }
      const full = cardinality.add(name)
      if (full !== null) return refuse({ reason: 'series_too_many', detail: full })
      return place(name, attributes.value, text)
    },
    refusal: (code) => refusals[-1 - code]!,
    get generation() {
      return generation
    },
    get size() {
      return handles.size
    },
    sizeOf: cardinality.sizeOf,
    get(handle) {
      const entry = known[handle]
      assert(entry !== undefined, 'a handle of an earlier generation')
      return entry.series
    },
    lows: () => columns.lows,
    highs: () => columns.highs,
    keys: () => columns.keys,
    keyAt: (index) => keyNames[index]!,
    kinds: () => columns.kinds,
    filterState,
    touch(handle, nowMs) {
      columns.usedAtMs[handle] = nowMs
    },
    untold(asked) {
      const beforeMs = clock.nowMs() - redefineMs
      return [...asked].filter((handle) => columns.toldAtMs[handle]! <= beforeMs)
    },
    postpone() {
      sweptAtMs = clock.nowMs()
    },
    told(told) {
      for (const handle of told) columns.toldAtMs[handle] = clock.nowMs()
    },
    sweep,
  }
}

const SWEEP_EVERY_MS = 60_000

interface Entry {
  /** Key of the handle. */
  readonly name: string
  readonly source: string
  readonly series: KnownSeries
}

interface Columns {
  readonly lows: Uint32Array
  readonly highs: Uint32Array
  readonly keys: Int32Array
  readonly kinds: Uint8Array
  readonly usedAtMs: Float64Array
  readonly toldAtMs: Float64Array
}

function createColumns(length: number): Columns {
  return {
    lows: new Uint32Array(length),
    highs: new Uint32Array(length),
    keys: new Int32Array(length),
    kinds: new Uint8Array(length),
    usedAtMs: new Float64Array(length),
    toldAtMs: new Float64Array(length),
  }
}

function widen(old: Columns): Columns {
  const wide = createColumns(old.lows.length * 2)
  for (const name of Object.keys(old) as (keyof Columns)[]) wide[name].set(old[name])
  return wide
}

function asRefused(verdict: { readonly kind: string; readonly reason?: string; readonly detail?: string }): Refused {
  return { reason: verdict.reason ?? '', detail: verdict.detail ?? '' }
}
