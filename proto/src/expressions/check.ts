import { type ExpressionInput, readingsOf, type UnitOf } from './names.ts'
import { printNode } from './print.ts'
import {
  type Comparison,
  type Expression,
  type ExpressionErrorCode,
  ExpressionFault,
  type ExpressionOutcome,
  type Node,
  outcomeOf,
  type WindowFunction,
} from './syntax.ts'
import {
  divide,
  isOpenUnit,
  measuredUnit,
  multiply,
  ONE,
  perSecond as perSecondUnit,
  SECOND,
  sameDims,
  type Unit,
  unitInWords,
  writtenUnit,
} from './units.ts'

/** A number that is computed, with its names resolved and its units converted. */
export type NumberTree =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'input'; readonly input: ExpressionInput }
  | {
      readonly kind: 'window'
      readonly fn: WindowFunction
      readonly input: ExpressionInput
      readonly windowMs: number
      /** Its input is a rate already: `rate` is its mean, and `delta` what came together. */
      readonly perSecond: boolean
    }
  | { readonly kind: 'abs' | 'negate'; readonly of: NumberTree }
  | { readonly kind: 'scale'; readonly by: number; readonly of: NumberTree }
  | {
      readonly kind: 'arithmetic'
      readonly operator: '+' | '-' | '*' | '/'
      readonly left: NumberTree
      readonly right: NumberTree
    }

export type TextTree =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'attribute'; readonly key: string }
  | { readonly kind: 'process' }

export type ConditionTree =
  | {
      readonly kind: 'compare'
      readonly operator: Comparison
      readonly left: NumberTree
      readonly right: NumberTree
    }
  | { readonly kind: 'same'; readonly negated: boolean; readonly left: TextTree; readonly right: TextTree }
  | { readonly kind: 'in'; readonly of: TextTree; readonly values: readonly string[] }
  | { readonly kind: 'like'; readonly of: TextTree; readonly pattern: string }
  | { readonly kind: 'not'; readonly of: ConditionTree }
  | { readonly kind: 'and' | 'or'; readonly left: ConditionTree; readonly right: ConditionTree }

/** How far a number without a unit of its own takes the unit of its neighbour: `5` of any, `5/min` of any per time. */
type Loose = 'no' | 'any' | 'per-time'

/** One way to read a piece of an expression as a number. A unit of null is not known, and fits everything. */
interface Quantity {
  readonly tree: NumberTree
  readonly unit: Unit | null
  readonly loose: Loose
}

type Checked =
  | { readonly type: 'condition'; readonly tree: ConditionTree }
  | { readonly type: 'text'; readonly tree: TextTree }
  | { readonly type: 'number'; readonly ways: readonly Quantity[] }

/** Ways to read one piece that are followed up: names have two at most, and most of their pairs do not fit. */
const WAYS_MAX = 4

/** Checks types and units. `unitOf` tells what is known of the metrics; names that nobody knows fit everything. */
export function checkExpression(
  { condition }: Expression,
  unitOf: UnitOf = () => undefined,
): ExpressionOutcome<ConditionTree> {
  return outcomeOf(() => conditionOf(condition, unitOf))
}

function fault(code: ExpressionErrorCode, node: Node, message: string): ExpressionFault {
  return new ExpressionFault(code, message, node.at)
}

/** A piece of the text in an error, cut where it is long. */
function quote(node: Node): string {
  const text = printNode(node)
  return `\`${text.length > 60 ? `${text.slice(0, 59)}…` : text}\``
}

function check(node: Node, unitOf: UnitOf): Checked {
  switch (node.kind) {
    case 'text':
    case 'attribute':
    case 'process':
      return { type: 'text', tree: node }
    case 'number':
    case 'name':
    case 'window':
    case 'abs':
    case 'negate':
    case 'arithmetic':
      return { type: 'number', ways: waysOf(node, unitOf) }
    default:
      return { type: 'condition', tree: conditionTree(node, unitOf) }
  }
}

type ConditionNode = Extract<Node, { kind: 'and' | 'or' | 'not' | 'comparison' | 'in' | 'like' }>

function conditionTree(node: ConditionNode, unitOf: UnitOf): ConditionTree {
  switch (node.kind) {
    case 'and':
    case 'or':
      return { kind: node.kind, left: conditionOf(node.left, unitOf), right: conditionOf(node.right, unitOf) }
    case 'not':
      return { kind: 'not', of: conditionOf(node.of, unitOf) }
    case 'in':
      return { kind: 'in', of: textOf(node.of, 'in', unitOf), values: node.values }
    case 'like':
      return { kind: 'like', of: textOf(node.of, 'like', unitOf), pattern: node.pattern }
    default:
      return compare(node, unitOf)
  }
}

function conditionOf(node: Node, unitOf: UnitOf): ConditionTree {
  const checked = check(node, unitOf)
  if (checked.type === 'condition') return checked.tree
  const advice =
    checked.type === 'text' ? 'compare it, as in attributes.country == "IN"' : 'compare it, as in cpu > 90 %'
  throw fault('not_a_condition', node, `${quote(node)} is a ${checked.type}, neither true nor false: ${advice}`)
}

function textOf(node: Node, operator: string, unitOf: UnitOf): TextTree {
  const checked = check(node, unitOf)
  if (checked.type === 'text') return checked.tree
  throw fault('wrong_type', node, `\`${operator}\` looks at texts, but ${quote(node)} is a ${checked.type}`)
}

function quantitiesOf(node: Node, unitOf: UnitOf): readonly Quantity[] {
  const checked = check(node, unitOf)
  if (checked.type === 'number') return checked.ways
  throw fault('wrong_type', node, `A number is needed here, but ${quote(node)} is a ${checked.type}`)
}

function compare(node: Extract<Node, { kind: 'comparison' }>, unitOf: UnitOf): ConditionTree {
  const { operator } = node
  const left = check(node.left, unitOf)
  const right = check(node.right, unitOf)
  if (left.type === 'condition' || right.type === 'condition') {
    const wrong = left.type === 'condition' ? node.left : node.right
    throw fault('wrong_type', wrong, `${quote(wrong)} is a condition: join conditions with \`and\`, \`or\`, \`not\``)
  }
  if (left.type !== right.type) {
    const message = `${quote(node.left)} is a ${left.type}, but ${quote(node.right)} is a ${right.type}`
    throw fault('wrong_type', node.right, `${message}: they cannot be compared`)
  }
  if (left.type === 'text' && right.type === 'text') {
    if (operator !== '==' && operator !== '!=') {
      throw fault('wrong_type', node, 'Texts are compared with ==, !=, `in` and `like` only')
    }
    return { kind: 'same', negated: operator === '!=', left: left.tree, right: right.tree }
  }
  const pairs = pairsThatFit(node, unitOf, 'compared')
  const { left: a, right: b } = pairs[0]!
  refuseShareAboveOne(node.left, a, b, node.right)
  refuseShareAboveOne(node.right, b, a, node.left)
  return { kind: 'compare', operator, left: a.tree, right: b.tree }
}

/** `cpu_share > 90` can never be true, and is always meant as `90 %`. */
function refuseShareAboveOne(node: Node, share: Quantity, limit: Quantity, limitNode: Node): void {
  const isShare = share.tree.kind === 'input' && share.tree.input.source === 'kpi' && share.unit?.dims.size === 0
  if (!isShare || limitNode.kind !== 'number' || limit.loose !== 'any' || limitNode.value <= 1) return
  const message = `${quote(node)} is a share from 0 to 1: write \`${limitNode.value} %\``
  throw fault('units_differ', limitNode, message)
}

interface Pair {
  readonly left: Quantity
  readonly right: Quantity
  /** What both are in, once converted. */
  readonly unit: Unit | null
  readonly loose: Loose
}

/** The ways to read both sides that fit together; the first is the one that is meant. Throws when there is none. */
function pairsThatFit(
  node: Extract<Node, { operator: string }>,
  unitOf: UnitOf,
  how: 'compared' | 'added' | 'subtracted',
): readonly Pair[] {
  const lefts = quantitiesOf(node.left, unitOf)
  const rights = quantitiesOf(node.right, unitOf)
  const pairs = lefts.flatMap((left) => rights.map((right) => fit(left, right)))
  const fitting = pairs.filter((pair) => pair !== null)
  if (fitting.length > 0) return fitting
  const words = ({ unit, loose }: Quantity): string => {
    if (loose === 'per-time') return 'a number per time'
    return unit === null ? 'a number' : unitInWords(unit)
  }
  const sides = `${quote(node.left)} is ${words(lefts[0]!)}, but ${quote(node.right)} is ${words(rights[0]!)}`
  throw fault('units_differ', node.right, `${sides}: they cannot be ${how}`)
}

const scaled = (tree: NumberTree, by: number): NumberTree => {
  if (by === 1) return tree
  return tree.kind === 'constant' ? { kind: 'constant', value: tree.value * by } : { kind: 'scale', by, of: tree }
}

/** Brings two quantities to one unit; null when they have no common one. Literals are converted, not measurements. */
function fit(left: Quantity, right: Quantity): Pair | null {
  if (left.unit === null || right.unit === null) return { left, right, unit: left.unit ?? right.unit, loose: 'no' }
  if (left.loose === 'any') return { left, right, unit: right.unit, loose: right.loose }
  if (right.loose === 'any') return { left, right, unit: left.unit, loose: left.loose }
  if (left.loose !== right.loose) {
    const [open, closed] = left.loose === 'per-time' ? [left, right] : [right, left]
    if (closed.unit!.dims.get(SECOND) !== -1) return null
    const converted = { ...open, tree: scaled(open.tree, open.unit!.timeScale / closed.unit!.timeScale) }
    const pair = left === open ? { left: converted, right } : { left, right: converted }
    return { ...pair, unit: closed.unit, loose: 'no' }
  }
  if (!sameDims(left.unit, right.unit)) return null
  const { loose } = left
  if (left.tree.kind === 'constant' && right.tree.kind !== 'constant') {
    const converted = { ...left, tree: scaled(left.tree, left.unit.scale / right.unit.scale) }
    return { left: converted, right, unit: right.unit, loose }
  }
  const converted = { ...right, tree: scaled(right.tree, right.unit.scale / left.unit.scale) }
  return { left, right: converted, unit: left.unit, loose }
}

type NumberNode = Extract<Node, { kind: 'number' | 'name' | 'window' | 'abs' | 'negate' | 'arithmetic' }>

function waysOf(node: NumberNode, unitOf: UnitOf): readonly Quantity[] {
  switch (node.kind) {
    case 'number':
      return [literal(node)]
    case 'name':
      return readingsOf(node.name, unitOf).map(({ input, unit }) => {
        return { tree: { kind: 'input', input }, unit: unit === null ? null : measuredUnit(unit), loose: 'no' }
      })
    case 'window': {
      const { fn, windowMs } = node
      return readingsOf(node.name, unitOf).map(({ input, unit }) => {
        const measured = unit === null ? null : measuredUnit(unit)
        const perSecond = measured?.dims.get(SECOND) === -1 && (fn === 'rate' || fn === 'delta')
        const tree: NumberTree = { kind: 'window', fn, input, windowMs, perSecond }
        return { tree, unit: windowUnit(fn, measured, perSecond), loose: 'no' }
      })
    }
    case 'abs':
    case 'negate': {
      const { kind } = node
      return quantitiesOf(node.of, unitOf).map((of) => ({ ...of, tree: { kind, of: of.tree } }))
    }
    default:
      return arithmetic(node, unitOf)
  }
}

/** Numbers are brought to base units at once: `90 %` is 0.9, `500 ms` 0.5 s. `5/min` stays: what it counts is open. */
function literal({ value, unit }: Extract<Node, { kind: 'number' }>): Quantity {
  if (unit === null) return { tree: { kind: 'constant', value }, unit: ONE, loose: 'any' }
  const known = writtenUnit(unit)!
  const tree: NumberTree = { kind: 'constant', value: value * known.scale }
  const base: Unit = { dims: known.dims, scale: 1, timeScale: 1 }
  return { tree, unit: base, loose: isOpenUnit(unit) ? 'per-time' : 'no' }
}

function windowUnit(fn: WindowFunction, unit: Unit | null, perSecond: boolean): Unit | null {
  if (fn === 'count') return ONE
  if (unit !== null && perSecond) return fn === 'rate' ? unit : divide(unit, perSecondUnit)
  if (unit === null || fn !== 'rate') return unit
  return multiply(unit, perSecondUnit)
}

function arithmetic(node: Extract<Node, { kind: 'arithmetic' }>, unitOf: UnitOf): readonly Quantity[] {
  const { operator } = node
  if (operator === '+' || operator === '-') {
    const pairs = pairsThatFit(node, unitOf, operator === '+' ? 'added' : 'subtracted')
    return distinct(
      pairs.map(({ left, right, unit, loose }) => {
        return { tree: { kind: 'arithmetic', operator, left: left.tree, right: right.tree }, unit, loose }
      }),
    )
  }
  const lefts = quantitiesOf(node.left, unitOf)
  const rights = quantitiesOf(node.right, unitOf)
  return distinct(lefts.flatMap((left) => rights.map((right) => combine(operator, left, right))))
}

function combine(operator: '*' | '/', left: Quantity, right: Quantity): Quantity {
  const tree: NumberTree = { kind: 'arithmetic', operator, left: left.tree, right: right.tree }
  if (left.unit === null || right.unit === null) return { tree, unit: null, loose: 'no' }
  if (right.loose === 'any') return { tree, unit: left.unit, loose: left.loose }
  if (left.loose === 'any' && operator === '*') return { tree, unit: right.unit, loose: right.loose }
  const unit = operator === '*' ? multiply(left.unit, right.unit) : divide(left.unit, right.unit)
  // A share of something stays in the unit of that thing; all else comes in base units.
  const other =
    right.unit.dims.size === 0 ? left.unit : operator === '*' && left.unit.dims.size === 0 ? right.unit : null
  const kept = other ?? { dims: unit.dims, scale: 1, timeScale: 1 }
  return { tree: scaled(tree, unit.scale / kept.scale), unit: kept, loose: 'no' }
}

/** Ways of the same unit are one way: the first. */
function distinct(ways: readonly Quantity[]): readonly Quantity[] {
  const kept: Quantity[] = []
  for (const way of ways) {
    const isKnown = kept.some(({ unit, loose }) => {
      if (unit === null || way.unit === null) return unit === way.unit
      return loose === way.loose && unit.scale === way.unit.scale && sameDims(unit, way.unit)
    })
    if (!isKnown && kept.length < WAYS_MAX) kept.push(way)
  }
  return kept
}
