/** A piece of the text of an expression, in UTF-16 code units. */
export interface Span {
  readonly offset: number
  readonly length: number
}

/** Bounds of an expression. Past them it is refused, with the place where it goes too far. */
export const expressionLimits = {
  /** Of the text, in UTF-16 code units. */
  length: 1000,
  /** Brackets, signs and `not` inside each other. */
  depth: 50,
  /** Calls of functions over a window. */
  windows: 20,
  windowMinMs: 1000,
  windowMaxMs: 86_400_000,
} as const

/** Functions over the samples of a window. */
export const windowFunctions = ['rate', 'delta', 'avg', 'min', 'max', 'sum', 'count', 'last', 'stddev'] as const

export type WindowFunction = (typeof windowFunctions)[number]

export type Comparison = '<' | '<=' | '>' | '>=' | '==' | '!='
export type Arithmetic = '+' | '-' | '*' | '/'

/** One node of an expression, with the place where it stands. */
export type Node = { readonly at: Span } & (
  | { readonly kind: 'number'; readonly value: number /** As written; null for none. */; readonly unit: string | null }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'attribute'; readonly key: string }
  /** The id of the process that is judged. */
  | { readonly kind: 'process' }
  | { readonly kind: 'window'; readonly fn: WindowFunction; readonly name: string; readonly windowMs: number }
  | { readonly kind: 'abs'; readonly of: Node }
  | { readonly kind: 'negate'; readonly of: Node }
  | { readonly kind: 'not'; readonly of: Node }
  | { readonly kind: 'arithmetic'; readonly operator: Arithmetic; readonly left: Node; readonly right: Node }
  | { readonly kind: 'comparison'; readonly operator: Comparison; readonly left: Node; readonly right: Node }
  | { readonly kind: 'in'; readonly of: Node; readonly values: readonly string[] }
  /** `*` stands for any characters, `?` for one. */
  | { readonly kind: 'like'; readonly of: Node; readonly pattern: string }
  | { readonly kind: 'and' | 'or'; readonly left: Node; readonly right: Node }
)

/** A parsed expression: a condition and, after `for`, how long it must hold; 0 for at once. */
export interface Expression {
  readonly text: string
  readonly condition: Node
  readonly forMs: number
}

export type ExpressionErrorCode =
  | 'too_long'
  | 'too_deep'
  | 'too_many_windows'
  | 'unexpected_character'
  | 'unexpected_token'
  | 'unfinished_text'
  | 'bad_number'
  | 'bad_duration'
  | 'unknown_unit'
  | 'unknown_function'
  | 'not_a_condition'
  | 'wrong_type'
  | 'units_differ'

/** What is wrong with an expression, and where. The span lies inside the text; it is empty at its end. */
export interface ExpressionError extends Span {
  readonly code: ExpressionErrorCode
  /** For people, in words, without the place. */
  readonly message: string
}

/** What a step of reading an expression throws; caught where the step is entered, never seen outside. */
export class ExpressionFault extends Error {
  readonly error: ExpressionError

  constructor(code: ExpressionErrorCode, message: string, at: Span) {
    super(message)
    this.error = { code, message, offset: at.offset, length: at.length }
  }
}

export type ExpressionOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ExpressionError }

/** Turns a thrown fault into an outcome; what is no fault of the text goes on. */
export function outcomeOf<T>(read: () => T): ExpressionOutcome<T> {
  try {
    return { ok: true, value: read() }
  } catch (thrown) {
    if (thrown instanceof ExpressionFault) return { ok: false, error: thrown.error }
    throw thrown
  }
}
