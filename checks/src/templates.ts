/** What stands in double braces in a string of a step's configuration: `{{steps.login.token}}`. */
export interface TemplateReference {
  /** What stands between the braces, without white space around it. */
  readonly name: string
  readonly start: number
  readonly end: number
}

const TEMPLATE = /\{\{([^{}]*)\}\}/g

/** Every reference of a text, in order. Braces that do not pair are text like any other. */
export function templateReferences(text: string): TemplateReference[] {
  if (!text.includes('{{')) return []
  return [...text.matchAll(TEMPLATE)].map((match) => ({
    name: match[1]!.trim(),
    start: match.index,
    end: match.index + match[0].length,
  }))
}

/** Names that stand for the same in every step. */
export const templateNames = ['product.url', 'demo.url', 'run.id', 'run.startTime', 'flow.name'] as const
export type TemplateName = (typeof templateNames)[number]

const STEP_VALUE = /^steps\.([a-z][a-z0-9_]{0,63})\.([A-Za-z_][A-Za-z0-9_]{0,63})$/

/** `steps.<key>.<name>` taken apart; null for anything else. */
export function stepValueName(name: string): { readonly key: string; readonly value: string } | null {
  const match = STEP_VALUE.exec(name)
  return match && { key: match[1]!, value: match[2]! }
}

/** `credential.<field>`: the field; null for anything else. */
export function credentialField(name: string): string | null {
  return /^credential\.([A-Za-z]{1,64})$/.exec(name)?.[1] ?? null
}
