import { badParameter } from './problems.ts'

/**
 * Gathers the parts of a grouped parameter: `field.a=1&field[b]=2&field.b=3` becomes `{field: {a: ['1'], b: ['2', '3']}}`.
 * Everything else stays as it is. Errors: 400 for a name that objects keep for themselves.
 */
export function groupQuery(query: Readonly<Record<string, unknown>>, name: string | undefined): unknown {
  if (name === undefined) return query
  const rest: Record<string, unknown> = {}
  const parts = new Map<string, unknown[]>()
  for (const [key, value] of Object.entries(query)) {
    const part = partOf(key, name)
    if (part === '__proto__') throw badParameter(key, 'is no name that can be looked for')
    if (part === null) rest[key] = value
    else parts.set(part, [...(parts.get(part) ?? []), ...(Array.isArray(value) ? value : [value])])
  }
  if (parts.size > 0) rest[name] = Object.fromEntries(parts)
  return rest
}

function partOf(key: string, name: string): string | null {
  if (key.startsWith(`${name}.`)) return key.slice(name.length + 1)
  return key.startsWith(`${name}[`) && key.endsWith(']') ? key.slice(name.length + 1, -1) : null
}
