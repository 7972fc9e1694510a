import type { Expression, Node } from './syntax.ts'
import { keywords } from './tokens.ts'

/** How tightly a node holds together; one that holds less than its place asks for stands in brackets. */
const STRENGTH = { or: 1, and: 2, not: 3, comparison: 4, in: 4, like: 4, sum: 5, product: 6, factor: 7 } as const

const PLAIN_NAME = /^[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}\p{N}_]+)*$/u
const PLAIN_KEY = /^[\p{L}\p{N}_]+(?:\.[\p{L}\p{N}_]+)*$/u

/** Writes an expression in its usual form: parsed again, it is the same. */
export function printExpression({ condition, forMs }: Pick<Expression, 'condition' | 'forMs'>): string {
  const text = printNode(condition)
  return forMs === 0 ? text : `${text} for ${printDuration(forMs)}`
}

/** Writes one node as `printExpression` does. */
export function printNode(node: Node): string {
  switch (node.kind) {
    case 'number':
      return node.unit === null
        ? String(node.value)
        : `${node.value}${node.unit.startsWith('/') ? '' : ' '}${node.unit}`
    case 'text':
      return printText(node.value)
    case 'name':
      return printName(node.name)
    case 'attribute':
      return PLAIN_KEY.test(node.key) ? `attributes.${node.key}` : `attributes[${printText(node.key)}]`
    case 'process':
      return 'process'
    case 'window':
      return `${node.fn}(${printName(node.name)}, ${printDuration(node.windowMs)})`
    case 'abs':
      return `abs(${printAtLeast(node.of, STRENGTH.sum)})`
    case 'negate':
      return `-${printAtLeast(node.of, STRENGTH.factor)}`
    case 'not':
      return `not ${printAtLeast(node.of, STRENGTH.not)}`
    case 'in':
      return `${printAtLeast(node.of, STRENGTH.sum)} in (${node.values.map(printText).join(', ')})`
    case 'like':
      return `${printAtLeast(node.of, STRENGTH.sum)} like ${printText(node.pattern)}`
    case 'comparison':
      return printPair(node, STRENGTH.sum, STRENGTH.sum)
    case 'arithmetic':
      return printPair(node, strengthOf(node), strengthOf(node) + 1)
    default:
      return `${printAtLeast(node.left, STRENGTH[node.kind])} ${node.kind} ${printAtLeast(node.right, STRENGTH[node.kind] + 1)}`
  }
}

function printPair(node: Extract<Node, { operator: string }>, left: number, right: number): string {
  return `${printAtLeast(node.left, left)} ${node.operator} ${printAtLeast(node.right, right)}`
}

function strengthOf(node: Node): number {
  if (node.kind === 'arithmetic') {
    return node.operator === '+' || node.operator === '-' ? STRENGTH.sum : STRENGTH.product
  }
  return node.kind in STRENGTH ? STRENGTH[node.kind as keyof typeof STRENGTH] : STRENGTH.factor
}

function printAtLeast(node: Node, strength: number): string {
  const text = printNode(node)
  return strengthOf(node) < strength ? `(${text})` : text
}

const printText = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

/** A name, in backticks when it would read as something else without. */
function printName(name: string): string {
  const reads = keywords.has(name.toLowerCase()) || name === 'process' || name.startsWith('attributes.')
  return PLAIN_NAME.test(name) && !reads ? name : `\`${name}\``
}

function printDuration(ms: number): string {
  for (const [unit, of] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const) {
    if (ms % of === 0) return `${ms / of}${unit}`
  }
  return `${ms}ms`
}
