import { domainToASCII } from 'node:url'

const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*$/

/** A host as it is compared: lower case, international names as ASCII, without brackets or a last dot; '' for none. */
export function plainHost(host: string): string {
  const bare = host
    .trim()
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  if (bare.includes(':')) return /^[0-9a-f:.]{2,45}$/.test(bare) ? ipv6(bare) : ''
  // What a parser of addresses would cut off or decode is no part of a host.
  const ascii = /[\s/\\?#@%]/.test(bare) ? '' : domainToASCII(bare)
  return NAME.test(ascii) ? ascii : ''
}

function ipv6(text: string): string {
  try {
    return new URL(`http://[${text}]/`).hostname.slice(1, -1)
  } catch {
    return ''
  }
}

/** A pattern as it is stored: `crm.example`, or `*.crm.example` for all below it; null for what is none. */
export function readHostPattern(text: string): string | null {
  const trimmed = text.trim()
  const isBelow = trimmed.startsWith('*.')
  const host = plainHost(isBelow ? trimmed.slice(2) : trimmed)
  if (host === '' || (isBelow && (host.includes(':') || !host.includes('.')))) return null
  return isBelow ? `*.${host}` : host
}

/** Whether a host may see what is for hosts of these patterns. `*.crm.example` does not mean `crm.example` itself. */
export function isHostOf(patterns: readonly string[], host: string): boolean {
  const plain = plainHost(host)
  if (plain === '') return false
  return patterns.some((pattern) => (pattern.startsWith('*.') ? plain.endsWith(pattern.slice(1)) : plain === pattern))
}

/** Whether `after` lets a host in that `before` does not. */
export function isWider(before: readonly string[], after: readonly string[]): boolean {
  return after.some((pattern) => !before.includes(pattern) && !isHostOf(before, pattern.replace(/^\*\./, 'any.')))
}
