import { z } from 'zod'

/** A rule on business records: each record for which the expression is true is flagged, with the record attached. */
export const recordRule = z
  .strictObject({
    name: z.string().min(1).max(100),
    expression: z
      .string()
      .min(1)
      .max(1000)
      .describe('In the language of expressions; fields of the record by name, such as `amount > 1,00,000`'),
    severity: z.enum(['info', 'warning', 'critical']).default('warning'),
    unit: z.string().max(63).optional().describe('Of the number that is compared, such as `INR`'),
  })
  .meta({ id: 'RecordRule' })

export type RecordRule = z.infer<typeof recordRule>
