export { type ConditionTree, checkExpression } from './check.ts'
export {
  compileExpression,
  type ExpressionMoment,
  type ExpressionProgram,
  type ExpressionReading,
  type ExpressionState,
} from './compile.ts'
export type { ExpressionInput, UnitOf } from './names.ts'
export { parseExpression } from './parse.ts'
export { printExpression } from './print.ts'
export { renderExpressionError } from './report.ts'
export { type Expression, type ExpressionError, type ExpressionOutcome, expressionLimits } from './syntax.ts'
