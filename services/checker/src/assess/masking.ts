/** Replaces secrets in texts that people may see. */
export interface Masker {
  /** Declares a secret. What was masked before it is not masked again by itself. */
  add(secret: string): void
  /** `isCut`: the text may end in the middle of a secret, whose beginning is masked then. */
  mask(text: string, options?: { readonly isCut?: boolean }): string
}

export const MASK = '***'

/** Shorter ones would be found everywhere: they are masked where they stand as a word of their own. */
const LENGTH_MIN = 4
/** A secret of lines, such as a key in PEM, is also known by each of them. */
const LINE_LENGTH_MIN = 16
/** The beginning of a secret at the end of a text that was cut. */
const BEGINNING_MIN = 3
const SECRETS_MAX = 1000

/** Masks what was declared, in the forms in which it travels: base64, percent-encoded, escaped for JSON and HTML. */
export function createMasker(): Masker {
  const secrets = new Set<string>()
  const forms = new Set<string>()
  const words = new Set<string>()
  let pattern: RegExp | null = null

  const add = (secret: string): void => {
    if (secret.trim() === '' || secrets.has(secret) || secrets.size >= SECRETS_MAX) return
    secrets.add(secret)
    pattern = null
    if (secret.length < LENGTH_MIN) words.add(secret)
    else for (const form of formsOf(secret)) forms.add(form)
    const lines = secret.split(/\r?\n/)
    if (lines.length > 1) for (const line of lines) if (line.trim().length >= LINE_LENGTH_MIN) add(line.trim())
  }
  const compile = (): RegExp => {
    const longestFirst = [...forms].sort((a, b) => b.length - a.length).map(literal)
    const alone = [...words].map((word) => `(?<![\\p{L}\\p{N}])${literal(word)}(?![\\p{L}\\p{N}])`)
    return new RegExp([...longestFirst, ...alone].join('|'), 'gu')
  }
  return {
    add,
    mask(text, { isCut = false } = {}) {
      if (secrets.size === 0 || text === '') return text
      pattern ??= compile()
      const masked = text.replace(pattern, MASK)
      return isCut ? withoutBeginning(masked, forms) : masked
    },
  }
}

/** Every text in a value of JSON, and numbers that are a secret. */
export function maskJson<T>(value: T, mask: (text: string) => string): T {
  if (typeof value === 'string') return mask(value) as T
  if (typeof value === 'number') return (mask(String(value)) === String(value) ? value : MASK) as T
  if (Array.isArray(value)) return value.map((each) => maskJson(each, mask)) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [mask(key), maskJson(each, mask)])) as T
}

function formsOf(secret: string): string[] {
  const percent = encoded(secret)
  const lower = percent.replace(/%[0-9A-F]{2}/g, (each) => each.toLowerCase())
  const json = JSON.stringify(secret).slice(1, -1)
  const html = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
  const plain = [secret, percent, lower, percent.replaceAll('%20', '+'), json, json.replaceAll('/', '\\/'), html]
  return [...plain, ...base64Forms(secret)].filter((form) => form.length >= LENGTH_MIN)
}

/** Lone surrogates have no encoding. */
function encoded(text: string): string {
  try {
    return encodeURIComponent(text)
  } catch {
    return text
  }
}

/** As base64 alone, and what is left of it inside of something longer, wherever that begins: `user:password`. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8')
  const whole = bytes.toString('base64')
  const inner = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    // Characters at both ends depend on the neighbours, too.
    const from = Math.ceil((offset * 8) / 6)
    const to = Math.floor(((offset + bytes.length) * 8) / 6)
    const part = text.slice(from, to)
    return part.length >= 8 ? [part] : []
  })
  const all = [whole, whole.replace(/=+$/, ''), ...inner]
  return [...all, ...all.map((each) => each.replaceAll('+', '-').replaceAll('/', '_'))]
}

function withoutBeginning(text: string, forms: ReadonlySet<string>): string {
  let longest = 0
  for (const form of forms) {
    for (let length = Math.min(form.length - 1, text.length); length >= BEGINNING_MIN && length > longest; length--) {
      if (text.endsWith(form.slice(0, length))) longest = length
    }
  }
  return longest === 0 ? text : text.slice(0, -longest) + MASK
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
