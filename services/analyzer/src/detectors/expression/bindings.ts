import {
  compileExpression,
  type Expression,
  type ExpressionProgram,
  type ExpressionRule,
  type ExpressionState,
  parseExpression,
  type UnitOf,
} from '@driftline/proto'
import type { DetectionContext } from '../../detection/detector.ts'

/** Sets of attributes that one rule is judged for in one process: the first in the order of their text. */
const GROUPS_MAX = 256
/** What the rules of one process may keep, and about what is kept of a set beside its numbers and its text. */
const PROCESS_BYTES_MAX = 8 * 1024 * 1024
const GROUP_BYTES = 512
/** Programs are kept by text and units, and made again when there are too many. */
const PROGRAMS_MAX = 1000

/** What is stored of one rule for one set of attributes. */
export interface GroupState {
  readonly numbers: ExpressionState
  /** Start of the first bucket since which it has been true, and of the last one; NaN while it is not. */
  sinceMs: number
  trueMs: number
}

/** What is stored of one process: the tracks that its rules look at, and its rules by name, text and inputs. */
export interface ProcessState {
  readonly tracks: number[]
  rules: Map<string, Map<string, GroupState>>
}

/** A rule judged for one set of attributes. */
export interface Group {
  readonly rule: ExpressionRule
  readonly forMs: number
  readonly program: ExpressionProgram
  readonly attributes: ReadonlyMap<string, string>
  readonly state: GroupState
  /** The track of its first number; -1 before it is known. */
  readonly track: number
  /** UCUM, by name of the input. */
  readonly units: ReadonlyMap<string, string>
  /** Start of the bucket whose values it has. */
  touchedMs: number
}

/** The rules of one process, ready to be judged. */
export interface Binding {
  readonly source: readonly ExpressionRule[]
  readonly groups: readonly Group[]
  /** Where the values of a track go; an empty list for tracks that no rule looks at. */
  readonly routes: Map<number, readonly Route[]>
  /** Whether one of them may become true while nothing comes. */
  readonly judgesSilence: boolean
  /** About what is kept of all of them, and how many found no room. */
  readonly bytes: number
  readonly unbound: number
}

export interface Route {
  readonly group: Group
  readonly input: number
}

interface Compiled {
  readonly forMs: number
  readonly program: ExpressionProgram
  /** Of the numbers of one set of attributes. */
  readonly stateBytes: number
}

/** Makes programs, each once for the same text and units. */
export interface Compiler {
  /** Null for what is no expression, or not one for these units. */
  compile(text: string, unitOf: UnitOf): Compiled | null
  /** Whether an expression may look at a track of this name. */
  names(text: string, metric: string): boolean
}

interface Parsed {
  readonly expression: Expression
  /** As they are written, and the KPIs that they may mean. */
  readonly names: ReadonlySet<string>
}

export function createCompiler(): Compiler {
  const texts = new Map<string, Parsed | null>()
  const programs = new Map<string, Compiled | null>()
  const parse = (text: string): Parsed | null => {
    const known = texts.get(text)
    if (known !== undefined) return known
    if (texts.size >= PROGRAMS_MAX) texts.clear()
    const made = parseRule(text)
    texts.set(text, made)
    return made
  }
  return {
    compile(text, unitOf) {
      const parsed = parse(text)
      if (parsed === null) return null
      const key = `${text}\n${[...parsed.names].map(unitOf).join('\n')}`
      const known = programs.get(key)
      if (known !== undefined) return known
      if (programs.size >= PROGRAMS_MAX) programs.clear()
      const compiled = compileExpression(parsed.expression, unitOf)
      const made = compiled.ok ? compiledOf(parsed.expression, compiled.value) : null
      programs.set(key, made)
      return made
    },
    names: (text, metric) => parse(text)?.names.has(metric) ?? false,
  }
}

function compiledOf({ forMs }: Expression, program: ExpressionProgram): Compiled {
  return { forMs, program, stateBytes: bytesOfNumbers(program.createState()) }
}

function bytesOfNumbers({ values, timesMs, windows }: ExpressionState): number {
  return windows.reduce((bytes, window) => bytes + window.byteLength, values.byteLength + timesMs.byteLength)
}

const groupBytes = (attributes: string, stateBytes: number): number => GROUP_BYTES + 2 * attributes.length + stateBytes

/** About what is kept of a process, as `Binding.bytes`. */
export function bytesOf({ rules }: ProcessState): number {
  let bytes = 0
  for (const sets of rules.values()) {
    for (const [text, { numbers }] of sets) bytes += groupBytes(text, bytesOfNumbers(numbers))
  }
  return bytes
}

function parseRule(text: string): Parsed | null {
  const parsed = parseExpression(text)
  if (!parsed.ok) return null
  const names = new Set<string>()
  const compiled = compileExpression(parsed.value, (metric) => {
    names.add(metric)
    return undefined
  })
  if (compiled.ok) for (const { name } of compiled.value.inputs) names.add(name)
  return { expression: parsed.value, names }
}

/** What is known of one track that rules look at. */
interface Line {
  readonly track: number
  readonly metric: string
  readonly isKpi: boolean
  readonly attributes: string
  readonly unit: string
}

/**
 * Binds the rules of a process to its tracks: one group for each set of attributes that the metrics of a rule come
 * with. What a rule has learnt stays while its text, what it looks at and the attributes stay. What finds no room in
 * `bytesMax`, or in what a process may have, is not bound: the first rules and attributes in their order are.
 */
export function bindRules(
  { compiler: { compile }, bytesMax }: { readonly compiler: Compiler; readonly bytesMax: number },
  process: number,
  rules: readonly ExpressionRule[],
  state: ProcessState,
  { tracks, processes }: DetectionContext,
): Binding {
  const lines = state.tracks.map((track): Line => {
    const isKpi = tracks.kpi[track]! !== -1
    const attributes = isKpi ? '{}' : tracks.attributes(track)
    return { track, metric: tracks.metric(track), isKpi, attributes, unit: tracks.unit(track) }
  })
  const unitOf = (metric: string): string | undefined =>
    lines.find((line) => !line.isKpi && line.metric === metric)?.unit
  const before = state.rules
  state.rules = new Map()
  const room = Math.min(bytesMax, PROCESS_BYTES_MAX)
  let bytes = 0
  let unbound = 0
  const groups: Group[] = []
  const routes = new Map<number, Route[]>(lines.map(({ track }) => [track, []]))
  const id = processes.id(process)
  for (const rule of rules) {
    const compiled = compile(rule.expression, unitOf)
    if (compiled === null) continue
    const { program, stateBytes, forMs } = compiled
    const key = `${rule.name}\n${rule.expression}\n${program.inputs.map(({ source, name }) => `${source} ${name}`)}`
    const known = before.get(key)
    const kept = new Map<string, GroupState>()
    state.rules.set(key, kept)
    for (const text of attributeSets(program, lines).slice(0, GROUPS_MAX)) {
      const attributes = readAttributes(text)
      if (!program.isPossible({ process: id, attributes })) continue
      const more = groupBytes(text, stateBytes)
      if (bytes + more > room) {
        unbound += 1
        continue
      }
      bytes += more
      const own = known?.get(text) ?? { numbers: program.createState(), sinceMs: Number.NaN, trueMs: Number.NaN }
      kept.set(text, own)
      const feeding = program.inputs.map((input) => lineFor(input, text, lines))
      const track = feeding[0]?.track ?? -1
      const units = new Map(feeding.filter((line) => line !== undefined).map(({ metric, unit }) => [metric, unit]))
      const group: Group = { rule, forMs, program, attributes, state: own, track, units, touchedMs: Number.NaN }
      groups.push(group)
      for (const [input, line] of feeding.entries())
        if (line !== undefined) routes.get(line.track)!.push({ group, input })
    }
  }
  const judgesSilence = groups.some(({ program }) => program.judgesSilence)
  return { source: rules, groups, routes, judgesSilence, bytes, unbound }
}

/** Attributes of the metrics that a rule looks at; of none when it looks at KPIs only. */
function attributeSets({ inputs }: ExpressionProgram, lines: readonly Line[]): string[] {
  const metrics = new Set(inputs.filter(({ source }) => source === 'metric').map(({ name }) => name))
  const sets = lines.filter(({ isKpi, metric }) => !isKpi && metrics.has(metric)).map(({ attributes }) => attributes)
  return metrics.size === 0 ? ['{}'] : [...new Set(sets)].sort()
}

function lineFor(
  { source, name }: ExpressionProgram['inputs'][number],
  attributes: string,
  lines: readonly Line[],
): Line | undefined {
  const named = lines.filter(({ metric, isKpi }) => metric === name && isKpi === (source === 'kpi'))
  return named.find((line) => line.attributes === attributes) ?? named.find((line) => line.attributes === '{}')
}

/** Attributes come from our own canonical JSON; what is none has no attributes. */
function readAttributes(text: string): ReadonlyMap<string, string> {
  try {
    return new Map(Object.entries(JSON.parse(text) as Record<string, string>))
  } catch {
    return new Map()
  }
}
