import {
  type BaselineBatch,
  isPartOfDrift,
  type KpiBatch,
  kpiNumber,
  type PackedSampleBatch,
  type SeriesBatch,
} from '@driftline/proto'
import { minuteOf, tellDrift, tellNormal } from './drift-state.ts'
import { createDriftStrip, type DriftStrip } from './drift-strip.ts'
import { createFindings, type FindingLimits, type Findings } from './findings.ts'
import { advanceHost, createHostState, type Frame, type HostState, type RecentLimits } from './host-state.ts'
import { kpiValuesAt } from './kpi-columns.ts'
import {
  createProcessState,
  noSettings,
  type ProcessSettings,
  type ProcessState,
  type RunOutcome,
  takeKpis,
} from './process-state.ts'
import type { TableChanges } from './process-table.ts'
import { createRateMeter, type RateMeter } from './rate-meter.ts'
import { createSeriesRegistry, type SeriesRegistry } from './series-registry.ts'
import { createSources, type Sources } from './sources.ts'

export interface EstateLimits {
  /** Past it, the process unseen for longest is forgotten; it stays in the store. */
  readonly processes: number
  readonly hosts: number
  readonly series: number
  readonly sources: number
  readonly recent: RecentLimits
  readonly findings: FindingLimits
}

/** Everything that one tenant has alive, by what the bus said last. */
export interface TenantEstate {
  readonly tenant: string
  readonly hosts: ReadonlyMap<string, HostState>
  readonly processes: ReadonlyMap<string, ProcessState>
  readonly series: SeriesRegistry
  readonly sources: Sources
  readonly sampleRate: RateMeter
  readonly findings: Findings
  /** Drift of all its processes together. */
  readonly strip: DriftStrip
  /** Applies a frame of a host; null when it told nothing new. */
  applyFrame(host: string, frame: Frame, nowMs: number): TableChanges | null
  /** Applies a closed bucket; answers the processes that it is about. */
  applyKpis(batch: KpiBatch, nowMs: number): readonly string[]
  /** Takes over what was normal in a closed minute; answers the processes that it is about. */
  applyBaselines(batch: BaselineBatch): ReadonlySet<string>
  applySeries(batch: SeriesBatch): void
  applySamples(batch: PackedSampleBatch, nowMs: number): number
  /** The state of a process, made if the id is new and of a known kind. */
  ensureProcess(id: string, seenAtMs: number): ProcessState | null
  ensureHost(host: string): HostState
  /** Brings the groups in line with a host's whole table after it was rebuilt. */
  settleGroups(host: string): void
  /** Replaces what people set about processes. */
  applySettings(settings: ReadonlyMap<string, ProcessSettings>): void
  /** Takes over what was set about one process. */
  applySetting(process: string, settings: ProcessSettings): void
  /** Replaces the business processes that are defined: they are there from then on, and called as they say. */
  defineFlows(flows: ReadonlyMap<string, DefinedProcess>): void
  /** Notes how a run went, unless a later one is known. */
  noteRun(process: string, outcome: RunOutcome): void
}

/** A process that is there because somebody defined it. */
export interface DefinedProcess {
  readonly name: string
  readonly definedAtMs: number
  readonly settings: ProcessSettings
}

export function createTenantEstate(tenant: string, limits: EstateLimits): TenantEstate {
  const hosts = new Map<string, HostState>()
  const processes = new Map<string, ProcessState>()
  const series = createSeriesRegistry(limits.series)
  const strip = createDriftStrip()
  let settings: ReadonlyMap<string, ProcessSettings> = new Map()
  let defined: ReadonlyMap<string, DefinedProcess> = new Map()

  const settle = (state: ProcessState): void => {
    const definition = defined.get(state.id)
    const fresh = definition?.settings ?? settings.get(state.id) ?? noSettings
    const name = definition?.name ?? state.name
    if (name === state.name && JSON.stringify(fresh) === JSON.stringify(state.settings)) return
    state.settings = fresh
    state.name = name
    state.version++
  }

  const ensureProcess = (id: string, seenAtMs: number): ProcessState | null => {
    const known = processes.get(id)
    if (known) return known
    const made = createProcessState(id, seenAtMs)
    if (!made) return null
    if (processes.size >= limits.processes) forgetLongestUnseen(processes)
    settle(made)
    processes.set(id, made)
    return made
  }

  const ensureHost = (name: string): HostState => {
    let state = hosts.get(name)
    if (!state) {
      if (hosts.size >= limits.hosts) forgetLongestUnheard(hosts)
      state = createHostState(name)
      hosts.set(name, state)
    }
    return state
  }

  return {
    tenant,
    hosts,
    processes,
    series,
    sources: createSources(limits.sources),
    sampleRate: createRateMeter(),
    findings: createFindings(limits.findings),
    strip,
    ensureProcess,
    ensureHost,
    settleGroups(hostName) {
      const host = hosts.get(hostName)
      if (!host?.timeMs) return
      noteGroups(new Map(), host.groups, host.timeMs, { ensureProcess, processes })
      noteAbsentGroups(host, host.timeMs, processes)
    },
    applyFrame(hostName, frame, nowMs) {
      const host = ensureHost(hostName)
      const before = host.groups
      const changes = advanceHost(host, frame, nowMs, limits.recent)
      if (changes?.membership) noteGroups(before, host.groups, frame.timeMs, { ensureProcess, processes })
      // A key frame also settles groups that ended while nobody looked.
      if (changes && frame.keyFrame) noteAbsentGroups(host, frame.timeMs, processes)
      return changes
    },
    applyKpis(batch, nowMs) {
      const bucketTimeMs = Number(batch.bucketTimeMs)
      for (let index = 0; index < batch.process.length; index++) {
        const state = ensureProcess(batch.process[index]!, bucketTimeMs)
        if (state) takeKpis(state, bucketTimeMs, kpiValuesAt(batch, index), nowMs, strip.note)
      }
      return batch.process
    },
    applyBaselines(batch) {
      const minute = minuteOf(Number(batch.minuteTimeMs))
      for (let index = 0; index < batch.process.length; index++) {
        const [process, attributes] = [batch.process[index]!, batch.attributes[index] ?? '']
        const drift = ensureProcess(process, Number(batch.minuteTimeMs))?.drift
        if (!drift || !isPartOfDrift(process, attributes)) continue
        const metric = batch.metric[index] ?? ''
        const kpi = attributes === '' ? kpiNumber(metric) : -1
        const [centre, spread] = [batch.centre[index] ?? Number.NaN, batch.spread[index] ?? Number.NaN]
        if (kpi >= 0) tellNormal(drift, minute, kpi, centre, spread)
        tellDrift(drift, minute, batch.deviation[index] ?? Number.NaN, metric, strip.note)
      }
      return new Set(batch.process)
    },
    applySeries(batch) {
      for (const each of batch.series) {
        series.define({ ...pickDefinition(each) })
        ensureProcess(each.process, Number(each.definedAtMs))
      }
    },
    applySamples: (batch, nowMs) => recordSamples(series, batch, nowMs),
    applySettings(next) {
      settings = next
      for (const state of processes.values()) settle(state)
    },
    applySetting(process, fresh) {
      settings = new Map(settings).set(process, fresh)
      const state = processes.get(process)
      if (state) settle(state)
    },
    defineFlows(next) {
      const before = defined
      defined = next
      for (const [id, { definedAtMs }] of next) ensureProcess(id, definedAtMs)
      for (const id of new Set([...before.keys(), ...next.keys()])) {
        const state = processes.get(id)
        if (state) settle(state)
      }
    },
    noteRun(process, outcome) {
      const state = ensureProcess(process, outcome.endMs)
      if (!state || (state.lastRun !== null && state.lastRun.endMs > outcome.endMs)) return
      state.lastRun = outcome
      state.lastSeenMs = Math.max(state.lastSeenMs, outcome.endMs)
      state.lastHeardMs = Math.max(state.lastHeardMs, outcome.endMs)
      state.version++
    },
  }
}

function pickDefinition({ id, process, metric, unit, kind, attributes }: SeriesBatch['series'][number]) {
  return { id, process, metric, unit, kind, attributes }
}

/** Notes which groups have come back to life and which have lost their last instance. */
function noteGroups(
  before: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
  timeMs: number,
  known: { ensureProcess: TenantEstate['ensureProcess']; processes: ReadonlyMap<string, ProcessState> },
): void {
  for (const group of now.keys()) {
    const state = known.ensureProcess(group, timeMs)
    if (state && state.endedAtMs !== null) setEnded(state, null)
  }
  for (const group of before.keys()) {
    const state = known.processes.get(group)
    if (state && !now.has(group)) setEnded(state, timeMs)
  }
}

/** Marks the groups of a host that its whole table does not have. */
function noteAbsentGroups(host: HostState, timeMs: number, processes: ReadonlyMap<string, ProcessState>): void {
  for (const state of processes.values()) {
    if (state.kind !== 'os' || state.host !== host.host || state.endedAtMs !== null) continue
    if (!host.groups.has(state.id)) setEnded(state, Math.min(timeMs, Math.max(state.lastSeenMs, state.firstSeenMs)))
  }
}

function setEnded(state: ProcessState, endedAtMs: number | null): void {
  state.endedAtMs = endedAtMs
  state.version++
}

/** Answers how many samples the batch held. Arrays of unequal length never leave the intake; the shortest counts. */
function recordSamples(series: SeriesRegistry, batch: PackedSampleBatch, nowMs: number): number {
  const ids = new DataView(batch.series.buffer, batch.series.byteOffset, batch.series.byteLength)
  const offsets = new DataView(batch.timeOffsetMs.buffer, batch.timeOffsetMs.byteOffset, batch.timeOffsetMs.byteLength)
  const values = new DataView(batch.value.buffer, batch.value.byteOffset, batch.value.byteLength)
  const count = Math.floor(Math.min(ids.byteLength / 8, offsets.byteLength / 4, values.byteLength / 8))
  const baseMs = Number(batch.baseTimeMs)
  for (let index = 0; index < count; index++) {
    const timeMs = Math.min(baseMs + offsets.getInt32(index * 4, true), nowMs + FUTURE_MS_MAX)
    series.record(ids.getBigUint64(index * 8, true), timeMs, values.getFloat64(index * 8, true))
  }
  return count
}

/** The intake lets clocks run ahead by ten minutes; a newer "last value" than that cannot be. */
const FUTURE_MS_MAX = 10 * 60_000

function forgetLongestUnseen(processes: Map<string, ProcessState>): void {
  const oldest = [...processes.values()].sort((a, b) => a.lastSeenMs - b.lastSeenMs)
  for (const state of oldest.slice(0, Math.ceil(oldest.length / 20))) processes.delete(state.id)
}

function forgetLongestUnheard(hosts: Map<string, HostState>): void {
  let oldest: HostState | undefined
  for (const state of hosts.values()) if (!oldest || state.heardAtMs < oldest.heardAtMs) oldest = state
  if (oldest) hosts.delete(oldest.host)
}
