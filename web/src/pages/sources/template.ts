/** A template in pieces: literal text, and placeholders with the colour that their name has everywhere on the page. */
export interface Piece {
  readonly text: string
  /** Name of the placeholder; empty for literal text. */
  readonly name: string
  /** 0 for literal text, 1 to 4 for the colours of placeholders. */
  readonly colour: number
}

const placeholder = /\{([A-Za-z_][\w-]*)(\.\.\.)?\}/g
const coloursMax = 4

/** Names of placeholders in the order of the topic: it decides which has which colour. */
export function placeholdersOf(template: string): string[] {
  return [...new Set([...template.matchAll(placeholder)].map((match) => match[1] ?? ''))]
}

/** Cuts a template at its placeholders; `names` are those of the topic, so that one name has one colour in every field. */
export function piecesOf(template: string, names: readonly string[]): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const match of template.matchAll(placeholder)) {
    if (match.index > at) pieces.push({ text: template.slice(at, match.index), name: '', colour: 0 })
    const name = match[1] ?? ''
    const index = names.indexOf(name)
    pieces.push({ text: match[0], name, colour: index < 0 ? 0 : (index % coloursMax) + 1 })
    at = match.index + match[0].length
  }
  if (at < template.length) pieces.push({ text: template.slice(at), name: '', colour: 0 })
  return pieces
}

/** What a broker is asked for: `acme/{site}/x` is `acme/+/x`, and `a/{rest...}` is `a/#`. */
export function filterOf(template: string): string {
  return template
    .split('/')
    .map((level) => (/\{[\w-]+\.\.\.\}/.test(level) ? '#' : level.includes('{') ? '+' : level))
    .join('/')
}

/** The levels of a topic, each with the colour of the placeholder that it fills; null when the template does not match. */
export function matchTopic(template: string, topic: string, names: readonly string[]): Piece[] | null {
  const wanted = template.split('/')
  const levels = topic.split('/')
  const pieces: Piece[] = []
  const push = (text: string, name: string) => {
    const index = names.indexOf(name)
    pieces.push({ text, name, colour: name === '' || index < 0 ? 0 : (index % coloursMax) + 1 })
  }
  for (const [i, want] of wanted.entries()) {
    if (i > 0) push('/', '')
    const rest = /^\{([\w-]+)\.\.\.\}$/.exec(want)
    if (rest) {
      push(levels.slice(i).join('/'), rest[1] ?? '')
      return levels.length > i ? pieces : null
    }
    const level = levels[i]
    if (level === undefined) return null
    const found = matchLevel(want, level)
    if (!found) return null
    for (const [text, name] of found) push(text, name)
  }
  return levels.length === wanted.length ? pieces : null
}

/** One level: literal text around placeholders, each of which takes at least one character. */
function matchLevel(want: string, level: string): [string, string][] | null {
  const pieces = piecesOf(want, [])
  const pattern = pieces
    .map((piece) => (piece.name ? '(.+?)' : piece.text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    .join('')
  const match = new RegExp(`^${pattern}$`).exec(level)
  if (!match) return null
  let group = 0
  return pieces.map((piece) => (piece.name ? [match[++group] ?? '', piece.name] : [piece.text, '']))
}

/** The first mapping that takes a topic, as the service does: by order. */
export function mappingFor(templates: readonly string[], topic: string): number {
  return templates.findIndex((template) => matchTopic(template, topic, []) !== null)
}
