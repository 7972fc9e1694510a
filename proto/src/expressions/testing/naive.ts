import type { ExpressionMoment } from '../compile.ts'
import type { Node } from '../syntax.ts'

export interface NaiveSample {
  readonly name: string
  readonly timeMs: number
  readonly value: number
}

type Value = number | string | boolean | undefined

/** Judges a tree the obvious way, from all samples that ever came, without units; an independent reference. */
export function judge(node: Node, samples: readonly NaiveSample[], moment: ExpressionMoment): number {
  const value = resultOf(
    node,
    samples.filter((sample) => Number.isFinite(sample.value)),
    moment,
  )
  return value === undefined ? Number.NaN : Number(value)
}

function resultOf(node: Node, samples: readonly NaiveSample[], moment: ExpressionMoment): Value {
  const of = (child: Node): Value => resultOf(child, samples, moment)
  switch (node.kind) {
    case 'number':
    case 'text':
      return node.value
    case 'process':
      return moment.process
    case 'attribute':
      return moment.attributes.get(node.key)
    case 'name': {
      const latest = inOrder(samples, node.name).at(-1)
      return latest !== undefined && latest.timeMs >= moment.nowMs - moment.staleMs ? latest.value : undefined
    }
    case 'window':
      return overWindow(node, inOrder(samples, node.name), moment.nowMs)
    case 'abs':
    case 'negate': {
      const value = of(node.of) as number | undefined
      return value === undefined ? undefined : node.kind === 'abs' ? Math.abs(value) : -value
    }
    case 'arithmetic':
      return calculate(node.operator, of(node.left) as number | undefined, of(node.right) as number | undefined)
    case 'comparison':
      return compare(node.operator, of(node.left), of(node.right))
    case 'in': {
      const value = of(node.of)
      return value === undefined ? undefined : node.values.includes(value as string)
    }
    case 'like': {
      const value = of(node.of)
      const pattern = node.pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')
      return value === undefined ? undefined : new RegExp(`^${pattern}$`, 's').test(value as string)
    }
    case 'not': {
      const value = of(node.of)
      return value === undefined ? undefined : !value
    }
    default: {
      const sides = [of(node.left), of(node.right)]
      const decides = node.kind === 'or'
      if (sides.includes(decides)) return decides
      return sides.includes(undefined) ? undefined : !decides
    }
  }
}

/** Stable, so that of two samples at one time the later one counts. */
function inOrder(samples: readonly NaiveSample[], name: string): NaiveSample[] {
  return samples.filter((sample) => sample.name === name).sort((a, b) => a.timeMs - b.timeMs)
}

function calculate(operator: string, left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return undefined
  const value = { '+': left + right, '-': left - right, '*': left * right, '/': left / right }[operator]!
  return Number.isFinite(value) ? value : undefined
}

function compare(operator: string, left: Value, right: Value): boolean | undefined {
  if (left === undefined || right === undefined) return undefined
  const less = left < right
  const same = left === right
  return { '<': less, '<=': less || same, '>': !less && !same, '>=': !less, '==': same, '!=': !same }[operator]!
}

function overWindow(
  { fn, name, windowMs }: Extract<Node, { kind: 'window' }>,
  all: readonly NaiveSample[],
  nowMs: number,
): number | undefined {
  if (all.length === 0) return undefined
  const partMs = Math.max(100, Math.ceil(windowMs / 120))
  const parts = Math.ceil(windowMs / partMs)
  const within = all.filter(({ timeMs }) => Math.floor(timeMs / partMs) > Math.floor(nowMs / partMs) - parts)
  const values = within.map(({ value }) => value)
  const sum = values.reduce((total, value) => total + value, 0)
  if (fn === 'count') return values.length
  const [first, last] = [within[0], within.at(-1)]
  if (first === undefined || last === undefined) return undefined
  if (fn === 'sum') return sum
  if (fn === 'avg') return sum / values.length
  if (fn === 'min') return Math.min(...values)
  if (fn === 'max') return Math.max(...values)
  if (fn === 'last') return last.value
  if (fn === 'stddev') {
    const mean = sum / values.length
    return values.length < 2 ? undefined : Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length)
  }
  const seconds = (last.timeMs - first.timeMs) / 1000
  if (seconds <= 0) return undefined
  const rises = values.slice(1).map((value, at) => (value >= values[at]! ? value - values[at]! : value))
  const change = name.endsWith('_total') ? rises.reduce((total, rise) => total + rise, 0) : last.value - first.value
  return fn === 'rate' ? change / seconds : change
}
