import { parseProcessId } from '@driftline/proto'
import { processKind } from '../schemas/processes.ts'
import { createDriftState, type DriftState, type NotePoint, runDrift } from './drift-state.ts'
import { type KpiValues, kpiColumns, sameValues } from './kpi-columns.ts'
import { createTrail, noteTrail, type Trail } from './trail.ts'

const CPU_CORES = kpiColumns.findIndex(({ column }) => column === 'cpu_cores')

/** What people set about a process. */
export interface ProcessSettings {
  readonly category: string | null
  readonly tags: readonly string[]
  readonly description: string | null
  readonly active: boolean
  /** Of a business process, whose definition says all of this. */
  readonly owner?: string
}

/** How a run of a business process went that succeeded or failed. */
export interface RunOutcome {
  readonly endMs: number
  readonly failed: boolean
  readonly message: string
}

export const noSettings: ProcessSettings = { category: null, tags: [], description: null, active: true }

/** What is known of a process now. */
export interface ProcessState {
  readonly id: string
  readonly kind: (typeof processKind.options)[number]
  /** Of a business process what its definition says. */
  name: string
  /** Host that reports it; null for kinds without one. */
  readonly host: string | null
  firstSeenMs: number
  /** Event time of its newest data. */
  lastSeenMs: number
  /** When its newest data arrived here. */
  lastHeardMs: number
  kpis: KpiValues | null
  /** The values that `version` stands for. */
  versioned: KpiValues | null
  kpiTimeMs: number
  /** How far apart its data usually comes, for kinds without a host; 0 while that is not known. */
  gapMs: number
  /** When its last instance ended; null while it has one, and for kinds without instances. */
  endedAtMs: number | null
  settings: ProcessSettings
  /** Of a business process; null before the first. */
  lastRun: RunOutcome | null
  /** CPU in cores over the last five minutes. */
  readonly trail: Trail
  readonly drift: DriftState
  /** Grows with every change that a client can see. */
  version: number
}

/** A process of that id; null when the id is of no known kind. */
export function createProcessState(id: string, seenAtMs: number): ProcessState | null {
  const { kind, names } = parseProcessId(id)
  const known = processKind.safeParse(kind)
  if (!known.success || names.length === 0) return null
  return {
    id,
    kind: known.data,
    name: names.at(-1)!,
    host: known.data === 'os' || known.data === 'host' ? (names[0] ?? null) : null,
    firstSeenMs: seenAtMs,
    lastSeenMs: seenAtMs,
    lastHeardMs: 0,
    kpis: null,
    versioned: null,
    kpiTimeMs: 0,
    gapMs: 0,
    endedAtMs: null,
    settings: noSettings,
    lastRun: null,
    trail: createTrail(),
    drift: createDriftState(),
    version: 0,
  }
}

/** Takes over a bucket unless a newer one is there; buckets of replayed data are older and change nothing. */
export function takeKpis(
  state: ProcessState,
  bucketTimeMs: number,
  values: KpiValues,
  heardAtMs: number,
  note: NotePoint,
): void {
  state.lastHeardMs = Math.max(state.lastHeardMs, heardAtMs)
  noteTrail(state.trail, bucketTimeMs, values[CPU_CORES] ?? null)
  runDrift(state.drift, bucketTimeMs, values, note)
  if (bucketTimeMs < state.kpiTimeMs) return
  const taken = state.host === null ? overBefore(state, bucketTimeMs, values) : values
  if (state.host === null && state.kpiTimeMs > 0) noteGap(state, bucketTimeMs - state.kpiTimeMs)
  state.kpiTimeMs = bucketTimeMs
  state.lastSeenMs = Math.max(state.lastSeenMs, bucketTimeMs)
  state.kpis = taken
  if (sameValues(state.versioned, taken)) return
  state.versioned = taken
  state.version++
}

/** A device says this in one message and that in the next: what a bucket does not say stands for a minute. */
const STANDS_MS = 60_000

function overBefore(state: ProcessState, bucketTimeMs: number, values: KpiValues): KpiValues {
  const before = state.kpis
  if (before === null || bucketTimeMs - state.kpiTimeMs > STANDS_MS) return values
  return values.map((value, index) => value ?? before[index] ?? null)
}

/** A long silence is no usual distance: it counts as ten of them at most. */
function noteGap(state: ProcessState, gapMs: number): void {
  if (gapMs <= 0) return
  const usual = state.gapMs
  state.gapMs = usual === 0 ? gapMs : 0.8 * usual + 0.2 * Math.min(gapMs, 10 * usual)
}
