/** One step: a key of an object, a place in an array (negative from its end), or every value of either. */
type Step = { readonly key: string } | { readonly at: number } | 'every'

/** A compiled path such as `$.vib.rms`, `$.list[0].value` or `$.list[*].value`. */
export interface JsonPath {
  readonly text: string
  readonly steps: readonly Step[]
  /** Whether it can select several values. */
  readonly isWild: boolean
}

const STEPS_MAX = 32
const PATH_CHARS_MAX = 512

/** `.name`, `.*`, `[3]`, `[-1]`, `[*]`, `['any name']`, `["any name"]`. */
const STEP = /(?:\.([^.[\]'"*\s]+)|\.(\*)|\[(-?\d{1,6})\]|\[(\*)\]|\[('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\])/y

/** Compiles a path; a text says what is wrong with it. */
export function compilePath(text: string): JsonPath | string {
  if (!text.startsWith('$')) return `"${text.slice(0, 60)}": a path starts with $, such as $.vib.rms`
  if (text.length > PATH_CHARS_MAX) return `a path is at most ${PATH_CHARS_MAX} characters`
  const steps: Step[] = []
  let at = 1
  while (at < text.length) {
    STEP.lastIndex = at
    const match = STEP.exec(text)
    if (!match) return `"${text.slice(0, 60)}" is not a path at "${text.slice(at, at + 20)}"`
    steps.push(stepOf(match))
    if (steps.length > STEPS_MAX) return `a path has at most ${STEPS_MAX} steps`
    at = STEP.lastIndex
  }
  return { text, steps, isWild: steps.includes('every') }
}

function stepOf(match: RegExpExecArray): Step {
  const [, name, star, index, starred, quoted] = match
  if (star || starred) return 'every'
  if (index !== undefined) return { at: Number(index) }
  return { key: name ?? quoted!.slice(1, -1).replace(/\\(.)/g, '$1') }
}

/** A path of one key, such as a column's name. */
export const keyPath = (key: string): JsonPath => ({ text: key, steps: [{ key }], isWild: false })

/** The value at a path without `*`; undefined where there is none. Only own keys of objects are followed. */
export function select(value: unknown, path: JsonPath): unknown {
  let at = value
  for (const step of path.steps) {
    at = follow(at, step)
    if (at === undefined) return undefined
  }
  return at
}

function follow(value: unknown, step: Step): unknown {
  if (value === null || typeof value !== 'object' || step === 'every') return undefined
  if ('key' in step)
    return Array.isArray(value) || !Object.hasOwn(value, step.key) ? undefined : ownValue(value, step.key)
  if (Array.isArray(value)) return value.at(step.at)
  // The cells of a line are counted too.
  const key = Object.keys(value).at(step.at)
  return key === undefined ? undefined : ownValue(value, key)
}

const ownValue = (value: object, key: string): unknown => (value as Record<string, unknown>)[key]

/** A value that a path with `*` selected, and the parent that tells it from its neighbours. */
export interface Selected {
  readonly value: unknown
  /** Names or numbers of the elements on the way, such as `motor-1` or `0`, joined by `/`. */
  readonly label: string
  /** `name` where the elements name themselves, else `index`. */
  readonly labelKey: 'id' | 'name' | 'index'
}

/** Every value that a path selects, at most `max`. */
export function selectEvery(value: unknown, path: JsonPath, max: number): Selected[] {
  const found: Selected[] = []
  const walk = (at: unknown, depth: number, label: string, labelKey: Selected['labelKey']): void => {
    if (found.length >= max || at === undefined) return
    const step = path.steps[depth]
    if (step === undefined) {
      found.push({ value: at, label, labelKey })
    } else if (step !== 'every') {
      walk(follow(at, step), depth + 1, label, labelKey)
    } else if (at !== null && typeof at === 'object') {
      const isArray = Array.isArray(at)
      for (const [key, element] of Object.entries(at)) {
        const own = isArray ? labelOf(element, key) : { labelKey: 'name' as const, label: key }
        walk(element, depth + 1, label === '' ? own.label : `${label}/${own.label}`, own.labelKey)
        if (found.length >= max) return
      }
    }
  }
  walk(value, 0, '', 'index')
  return found
}

const LABEL_CHARS_MAX = 256

/** What tells an element of an array from its neighbours: its own id or name, else its place. */
export function labelOf(
  element: unknown,
  index: string,
): { readonly labelKey: Selected['labelKey']; readonly label: string } {
  if (element !== null && typeof element === 'object' && !Array.isArray(element)) {
    for (const labelKey of ['id', 'name'] as const) {
      if (!Object.hasOwn(element, labelKey)) continue
      const label = ownValue(element, labelKey)
      const isLabel =
        typeof label === 'string' ? label !== '' && label.length <= LABEL_CHARS_MAX : Number.isInteger(label)
      if (isLabel) return { labelKey, label: String(label) }
    }
  }
  return { labelKey: 'index', label: index }
}
