import { matchAny, matchAnywhere } from './globs.ts'
import { executableName, groupName, type RawIdentity } from './groups.ts'
import { redactArguments } from './redact.ts'
import type { Identity } from './table.ts'

/** What never leaves the host. Lists hold globs; names and users match as a whole, commands anywhere. */
export interface PrivacyConfig {
  readonly excludeNames: readonly string[]
  readonly excludeUsers: readonly string[]
  readonly excludeCommands: readonly string[]
  /** Of these, only the program is told: its arguments are redacted as a whole. */
  readonly redactNames: readonly string[]
  readonly redactUsers: readonly string[]
  readonly redactCommands: readonly string[]
  /** Arguments to redact besides those that look like secrets; matched as a whole. */
  readonly redactArguments: readonly string[]
  /** Redact what looks like a secret: password-like arguments, tokens, credentials in URLs. */
  readonly redactSecrets: boolean
  /** Longer command lines are cut, characters. */
  readonly commandLengthMax: number
}

export const privacyDefaults: PrivacyConfig = {
  excludeNames: [],
  excludeUsers: [],
  excludeCommands: [],
  redactNames: [],
  redactUsers: [],
  redactCommands: [],
  redactArguments: [],
  redactSecrets: true,
  commandLengthMax: 1024,
}

export const REDACTED = '[redacted]'

/** Bounds on what is looked at: a command line can be megabytes long. */
const ARGUMENTS_MAX = 1024
const ARGUMENT_LENGTH_MAX = 4096

/** Turns what was read of an instance into what may leave the host, or null if nothing of it may. */
export type Describe = (raw: RawIdentity) => Identity | null

/** `groupId` makes the process id of a group from its name. */
export function createDescribe(config: PrivacyConfig, groupId: (name: string) => string): Describe {
  const excludeName = matchAny(config.excludeNames)
  const excludeUser = matchAny(config.excludeUsers)
  const excludeCommand = matchAnywhere(config.excludeCommands)
  const redactName = matchAny(config.redactNames)
  const redactUser = matchAny(config.redactUsers)
  const redactCommand = matchAnywhere(config.redactCommands)
  const redactArgument = matchAny(config.redactArguments)

  const redacted = (raw: RawIdentity, name: string, command: string): string[] => {
    const args = raw.args.slice(0, ARGUMENTS_MAX).map((arg) => arg.slice(0, ARGUMENT_LENGTH_MAX))
    if (
      args.length > 1 &&
      (redactName(name) || redactName(raw.name) || redactUser(raw.user) || redactCommand(command))
    ) {
      return [args[0]!, REDACTED]
    }
    const chosen = args.map((arg, at) => (at > 0 && redactArgument(arg) ? REDACTED : arg))
    return config.redactSecrets ? redactArguments(chosen) : chosen
  }

  return (raw) => {
    const name = nameOf(raw)
    const command = raw.args.join(' ')
    if (excludeName(name) || excludeName(raw.name) || excludeUser(raw.user) || excludeCommand(command)) return null
    const args = redacted(raw, name, command)
    const group = groupName({ ...raw, args })
    return {
      name,
      command: cut(args.join(' '), config.commandLengthMax),
      user: raw.user,
      group: groupId(group),
      container: raw.container,
    }
  }
}

/** The kernel cuts names at 15 bytes; the executable's or the first argument's name completes it. */
function nameOf(raw: RawIdentity): string {
  if (raw.kernelThread || Buffer.byteLength(raw.name) < 15) return raw.name
  const full = executableName(raw)
  return full.startsWith(raw.name) ? full : raw.name
}

function cut(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text
  const kept = text.slice(0, lengthMax - 1)
  // Half of a surrogate pair is not text.
  return `${/[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept}…`
}
