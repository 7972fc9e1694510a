export { checkExpression } from './check.ts'
export {
  compileExpression,
  type ExpressionMoment,
  type ExpressionProgram,
  type ExpressionReading,
  type ExpressionState,
} from './compile.ts'
export { createGlob } from './glob.ts'
export type { UnitOf } from './names.ts'
export { parseExpression } from './parse.ts'
export { type Expression, expressionLimits } from './syntax.ts'
