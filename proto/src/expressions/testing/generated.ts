import fc from 'fast-check'
import { type Node, windowFunctions } from '../syntax.ts'

/** Places do not matter where trees are made, not read. */
export const at = { offset: 0, length: 0 }

export const names = [
  'amount',
  'a.b',
  'temperature_total',
  '__proto__',
  'constructor',
  'and',
  'odd name',
  'rate',
  'é',
] as const

const name = fc.constantFrom(...names)
const text = fc.oneof(
  fc.constantFrom('IN', '', "it's", '"', '\\', '*'),
  fc.string({ unit: 'grapheme-ascii', maxLength: 6 }),
)
const key = fc.constantFrom('country', 'cpu.mode', 'odd key', '__proto__', '9')
const value = fc.oneof(fc.nat(5), fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constantFrom(1e21, 1e-9, 100000))
const unit = fc.constantFrom(null, '%', 'GB', 'ms', 'min', 'MB/s', '/min', 'cores', '°C')
const windowMs = fc.constantFrom(1000, 1500, 10_000, 60_000, 90_000, 3_600_000, 86_400_000)

/** Trees of numbers and conditions; with `units` as they may be written, without as they may be judged. */
function trees(units: boolean) {
  return fc.letrec<{ number: Node; text: Node; condition: Node }>((tie) => ({
    number: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'tree' },
      fc.record({
        at: fc.constant(at),
        kind: fc.constant('number' as const),
        value,
        unit: units ? unit : fc.constant(null),
      }),
      fc.record({ at: fc.constant(at), kind: fc.constant('name' as const), name }),
      fc.record({
        at: fc.constant(at),
        kind: fc.constant('window' as const),
        fn: fc.constantFrom(...windowFunctions),
        name,
        windowMs,
      }),
      fc.record({ at: fc.constant(at), kind: fc.constantFrom('abs' as const, 'negate' as const), of: tie('number') }),
      fc.record({
        at: fc.constant(at),
        kind: fc.constant('arithmetic' as const),
        operator: fc.constantFrom('+' as const, '-' as const, '*' as const, '/' as const),
        left: tie('number'),
        right: tie('number'),
      }),
    ),
    text: fc.oneof(
      fc.record({ at: fc.constant(at), kind: fc.constant('text' as const), value: text }),
      fc.record({ at: fc.constant(at), kind: fc.constant('attribute' as const), key }),
      fc.constant<Node>({ at, kind: 'process' }),
    ),
    condition: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'tree' },
      fc.record({
        at: fc.constant(at),
        kind: fc.constant('comparison' as const),
        operator: fc.constantFrom(
          '<' as const,
          '<=' as const,
          '>' as const,
          '>=' as const,
          '==' as const,
          '!=' as const,
        ),
        left: tie('number'),
        right: tie('number'),
      }),
      fc.record({
        at: fc.constant(at),
        kind: fc.constant('comparison' as const),
        operator: fc.constantFrom('==' as const, '!=' as const),
        left: tie('text'),
        right: tie('text'),
      }),
      fc.record({
        at: fc.constant(at),
        kind: fc.constant('in' as const),
        of: tie('text'),
        values: fc.array(text, { minLength: 1, maxLength: 3 }),
      }),
      fc.record({ at: fc.constant(at), kind: fc.constant('like' as const), of: tie('text'), pattern: text }),
      fc.record({ at: fc.constant(at), kind: fc.constant('not' as const), of: tie('condition') }),
      fc.record({
        at: fc.constant(at),
        kind: fc.constantFrom('and' as const, 'or' as const),
        left: tie('condition'),
        right: tie('condition'),
      }),
    ),
  }))
}

export const anyCondition: fc.Arbitrary<Node> = trees(true).condition
export const judgeableCondition: fc.Arbitrary<Node> = trees(false).condition
