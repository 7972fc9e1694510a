import type { PushDoor, SourceItem } from '../../api/source-types.ts'
import { doorNames } from './defaults.ts'

const usualPort = 1883

/** What made itself has a name of its own making; people know it by another. */
export function sourceName(item: Pick<SourceItem, 'name' | 'managedBy'>): string {
  if (item.managedBy === 'system' && item.name === 'embedded') return 'Built-in broker'
  return pushName(item.name)?.name ?? item.name
}

/** Where a letter came from, as a sentence has it: `OpenTelemetry, key shop`. */
export function sourceWords(name: string): string {
  const push = pushName(name)
  return push ? `${push.name}, key ${push.key}` : name === 'embedded' ? 'Built-in broker' : name
}

/** A push source that made itself is called `<door>: <name of its key> (<end of its id>)`. */
export function pushName(name: string): { readonly name: string; readonly key: string } | null {
  const match = /^(samples|records|otlp|remote-write): (.*) \([0-9a-f]{6}\)$/.exec(name)
  return match ? { name: doorNames[match[1] as PushDoor].name, key: match[2] ?? '' } : null
}

/** The source that the built-in broker is; null where nobody has defined it yet. */
export const builtInOf = (items: readonly SourceItem[]): SourceItem | null =>
  items.find((one) => one.kind === 'mqtt' && (one.managedBy === 'system' || one.about.includes('embedded'))) ?? null

/** The port that the built-in broker says it listens on, among its short facts. */
export function brokerPort(about: readonly string[]): number {
  for (const fact of about) {
    const match = /\bport (\d{1,5})\b|:(\d{2,5})\b/.exec(fact)
    if (match) return Number(match[1] ?? match[2])
  }
  return usualPort
}

/** A command that publishes one value; from another machine with a key as the password. */
export function brokerCommand(host: string, port: number, withKey = false): string {
  const where =
    host === '127.0.0.1' && port === usualPort ? '' : `-h ${host} ${port === usualPort ? '' : `-p ${port} `}`
  return `mosquitto_pub ${where}${withKey ? '-u key -P YOUR_KEY ' : ''}-t plant/press-1/temp -m 41.7`
}
