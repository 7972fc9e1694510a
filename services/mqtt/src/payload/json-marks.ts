import { compilePath, type JsonPath } from './json-path.ts'

/** A part of a text, in UTF-16 units. */
export interface Mark {
  readonly from: number
  readonly to: number
}

const DEPTH_MAX = 64
const PATHS_MAX = 200

/**
 * Where the values at some paths stand in a JSON text, in the order of the text. The text may be cut off; what is no
 * JSON has no marks beyond the fault. For previews: it looks at every value, and takes no care to be fast.
 */
export function markJson(text: string, paths: Iterable<string>): Mark[] {
  const wanted: JsonPath[] = []
  for (const path of paths) {
    const compiled = compilePath(path)
    if (typeof compiled !== 'string' && wanted.length < PATHS_MAX) wanted.push(compiled)
  }
  const marks: Mark[] = []
  const way: (string | number)[] = []
  const isWanted = (): boolean =>
    wanted.some(({ steps }) => {
      if (steps.length !== way.length) return false
      return steps.every((step, i) => {
        const at = way[i]!
        return step === 'every' || ('key' in step ? step.key === at : step.at === at)
      })
    })

  /** Each of these answers where what it read ends, and -1 where it is not JSON or ends early. */
  const value = (from: number): number => {
    const at = space(text, from)
    const first = text[at]
    if (first === '{' || first === '[') return way.length < DEPTH_MAX ? members(at, first === '{') : -1
    const end = scalarEnd(text, at)
    if (end > at && isWanted()) marks.push({ from: at, to: end })
    return end
  }
  const members = (from: number, isObject: boolean): number => {
    const close = isObject ? '}' : ']'
    let at = space(text, from + 1)
    if (text[at] === close) return at + 1
    for (let index = 0; at < text.length; index++) {
      let key: string | number = index
      if (isObject) {
        const end = scalarEnd(text, at)
        const name = end < 0 ? null : readKey(text.slice(at, end))
        at = end < 0 ? -1 : space(text, end)
        if (name === null || text[at] !== ':') return -1
        key = name
        at += 1
      }
      way.push(key)
      const end = value(at)
      way.pop()
      if (end < 0) return -1
      at = space(text, end)
      if (text[at] === close) return at + 1
      if (text[at] !== ',') return -1
      at = space(text, at + 1)
    }
    return -1
  }
  value(0)
  return marks
}

function space(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1
  return at
}

/** Where a text, number or word that begins here ends; -1 for none. */
function scalarEnd(text: string, from: number): number {
  if (text[from] !== '"') {
    let at = from
    while (at < text.length && !' \n\r\t,:]}'.includes(text[at]!)) at += 1
    return at > from ? at : -1
  }
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at + 1
  }
  return -1
}

function readKey(quoted: string): string | null {
  try {
    const key: unknown = JSON.parse(quoted)
    return typeof key === 'string' ? key : null
  } catch {
    return null
  }
}
