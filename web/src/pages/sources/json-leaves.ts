export interface Leaf {
  /** `$.vib.rms`, `$.list[*].value` */
  readonly path: string
  readonly kind: 'number' | 'boolean' | 'text'
  readonly example: string
}

const leavesMax = 200
const depthMax = 12

/** What stands at the ends of a JSON payload; empty when it is none. Elements of a list count once, as `[*]`. */
export function leavesOf(payload: string): Leaf[] {
  let root: unknown
  try {
    root = JSON.parse(payload)
  } catch {
    return []
  }
  const found = new Map<string, Leaf>()
  const walk = (value: unknown, path: string, depth: number): void => {
    if (depth > depthMax || found.size >= leavesMax) return
    if (Array.isArray(value)) {
      for (const one of value.slice(0, 20)) walk(one, `${path}[*]`, depth + 1)
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, one] of Object.entries(value)) walk(one, `${path}${step(key)}`, depth + 1)
    } else if (path !== '$' && value !== null && !found.has(path)) {
      const kind = typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'text'
      found.set(path, { path, kind, example: String(value).slice(0, 40) })
    }
  }
  walk(root, '$', 0)
  return [...found.values()]
}

const step = (key: string): string => (/^[A-Za-z_][\w-]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`)

/** Leaves of several payloads of one mapping; what is once a number is one, whatever else it was. */
export function leavesOfAll(payloads: readonly string[]): Leaf[] {
  const found = new Map<string, Leaf>()
  for (const payload of payloads)
    for (const leaf of leavesOf(payload)) {
      const before = found.get(leaf.path)
      if (!before || (before.kind === 'text' && leaf.kind !== 'text')) found.set(leaf.path, leaf)
    }
  return [...found.values()]
}

/** The metric that a number has when nobody names it: its path. */
export const metricOfPath = (path: string): string =>
  path
    .replace(/^\$\.?/, '')
    .replace(/\[\*\]/g, '')
    .replace(/\["((?:[^"\\]|\\.)*)"\]/g, '.$1')
    .replace(/^\./, '')
