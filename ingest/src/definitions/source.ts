import { z } from 'zod'
import { type FileDefinition, fileDefinition, type SyslogDefinition, syslogDefinition } from './logs.ts'
import { type MqttDefinition, type MqttSecrets, mqttDefinition, mqttSecrets } from './mqtt.ts'
import { type PollDefinition, pollDefinition } from './poll.ts'
import { type PushDefinition, pushDefinition } from './push.ts'

export const sourceKinds = ['mqtt', 'file', 'syslog', 'push', 'poll'] as const
export type SourceKind = (typeof sourceKinds)[number]

/** Shape of a definition, and of what is sealed of it, by kind. */
export const definitionSchemas = {
  mqtt: mqttDefinition,
  file: fileDefinition,
  syslog: syslogDefinition,
  push: pushDefinition,
  poll: pollDefinition,
} as const

const noSecrets = z.strictObject({})
export const secretSchemas = {
  mqtt: mqttSecrets,
  file: noSecrets,
  syslog: noSecrets,
  push: noSecrets,
  poll: noSecrets,
} as const

interface Definitions {
  readonly mqtt: MqttDefinition
  readonly file: FileDefinition
  readonly syslog: SyslogDefinition
  readonly push: PushDefinition
  readonly poll: PollDefinition
}
interface Secrets {
  readonly mqtt: MqttSecrets
  readonly file: Record<string, never>
  readonly syslog: Record<string, never>
  readonly push: Record<string, never>
  readonly poll: Record<string, never>
}

/** A source as the service that reads it sees it: validated, secrets opened. */
export type Source<K extends SourceKind = SourceKind> = K extends SourceKind
  ? {
      readonly tenant: string
      readonly id: string
      readonly kind: K
      readonly name: string
      readonly active: boolean
      readonly definition: Definitions[K]
      readonly secrets: Secrets[K]
      readonly version: number
    }
  : never

/** Service that reads each kind. */
export const serviceOf: Readonly<Record<SourceKind, 'mqtt' | 'tailer' | 'intake' | 'checker'>> = {
  mqtt: 'mqtt',
  file: 'tailer',
  syslog: 'tailer',
  push: 'intake',
  poll: 'checker',
}
