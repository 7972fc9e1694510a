/** A field of a record by its name, where names of nested fields are joined by dots: what rules on records ask for. */
export function recordField(row: unknown, name: string): number | string | undefined {
  if (name === 'value' && (typeof row === 'number' || typeof row === 'string')) return row
  return plain(find(row, name))
}

/** The longest key wins, so that a key that holds a dot is found too. */
function find(row: unknown, name: string): unknown {
  if (row === null || typeof row !== 'object') return undefined
  if (Object.hasOwn(row, name)) return (row as Record<string, unknown>)[name]
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const key = name.slice(0, dot)
    if (Object.hasOwn(row, key)) return find((row as Record<string, unknown>)[key], name.slice(dot + 1))
  }
  return undefined
}

const plain = (value: unknown): number | string | undefined => {
  if (typeof value === 'number' || typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : undefined
}
