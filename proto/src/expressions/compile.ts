import { type ConditionTree, checkExpression, type NumberTree, type TextTree } from './check.ts'
import { createGlob } from './glob.ts'
import type { ExpressionInput, UnitOf } from './names.ts'
import type { Comparison, Expression, ExpressionOutcome } from './syntax.ts'
import { addToWindow, createWindow, readWindow, type WindowLayout, windowLayout } from './windows.ts'

/** What an expression remembers of one subject: plain typed arrays, stored in checkpoints as they are. */
export interface ExpressionState {
  /** Last value and its event time, per input; NaN and -Infinity before the first. */
  readonly values: Float64Array
  readonly timesMs: Float64Array
  readonly windows: readonly Float64Array[]
}

/** What is judged, and when. Made once and changed in place, so that judging makes no garbage. */
export interface ExpressionMoment {
  nowMs: number
  /** A name whose last value is older than this is unknown. */
  staleMs: number
  process: string
  attributes: ReadonlyMap<string, string>
}

/** A number that an expression looked at. */
export interface ExpressionReading {
  /** As it stands in the expression, such as `avg(cpu, 5m)`. */
  readonly text: string
  readonly input: ExpressionInput
  /** In the unit of the input (for `rate` per second); NaN when unknown. */
  readonly value: number
}

/** An expression ready to judge samples in event time; numbers come in the units that it was compiled for. */
export interface ExpressionProgram {
  readonly inputs: readonly ExpressionInput[]
  /** Whether it may become true without a new value, as `count(x, 5m) == 0` does. */
  readonly judgesSilence: boolean
  /** Where its first reading becomes true, in the unit of that reading, if it only compares it with a number; else NaN. */
  readonly expectedLow: number
  readonly expectedHigh: number
  createState(): ExpressionState
  /** Takes in a value of `inputs[input]`; what is not finite is ignored. */
  observe(state: ExpressionState, input: number, timeMs: number, value: number): void
  /** 1 for true, 0 for false, NaN for unknown. */
  evaluate(state: ExpressionState, moment: ExpressionMoment): number
  /** False when texts alone make it false: no numbers can make it true for this subject. */
  isPossible(moment: Pick<ExpressionMoment, 'process' | 'attributes'>): boolean
  /** The numbers that it looked at, each once, in the order of the text. */
  readings(state: ExpressionState, moment: ExpressionMoment): ExpressionReading[]
}

type Evaluate = (state: ExpressionState, moment: ExpressionMoment) => number
type ReadText = (moment: ExpressionMoment) => string | undefined

interface Building {
  readonly inputs: ExpressionInput[]
  readonly windows: { readonly layout: WindowLayout; readonly input: number }[]
  readonly windowAt: Map<string, number>
  readonly readings: Map<string, { readonly input: ExpressionInput; readonly read: Evaluate }>
}

/** Checks an expression and makes a program of it. `unitOf` as for `checkExpression`. */
export function compileExpression(expression: Expression, unitOf?: UnitOf): ExpressionOutcome<ExpressionProgram> {
  const checked = checkExpression(expression, unitOf)
  return checked.ok ? { ok: true, value: programOf(checked.value) } : checked
}

function programOf(tree: ConditionTree): ExpressionProgram {
  const building: Building = { inputs: [], windows: [], windowAt: new Map(), readings: new Map() }
  const run = compileCondition(tree, building)
  const { inputs, windows, readings } = building
  const createState = (): ExpressionState => ({
    values: new Float64Array(inputs.length).fill(Number.NaN),
    timesMs: new Float64Array(inputs.length).fill(Number.NEGATIVE_INFINITY),
    windows: windows.map(({ layout }) => createWindow(layout)),
  })
  const nothing = createState()
  return {
    inputs,
    judgesSilence: windows.some(({ layout }) => layout.fn === 'count'),
    ...expectedRange(tree),
    createState,
    observe: (state, input, timeMs, value) => {
      if (!Number.isFinite(value) || !Number.isFinite(timeMs)) return
      if (timeMs >= state.timesMs[input]!) {
        state.timesMs[input] = timeMs
        state.values[input] = value
      }
      for (let at = 0; at < windows.length; at++) {
        const window = windows[at]!
        if (window.input === input) addToWindow(window.layout, state.windows[at]!, timeMs, value)
      }
    },
    evaluate: run,
    // At no moment every number is unknown: what is false then is false whatever they are.
    isPossible: (subject) => run(nothing, { ...subject, nowMs: Number.NaN, staleMs: 0 }) !== 0,
    readings: (state, moment) =>
      [...readings].map(([text, { input, read }]) => ({ text, input, value: read(state, moment) })),
  }
}

const READINGS: ReadonlySet<string> = new Set(['input', 'window'])

/** What a plain comparison of one reading with one number expects of it. */
function expectedRange(tree: ConditionTree): Pick<ExpressionProgram, 'expectedLow' | 'expectedHigh'> {
  const range = { expectedLow: Number.NaN, expectedHigh: Number.NaN }
  if (tree.kind !== 'compare' || tree.operator === '==' || tree.operator === '!=') return range
  const { left, right } = tree
  const isMirrored = left.kind === 'constant'
  const [reading, limit] = isMirrored ? [right, left] : [left, right]
  if (!READINGS.has(reading.kind) || limit.kind !== 'constant') return range
  const isAbove = tree.operator.startsWith('>') !== isMirrored
  return isAbove ? { ...range, expectedHigh: limit.value } : { ...range, expectedLow: limit.value }
}

function inputOf({ inputs }: Building, input: ExpressionInput): number {
  const known = inputs.findIndex(({ source, name }) => source === input.source && name === input.name)
  return known === -1 ? inputs.push(input) - 1 : known
}

/** Unknown is NaN: any comparison with it is unknown, `and` is false if one side is, `or` true if one side is. */
function compileCondition(tree: ConditionTree, building: Building): Evaluate {
  switch (tree.kind) {
    case 'and':
    case 'or': {
      const left = compileCondition(tree.left, building)
      const right = compileCondition(tree.right, building)
      const decides = tree.kind === 'and' ? 0 : 1
      return (state, moment) => {
        const first = left(state, moment)
        if (first === decides) return decides
        const second = right(state, moment)
        return second === decides || !Number.isNaN(first) ? second : first
      }
    }
    case 'not': {
      const of = compileCondition(tree.of, building)
      return (state, moment) => 1 - of(state, moment)
    }
    case 'compare':
      return compileCompare(tree.operator, compileNumber(tree.left, building), compileNumber(tree.right, building))
    default:
      return compileTexts(tree)
  }
}

function compileTexts(tree: Extract<ConditionTree, { kind: 'same' | 'in' | 'like' }>): Evaluate {
  if (tree.kind === 'same') {
    const left = compileText(tree.left)
    const right = compileText(tree.right)
    const whenSame = tree.negated ? 0 : 1
    return (_, moment) => {
      const first = left(moment)
      const second = right(moment)
      if (first === undefined || second === undefined) return Number.NaN
      return first === second ? whenSame : 1 - whenSame
    }
  }
  const of = compileText(tree.of)
  const values = tree.kind === 'in' ? new Set(tree.values) : null
  const holds = tree.kind === 'like' ? createGlob(tree.pattern) : (text: string): boolean => values!.has(text)
  return (_, moment) => {
    const text = of(moment)
    return text === undefined ? Number.NaN : Number(holds(text))
  }
}

function compileText(tree: TextTree): ReadText {
  if (tree.kind === 'process') return (moment) => moment.process
  if (tree.kind === 'text') return () => tree.value
  return (moment) => moment.attributes.get(tree.key)
}

function compileCompare(operator: Comparison, left: Evaluate, right: Evaluate): Evaluate {
  const holds: Record<Comparison, (difference: number) => boolean> = {
    '<': (difference) => difference < 0,
    '<=': (difference) => difference <= 0,
    '>': (difference) => difference > 0,
    '>=': (difference) => difference >= 0,
    '==': (difference) => difference === 0,
    '!=': (difference) => difference !== 0,
  }
  const test = holds[operator]
  return (state, moment) => {
    const difference = left(state, moment) - right(state, moment)
    return Number.isNaN(difference) ? difference : Number(test(difference))
  }
}

function compileNumber(tree: NumberTree, building: Building): Evaluate {
  switch (tree.kind) {
    case 'constant':
      return () => tree.value
    case 'input':
      return compileInput(tree.input, building)
    case 'window':
      return compileWindow(tree, building)
    case 'arithmetic':
      return compileArithmetic(tree, building)
    default: {
      const of = compileNumber(tree.of, building)
      if (tree.kind === 'abs') return (state, moment) => Math.abs(of(state, moment))
      const by = tree.kind === 'scale' ? tree.by : -1
      return (state, moment) => known(by * of(state, moment))
    }
  }
}

function compileInput(input: ExpressionInput, building: Building): Evaluate {
  const at = inputOf(building, input)
  const read: Evaluate = (state, { nowMs, staleMs }) =>
    state.timesMs[at]! >= nowMs - staleMs ? state.values[at]! : Number.NaN
  building.readings.set(input.name, { input, read })
  return read
}

/** A name that ends in `_total` counts up, by the convention of OpenMetrics, unless its source tells the rate. */
const isCounter = ({ source, name }: ExpressionInput): boolean => source === 'metric' && name.endsWith('_total')

function compileWindow(tree: Extract<NumberTree, { kind: 'window' }>, building: Building): Evaluate {
  const { fn, input, windowMs } = tree
  const { windows, windowAt, readings } = building
  const text = `${fn}(${input.name}, ${windowMs % 60_000 === 0 ? `${windowMs / 60_000}m` : `${windowMs / 1000}s`})`
  const key = `${input.source} ${text}`
  const at = windowAt.get(key) ?? windows.length
  if (at === windows.length) {
    windowAt.set(key, at)
    windows.push({
      layout: windowLayout(fn, windowMs, tree.perSecond ? 'per-second' : isCounter(input) ? 'counter' : 'level'),
      input: inputOf(building, input),
    })
  }
  const { layout } = windows[at]!
  const read: Evaluate = (state, moment) => known(readWindow(layout, state.windows[at]!, moment.nowMs))
  readings.set(text, { input, read })
  return read
}

function compileArithmetic(tree: Extract<NumberTree, { kind: 'arithmetic' }>, building: Building): Evaluate {
  const left = compileNumber(tree.left, building)
  const right = compileNumber(tree.right, building)
  switch (tree.operator) {
    case '+':
      return (state, moment) => known(left(state, moment) + right(state, moment))
    case '-':
      return (state, moment) => known(left(state, moment) - right(state, moment))
    case '*':
      return (state, moment) => known(left(state, moment) * right(state, moment))
    default:
      return (state, moment) => known(left(state, moment) / right(state, moment))
  }
}

/** A division by zero, or a number too large, is unknown. */
const known = (value: number): number => (Number.isFinite(value) ? value : Number.NaN)
