import { type ExpressionMoment, type ExpressionRule, Severity } from '@driftline/proto'
import type { ClosedBucket, DetectionConfig, DetectionContext, Detector } from '../../detection/detector.ts'
import {
  type Binding,
  bindRules,
  bytesOf,
  type Compiler,
  createCompiler,
  type Group,
  type ProcessState,
} from './bindings.ts'
import { tellReadings } from './readings.ts'

/** A number without a newer value for so long is unknown. */
const STALE_MS = 300_000
const SECOND_MS = 1000
/** What the rules of all processes of a partition may keep, unless given. */
const PARTITION_BYTES_MAX = 128 * 1024 * 1024

interface State extends Record<string, unknown> {
  readonly version: 1
  /** By number of the process; only those that have rules. */
  readonly processes: Map<number, ProcessState>
}

interface Judging {
  state: State
  readonly compiler: Compiler
  readonly bytesMax: number
  /** What is kept of each process, and of all of them. */
  readonly bytesOf: Map<number, number>
  bytes: number
  /** Rules that found no room for a set of attributes: of each process, and those that nobody was told of. */
  readonly unboundOf: Map<number, number>
  unbound: number
  readonly bindings: Map<number, Binding>
  /** The process of each track that its rules look at. */
  readonly ownerOf: Map<number, number>
  /** Processes whose rules may become true while nothing comes, by unit. */
  readonly silent: Map<number, Set<number>>
  /** What was restored is bound before anything else is judged. */
  restored: boolean
  /** Reused: groups that the values of a bucket went to. */
  readonly touched: Group[]
  readonly touchedProcess: number[]
  /** Reused: what is judged. */
  readonly moment: ExpressionMoment
}

/** Expressions of users (language: `proto/src/expressions`): an anomaly while one is true. */
export function createExpression({ expressionBytesMax = PARTITION_BYTES_MAX }: DetectionConfig): Detector {
  const judging: Judging = {
    state: { version: 1, processes: new Map() },
    compiler: createCompiler(),
    bytesMax: expressionBytesMax,
    bytesOf: new Map(),
    bytes: 0,
    unboundOf: new Map(),
    unbound: 0,
    bindings: new Map(),
    ownerOf: new Map(),
    silent: new Map(),
    restored: false,
    touched: [],
    touchedProcess: [],
    moment: { nowMs: 0, staleMs: STALE_MS, process: '', attributes: new Map() },
  }
  const { bindings, touched, touchedProcess } = judging
  return {
    type: 'expression',
    openAfterMs: 0,
    closeAfterMs: 10_000,
    onBucket(bucket, context) {
      if (judging.restored) bindRestored(judging, context)
      if (!takeInTracks(judging, bucket, context)) return
      takeInValues(judging, bucket, context)
      for (let i = 0; i < touched.length; i++) {
        const group = touched[i]!
        if (!group.program.judgesSilence)
          judge(judging, touchedProcess[i]!, group, bucket.startMs, bucket.endMs, context)
      }
    },
    onTime(unit, nowMs, context) {
      if (judging.restored) bindRestored(judging, context)
      const silent = judging.silent.get(unit)
      if (silent === undefined) return
      for (const process of [...silent].sort((a, b) => a - b)) {
        const rules = context.settings(process).expressions
        if (rules.length === 0) forget(judging, process)
        if (rules.length === 0) continue
        for (const group of bindingOf(judging, process, rules, context).groups) {
          if (group.program.judgesSilence) judge(judging, process, group, nowMs - SECOND_MS, nowMs, context)
        }
      }
    },
    forgetTrack(track) {
      const process = judging.ownerOf.get(track)
      if (process === undefined) return
      const { tracks } = judging.state.processes.get(process)!
      tracks.splice(tracks.indexOf(track), 1)
      bindings.delete(process)
      judging.ownerOf.delete(track)
    },
    forgetProcess: (process) => forget(judging, process),
    takeDropped() {
      const { unbound } = judging
      judging.unbound = 0
      return unbound
    },
    state: () => judging.state,
    restore(stored) {
      if (stored['version'] !== 1) throw new TypeError('expression: the stored state is of another version')
      judging.state = stored as State
      bindings.clear()
      judging.ownerOf.clear()
      judging.bytes = 0
      judging.bytesOf.clear()
      for (const [process, own] of judging.state.processes) {
        for (const track of own.tracks) judging.ownerOf.set(track, process)
        noteBytes(judging, process, bytesOf(own))
      }
      judging.silent.clear()
      judging.restored = true
    },
  }
}

/** Everything of a process, such as when its last rule is gone. */
function forget(judging: Judging, process: number): void {
  const own = judging.state.processes.get(process)
  if (own === undefined) return
  for (const track of own.tracks) judging.ownerOf.delete(track)
  noteBytes(judging, process, 0)
  judging.bytesOf.delete(process)
  judging.unboundOf.delete(process)
  judging.state.processes.delete(process)
  judging.bindings.delete(process)
  for (const processes of judging.silent.values()) processes.delete(process)
}

function noteBytes(judging: Judging, process: number, bytes: number): void {
  judging.bytes += bytes - (judging.bytesOf.get(process) ?? 0)
  judging.bytesOf.set(process, bytes)
}

function bindRestored(judging: Judging, context: DetectionContext): void {
  judging.restored = false
  for (const process of judging.state.processes.keys()) {
    bindingOf(judging, process, context.settings(process).expressions, context)
  }
}

/**
 * Notes the tracks that rules name and that are new, so that their processes are bound anew, once for all of them.
 * Answers whether there is any rule.
 */
function takeInTracks(judging: Judging, bucket: ClosedBucket, context: DetectionContext): boolean {
  let isAny = false
  const { bindings, state, compiler, ownerOf } = judging
  const processOf = context.tracks.process
  let process = -1
  let rules: readonly ExpressionRule[] = []
  for (let i = 0; i < bucket.count; i++) {
    const track = bucket.track[i]!
    // Values of one process come one after the other.
    if (processOf[track] !== process) {
      process = processOf[track]!
      rules = context.settings(process).expressions
      if (rules.length === 0) forget(judging, process)
    }
    if (rules.length === 0) continue
    isAny = true
    if (bindings.get(process)?.routes.has(track)) continue
    const metric = context.tracks.metric(track)
    if (!rules.some(({ expression }) => compiler.names(expression, metric))) continue
    const own: ProcessState = state.processes.get(process) ?? { tracks: [], rules: new Map() }
    state.processes.set(process, own)
    if (!ownerOf.has(track)) own.tracks.push(track)
    ownerOf.set(track, process)
    bindings.delete(process)
  }
  return isAny
}

function takeInValues(judging: Judging, bucket: ClosedBucket, context: DetectionContext): void {
  const { touched, touchedProcess } = judging
  touched.length = 0
  touchedProcess.length = 0
  const processOf = context.tracks.process
  let process = -1
  let rules: readonly ExpressionRule[] = []
  for (let i = 0; i < bucket.count; i++) {
    const track = bucket.track[i]!
    // Values of one process come one after the other.
    if (processOf[track] !== process) {
      process = processOf[track]!
      rules = context.settings(process).expressions
    }
    if (rules.length === 0) continue
    const { routes } = bindingOf(judging, process, rules, context)
    const ways = routes.get(track)
    if (ways === undefined) routes.set(track, [])
    else {
      for (const { group, input } of ways) {
        group.program.observe(group.state.numbers, input, bucket.startMs, bucket.value[i]!)
        if (group.touchedMs === bucket.startMs) continue
        group.touchedMs = bucket.startMs
        touched.push(group)
        touchedProcess.push(process)
      }
    }
  }
}

/** The rules of a process bound to its tracks, anew when the rules or the tracks that they name have changed. */
function bindingOf(
  judging: Judging,
  process: number,
  rules: readonly ExpressionRule[],
  context: DetectionContext,
): Binding {
  const { bindings, state, compiler, unboundOf } = judging
  const known = bindings.get(process)
  if (known !== undefined && (known.source === rules || sameRules(known.source, rules))) return known
  const own: ProcessState = state.processes.get(process) ?? { tracks: [], rules: new Map() }
  if (rules.length > 0) state.processes.set(process, own)
  const bytesMax = judging.bytesMax - judging.bytes + (judging.bytesOf.get(process) ?? 0)
  const binding = bindRules({ compiler, bytesMax }, process, rules, own, context)
  noteBytes(judging, process, binding.bytes)
  // A process is bound again with each track that comes: what was counted then is not counted again.
  judging.unbound += Math.max(0, binding.unbound - (unboundOf.get(process) ?? 0))
  unboundOf.set(process, binding.unbound)
  bindings.set(process, binding)
  watchSilence(judging, context.processes.unit(process), process, binding.judgesSilence)
  return binding
}

function watchSilence({ silent }: Judging, unit: number, process: number, watch: boolean): void {
  const processes = silent.get(unit) ?? new Set<number>()
  if (watch) processes.add(process)
  else processes.delete(process)
  if (processes.size > 0) silent.set(unit, processes)
  else silent.delete(unit)
}

function sameRules(left: readonly ExpressionRule[], right: readonly ExpressionRule[]): boolean {
  return (
    left.length === right.length &&
    left.every((rule, at) => {
      const other = right[at]!
      return rule.name === other.name && rule.expression === other.expression && rule.severity === other.severity
    })
  )
}

function judge(
  { moment }: Judging,
  process: number,
  group: Group,
  startMs: number,
  endMs: number,
  context: DetectionContext,
): void {
  const { rule, program, state, forMs } = group
  moment.nowMs = startMs
  moment.process = context.processes.id(process)
  moment.attributes = group.attributes
  if (program.evaluate(state.numbers, moment) !== 1) {
    state.sinceMs = Number.NaN
    state.trueMs = Number.NaN
    return
  }
  // What nobody judged for longer than a number is known was unknown in between, not true.
  if (Number.isNaN(state.sinceMs) || startMs - state.trueMs > STALE_MS) state.sinceMs = startMs
  state.trueMs = startMs
  if (endMs - state.sinceMs < forMs) return
  const readings = program.readings(state.numbers, moment)
  const told = tellReadings(readings, group.units)
  context.report({
    process,
    track: group.track,
    severity: rule.severity === Severity.UNSPECIFIED ? Severity.WARNING : rule.severity,
    value: readings[0]?.value ?? Number.NaN,
    expectedLow: program.expectedLow,
    expectedHigh: program.expectedHigh,
    centre: Number.NaN,
    score: 0,
    rule: rule.name || rule.expression,
    words: told === '' ? rule.expression : `${rule.expression} (${told})`,
  })
}
