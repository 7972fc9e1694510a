import { createRateMeter, type RateMeter } from './rate-meter.ts'
import { isSilent } from './status.ts'

/** A host agent, as the list of sources shows it. */
export interface AgentItem {
  readonly source: string
  /** Its host. */
  readonly name: string
  readonly status: 'ok' | 'silent'
  readonly version: string | null
  readonly samplesPerSecond: number
  readonly lastEvent: string
  readonly lagSeconds: number
  readonly missedBatches: number
}

interface SourceState {
  readonly source: string
  name: string
  /** Whether it has sent a process table. */
  isAgent: boolean
  version: string | null
  intervalMs: number | null
  readonly rate: RateMeter
  lastEventMs: number
  lastHeardMs: number
  lagMs: number
  epoch: string
  sequence: number
  missed: number
}

/** What came from whom: one tenant's sources, bounded. */
export interface Sources {
  /** Notes a batch of samples; `storedAtMs - eventMs` is its lag. */
  samples(source: string, count: number, eventMs: number, storedAtMs: number, nowMs: number): void
  /** Notes a frame of a host; answers whether the numbering of the source says that frames before it are missing. */
  frame(frame: SourceFrame): boolean
  /** Those that have sent a process table; other senders of samples are told of by their services. */
  list(nowMs: number): AgentItem[]
  /** How many intervals the newest data of sources that are heard is behind: what they still hold. */
  behind(nowMs: number): number
  /** Batches that were numbered and never came. */
  missed(): number
}

export interface SourceFrame {
  readonly source: string
  readonly epoch: string
  readonly sequence: string
  readonly host: string
  readonly eventMs: number
  readonly storedAtMs: number
  readonly nowMs: number
  readonly description: { agentVersion: string; intervalSeconds: number } | null
}

export function createSources(limit: number): Sources {
  const states = new Map<string, SourceState>()

  const stateOf = (source: string): SourceState => {
    let state = states.get(source)
    if (!state) {
      if (states.size >= limit) states.delete(longestUnheard(states))
      state = createSourceState(source)
      states.set(source, state)
    }
    return state
  }

  return {
    samples(source, count, eventMs, storedAtMs, nowMs) {
      const state = stateOf(source)
      state.rate.add(count, nowMs)
      noteTimes(state, eventMs, storedAtMs, nowMs)
    },
    frame(frame) {
      const state = stateOf(frame.source)
      state.name = frame.host
      state.isAgent = true
      if (frame.description) {
        state.version = frame.description.agentVersion
        state.intervalMs = frame.description.intervalSeconds * 1000
      }
      noteTimes(state, frame.eventMs, frame.storedAtMs, frame.nowMs)
      return noteSequence(state, frame.epoch, Number(frame.sequence))
    },
    list: (nowMs) => [...states.values()].filter(({ isAgent }) => isAgent).map((state) => toItem(state, nowMs)),
    behind: (nowMs) => [...states.values()].reduce((sum, state) => sum + intervalsBehind(state, nowMs), 0),
    missed: () => [...states.values()].reduce((sum, state) => sum + state.missed, 0),
  }
}

function createSourceState(source: string): SourceState {
  return {
    source,
    name: source,
    isAgent: false,
    version: null,
    intervalMs: null,
    rate: createRateMeter(),
    lastEventMs: 0,
    lastHeardMs: 0,
    lagMs: 0,
    epoch: '',
    sequence: 0,
    missed: 0,
  }
}

function noteTimes(state: SourceState, eventMs: number, storedAtMs: number, nowMs: number): void {
  state.lastHeardMs = nowMs
  state.lastEventMs = Math.max(state.lastEventMs, eventMs)
  state.lagMs = Math.max(0, storedAtMs - eventMs)
}

function noteSequence(state: SourceState, epoch: string, sequence: number): boolean {
  const follows = state.epoch === epoch && state.sequence > 0
  const missing = follows ? sequence - state.sequence - 1 : 0
  if (missing > 0) state.missed += missing
  if (state.epoch !== epoch || sequence > state.sequence) {
    state.epoch = epoch
    state.sequence = sequence
  }
  // The first frame that is heard of an epoch has a past that was not heard, unless it is the epoch's first.
  return follows ? missing > 0 : sequence > 1
}

/** Nothing is known of what a silent source holds; one interval is how data comes. */
function intervalsBehind(state: SourceState, nowMs: number): number {
  if (state.intervalMs === null || isSilent({ ...state, nowMs })) return 0
  return Math.max(0, Math.floor((nowMs - state.lastEventMs) / state.intervalMs) - 2)
}

function toItem(state: SourceState, nowMs: number): AgentItem {
  return {
    source: state.source,
    name: state.name,
    status: isSilent({ nowMs, lastHeardMs: state.lastHeardMs, intervalMs: state.intervalMs }) ? 'silent' : 'ok',
    version: state.version,
    samplesPerSecond: state.rate.perSecond(nowMs),
    lastEvent: new Date(state.lastEventMs).toISOString(),
    lagSeconds: state.lagMs / 1000,
    missedBatches: state.missed,
  }
}

function longestUnheard(states: Map<string, SourceState>): string {
  let oldest: SourceState | undefined
  for (const state of states.values()) if (!oldest || state.lastHeardMs < oldest.lastHeardMs) oldest = state
  return oldest?.source ?? ''
}
