import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { AppError } from '../../errors.ts'
import { readSettings, type SettingsSource, setting } from '../../settings.ts'
import { flag } from '../../units.ts'
import type { KafkaConnection } from './client.ts'

export const kafkaSecuritySettings = {
  kafkaSsl: setting('kafka_ssl', flag, false, 'Reach Kafka by TLS'),
  kafkaSslCaFile: setting(
    'kafka_ssl_ca_file',
    z.string().min(1).nullable(),
    null,
    'PEM authority that signed the certificates of the brokers; without: those that the system trusts',
  ),
  kafkaSaslMechanism: setting(
    'kafka_sasl_mechanism',
    z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).nullable(),
    null,
    'How this process proves to Kafka who it is; without: not at all',
  ),
  kafkaUsername: setting('kafka_username', z.string(), '', 'Name at Kafka, for `kafka_sasl_mechanism`'),
  kafkaPassword: setting('kafka_password', z.string(), '', 'Its password; better a variable than the file'),
}

/** How to reach the brokers. It holds a password: it is for the client only, and for no log. */
export type KafkaSecurity = Pick<KafkaConnection, 'ssl' | 'sasl'>

/** Errors: `config_invalid`; no message of it holds a secret. */
export function readKafkaSecurity(source: SettingsSource): KafkaSecurity {
  const settings = readSettings(source, kafkaSecuritySettings)
  const { kafkaSsl, kafkaSslCaFile: caFile, kafkaSaslMechanism: mechanism } = settings
  const { kafkaUsername: username, kafkaPassword: password } = settings
  const problems: string[] = []
  if (caFile !== null && !kafkaSsl) problems.push('kafka_ssl_ca_file: has no effect without kafka_ssl')
  if (mechanism === null && (username !== '' || password !== '')) {
    problems.push('kafka_sasl_mechanism: a name and a password need one, such as scram-sha-512')
  }
  if (mechanism !== null && (username === '' || password === '')) {
    problems.push(`kafka_sasl_mechanism: ${mechanism} needs kafka_username and kafka_password`)
  }
  if (mechanism === 'plain' && !kafkaSsl) {
    problems.push('kafka_sasl_mechanism: plain sends the password as it is; set kafka_ssl, or use scram-sha-512')
  }
  let ca: string[] | null = null
  try {
    if (caFile !== null) ca = [readFileSync(caFile, 'utf8')]
  } catch (error) {
    problems.push(`kafka_ssl_ca_file: ${(error as Error).message}`)
  }
  if (problems.length > 0) throw new AppError('config_invalid', problems.join('\n'))
  return {
    ...(kafkaSsl && { ssl: ca === null ? true : { ca } }),
    ...(mechanism !== null && { sasl: saslOf(mechanism, { username, password }) }),
  }
}

/** One of three shapes for the client, whose type keeps them apart. */
function saslOf(
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512',
  account: { readonly username: string; readonly password: string },
): NonNullable<KafkaSecurity['sasl']> {
  if (mechanism === 'plain') return { mechanism, ...account }
  return mechanism === 'scram-sha-256' ? { mechanism, ...account } : { mechanism, ...account }
}
