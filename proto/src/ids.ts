import { createHash } from 'node:crypto'

/** What kind of thing a process is; the first part of its id. */
export type ProcessKind = 'host' | 'os' | 'device' | 'log' | 'service' | 'flow'

const PLAIN = /^[A-Za-z0-9._-]*$/

/** Writes one name of a process id: each byte of a character outside `[A-Za-z0-9._-]` becomes `~` and two hex digits. */
export function escapeName(name: string): string {
  if (PLAIN.test(name)) return name
  let out = ''
  for (const byte of Buffer.from(name, 'utf8')) {
    const char = String.fromCharCode(byte)
    out += byte < 128 && PLAIN.test(char) ? char : `~${byte.toString(16).padStart(2, '0')}`
  }
  return out
}

/** Reads back what `escapeName` wrote. */
export function unescapeName(escaped: string): string {
  if (!escaped.includes('~')) return escaped
  const bytes = escaped.replace(/~([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Joins kind and names to a process id: `processId('os', 'web-1', 'nginx')` is `os:web-1:nginx`. */
export function processId(kind: ProcessKind, ...names: string[]): string {
  return [kind, ...names.map(escapeName)].join(':')
}

/** The kind of a process id, its names unescaped. */
export function parseProcessId(id: string): { kind: string; names: string[] } {
  const [kind = '', ...names] = id.split(':')
  return { kind, names: names.map(unescapeName) }
}

/**
 * The key that keeps the events of one process in order: the host for `host:` and `os:`, else the process itself,
 * always inside its tenant.
 */
export function routingKey(tenant: string, process: string): string {
  const [kind, name] = process.split(':', 2)
  return kind === 'os' || kind === 'host' ? `${tenant}/host:${name}` : `${tenant}/${process}`
}

/** The partition of a routing key, by 32-bit FNV-1a over its UTF-8 bytes. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(key, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0) % partitions
}

/** Attributes as one text that is the same for equal attributes: sorted keys, no white space. */
export function canonicalAttributes(attributes: Record<string, string>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** The id of a series: the first 8 bytes of a SHA-256 over its four parts, each preceded by its length in bytes. */
export function seriesId(tenant: string, process: string, metric: string, attributes: string): bigint {
  const hash = createHash('sha256')
  for (const part of [tenant, process, metric, attributes]) hash.update(`${Buffer.byteLength(part)}:${part}`)
  return hash.digest().readBigUInt64LE(0)
}
