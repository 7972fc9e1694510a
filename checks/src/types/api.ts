import { z } from 'zod'
import { httpCommon, judged } from './parts.ts'

const answer = {
  schema: z.record(z.string(), z.unknown()).optional().describe('JSON Schema (2020-12) that the answer must follow'),
}

export const restConfig = z
  .strictObject({
    ...httpCommon,
    ...judged,
    ...answer,
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
    query: z.record(z.string().min(1).max(200), z.string().max(4000)).default({}),
    json: z.unknown().optional().describe('Sent as application/json'),
    body: z.string().max(1_000_000).optional().describe('Sent as it is; set content-type in headers'),
    form: z
      .record(z.string(), z.string().max(100_000))
      .optional()
      .describe('Sent as application/x-www-form-urlencoded'),
  })
  .refine(({ json, body, form }) => [json, body, form].filter((part) => part !== undefined).length <= 1, {
    message: 'Set one of json, body and form',
    path: ['body'],
  })
  .meta({ id: 'RestConfig' })
export type RestConfig = z.infer<typeof restConfig>

/** Fails when the answer has `errors`, unless an assertion is about them. */
export const graphqlConfig = z
  .strictObject({
    ...httpCommon,
    ...judged,
    ...answer,
    query: z.string().min(1).max(100_000),
    variables: z.record(z.string(), z.unknown()).default({}),
    operationName: z.string().max(200).optional(),
  })
  .meta({ id: 'GraphqlConfig' })
export type GraphqlConfig = z.infer<typeof graphqlConfig>
