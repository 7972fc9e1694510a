/** One level of a topic template. A level without a name matches without being kept. */
export type TemplateLevel =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'one'; readonly name: string | null }
  | { readonly kind: 'rest'; readonly name: string | null }

/** A topic with placeholders, such as `plant/{site}/{machine}/{metric}`. */
export interface TopicTemplate {
  readonly text: string
  /** What to subscribe to: `plant/+/+/+`. */
  readonly filter: string
  readonly levels: readonly TemplateLevel[]
  /** Names in the order of their levels: the order of the values of a match. */
  readonly placeholders: readonly string[]
}

/** A result, or what is wrong in words for the person who wrote it. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string }

/** The longest topic that MQTT can carry: its length is written in two bytes (MQTT 5.0, 1.5.4). */
const TOPIC_BYTES_MAX = 65_535
/** More levels than any plant names; it bounds the depth of the search. */
export const TEMPLATE_LEVELS_MAX = 64

const PLACEHOLDER = /^\{([A-Za-z][A-Za-z0-9_]{0,62})(\.\.\.)?\}$/

const wrong = (problem: string): { readonly ok: false; readonly problem: string } => ({ ok: false, problem })

/**
 * Reads a template. A placeholder `{name}` takes one whole level and `{name...}`, in the last place, all that are left;
 * `+` and `#` do the same without keeping what they match.
 */
export function parseTemplate(text: string): Parsed<TopicTemplate> {
  if (text === '') return wrong('a topic is at least one character')
  if (text.includes('\0')) return wrong('a topic must not contain the NUL character')
  if (Buffer.byteLength(text) > TOPIC_BYTES_MAX) return wrong('a topic is at most 65,535 bytes')
  if (text.startsWith('$')) return wrong(`"${text.split('/', 1)[0]}" is the broker's own: map topics of machines`)
  const parts = text.split('/')
  if (parts.length > TEMPLATE_LEVELS_MAX) return wrong(`a topic has at most ${TEMPLATE_LEVELS_MAX} levels`)
  const levels: TemplateLevel[] = []
  const placeholders: string[] = []
  for (const [at, part] of parts.entries()) {
    const level = parseLevel(part)
    if (!level.ok) return level
    const { kind } = level.value
    if (kind === 'rest' && at < parts.length - 1) return wrong(`"${part}" must be the last level`)
    const name = kind === 'literal' ? null : level.value.name
    if (name !== null && placeholders.includes(name)) return wrong(`the placeholder {${name}} stands twice`)
    if (name !== null) placeholders.push(name)
    levels.push(level.value)
  }
  return { ok: true, value: { text, filter: levels.map(filterOf).join('/'), levels, placeholders } }
}

function parseLevel(part: string): Parsed<TemplateLevel> {
  if (part === '+') return { ok: true, value: { kind: 'one', name: null } }
  if (part === '#') return { ok: true, value: { kind: 'rest', name: null } }
  const named = PLACEHOLDER.exec(part)
  if (named) return { ok: true, value: { kind: named[2] ? 'rest' : 'one', name: named[1]! } }
  if (/[+#]/.test(part)) return wrong(`"${part}": + and # stand for a whole level`)
  if (/^\{[^{}]*\}$/.test(part)) {
    return wrong(`"${part}": a placeholder is a letter, then letters, digits or _, such as {machine} or {rest...}`)
  }
  if (/[{}]/.test(part)) return wrong(`"${part}": a placeholder stands for a whole level`)
  return { ok: true, value: { kind: 'literal', text: part } }
}

const filterOf = (level: TemplateLevel): string =>
  level.kind === 'literal' ? level.text : level.kind === 'one' ? '+' : '#'

/** Whether messages can be published to it (MQTT 5.0, 4.7.1 and 4.7.3). */
export const isTopicName = (topic: string): boolean =>
  topic !== '' && !/[+#\0]/.test(topic) && Buffer.byteLength(topic) <= TOPIC_BYTES_MAX
