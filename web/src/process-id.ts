/** What kinds of thing are watched; the first name of a process id. */
export type ProcessKind = 'host' | 'os' | 'device' | 'log' | 'service' | 'flow'

const kinds: readonly string[] = ['host', 'os', 'device', 'log', 'service', 'flow']

/** Ids escape every byte outside `[A-Za-z0-9._-]` as `~` and two hex digits; this gives the name back. */
export function unescapeName(name: string): string {
  if (!name.includes('~')) return name
  const bytes: number[] = []
  for (let i = 0; i < name.length; i++) {
    const hex = name[i] === '~' ? name.slice(i + 1, i + 3) : ''
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16))
      i += 2
    } else bytes.push(...new TextEncoder().encode(name[i]))
  }
  return new TextDecoder().decode(new Uint8Array(bytes))
}

/** The other way: `kernel threads` is `kernel~20threads`. */
export function escapeName(name: string): string {
  let out = ''
  for (const byte of new TextEncoder().encode(name)) {
    const char = String.fromCharCode(byte)
    out += /[A-Za-z0-9._-]/.test(char) ? char : `~${byte.toString(16).padStart(2, '0')}`
  }
  return out
}

/** Unescaped names of an id: `os:web-1:my~20app` is `['os', 'web-1', 'my app']`. */
export function idParts(id: string): string[] {
  return id.split(':').map(unescapeName)
}

/** Id as people read it, in two pieces: `os/web-1/` quiet, `my app` in ink. */
export function readableId(id: string): { path: string; last: string } {
  const parts = idParts(id)
  const last = parts.pop() ?? ''
  return { path: parts.map((part) => `${part}/`).join(''), last }
}

export function kindOf(id: string): ProcessKind {
  const kind = id.slice(0, id.indexOf(':'))
  return kinds.includes(kind) ? (kind as ProcessKind) : 'service'
}

/** Host name of `host:` and `os:` processes, else null. */
export function hostOf(id: string): string | null {
  const [kind, host] = idParts(id)
  return (kind === 'host' || kind === 'os') && host ? host : null
}

/** Plural for headings and filters. */
export const kindNames: Record<ProcessKind, string> = {
  host: 'Hosts',
  os: 'Groups',
  device: 'Machines',
  service: 'Services',
  flow: 'Flows',
  log: 'Logs',
}
