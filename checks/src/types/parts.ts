import { z } from 'zod'

/** What `{{...}}` stands for is put in when the step runs; see `docs/FLOWS.md`. */
export const template = (lengthMax: number): z.ZodString => z.string().min(1).max(lengthMax)

/** Anything that JSON can say, as far as a step's configuration needs it. */
export const scalar = z.union([z.string().max(10_000), z.number(), z.boolean(), z.null()])

/**
 * What is looked at: a fact of the answer by its name, such as `status`, `header`, `json`, `text`, `rows`, and where
 * in it (`path`: a header's name, a JSONPath, a CSS selector, a column). Each check type says which facts it has.
 */
const subject = {
  of: z.string().min(1).max(40).describe('Which fact of the answer'),
  path: z.string().min(1).max(1000).optional().describe('Where in it: header, JSONPath, CSS selector, column'),
}

export const comparisons = [
  'equals',
  'not_equals',
  'less_than',
  'at_most',
  'more_than',
  'at_least',
  'contains',
  'not_contains',
  'matches',
  'not_matches',
  'exists',
  'missing',
  'one_of',
] as const
export type Comparison = (typeof comparisons)[number]

/** What must hold for the step to succeed. `matches` is RE2; `one_of` takes a list; `exists` and `missing` nothing. */
export const assertion = z
  .strictObject({
    ...subject,
    is: z.enum(comparisons),
    value: z.union([scalar, z.array(scalar).max(100)]).optional(),
  })
  .meta({ id: 'StepAssertion' })
export type Assertion = z.infer<typeof assertion>

/** A value that later steps use as `{{steps.<key of this step>.<name>}}`. */
export const extraction = z
  .strictObject({
    ...subject,
    pattern: z.string().max(1000).optional().describe('RE2: its first group is taken, or the whole match'),
    secret: z.boolean().default(false).describe('Masked wherever people could see it'),
    required: z.boolean().default(true).describe('The step fails when there is no such value'),
  })
  .meta({ id: 'StepExtraction' })
export type Extraction = z.infer<typeof extraction>

/** What every check type's configuration may hold. */
export const judged = {
  assertions: z.array(assertion).max(50).default([]),
  extract: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be a word of letters, digits and _'), extraction)
    .default({}),
}

export const credentialName = z.string().min(1).max(100).describe('Name of a credential in the vault')

export const httpHeaders = z.record(z.string().min(1).max(200), z.string().max(8000)).default({})

export const httpUrl = template(4000).describe('http or https; without user name and password')

/** What all that speaks HTTP shares. */
export const httpCommon = {
  url: httpUrl,
  headers: httpHeaders,
  credential: credentialName.optional(),
  followRedirects: z.boolean().default(true).describe('At most 10, each checked again'),
  bodyBytesMax: z.number().int().min(1).max(20_000_000).default(5_000_000),
}
