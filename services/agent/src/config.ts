import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { AppError } from '@driftline/platform/errors'
import { type LogLevel, logLevels } from '@driftline/platform/logger'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { durationMs, flag } from '@driftline/platform/units'
import { z } from 'zod'
import { type PrivacyConfig, privacyDefaults } from './privacy.ts'

const INTERVAL_MS_MIN = 100
const INTERVAL_MS_MAX = 600_000

const interval = durationMs.refine((ms) => ms >= INTERVAL_MS_MIN && ms <= INTERVAL_MS_MAX, {
  message: 'must be between 100ms and 10m',
})
const server = z.url({ protocol: /^https?$/, error: 'must be http://host:port or https://host:port' })
/** In a variable, a list is written with commas between. */
const globs = z
  .union([z.string(), z.array(z.string())])
  .transform((value) =>
    (typeof value === 'string' ? value.split(',') : value).map((each) => each.trim()).filter((each) => each !== ''),
  )
const MIB = 1024 * 1024

const list = (key: string, about: string) => setting(`agent.privacy.${key}`, globs, [], about)

export const agentSettings = {
  server: setting('agent.server', server, 'http://127.0.0.1:8090', 'Where the intake listens for agents'),
  apiKey: setting('agent.api_key', z.string(), '', 'API key that the server made for agents'),
  apiKeyFile: setting('agent.api_key_file', z.string(), '', 'File that holds the API key, instead of agent.api_key'),
  hostName: setting('agent.host_name', z.string().max(253), '', 'Name of this host; without: what the system says'),
  spoolDir: setting('agent.spool_dir', z.string().min(1), './data/agent', 'Directory for what the server has not yet'),
  spoolBytesMax: setting(
    'agent.spool_max_bytes',
    z.coerce.number().int().min(MIB),
    256 * MIB,
    'Limit of the spool; the oldest goes first',
  ),
  intervalMs: setting(
    'process_monitor.real_time_monitoring.monitoring_interval',
    interval,
    '1s',
    'Time between scans, 100ms to 10m',
  ),
  reader: setting('agent.reader', z.enum(['auto', 'proc', 'portable']), 'auto', 'How processes are read'),
  procRoot: setting('agent.proc_root', z.string().min(1), '/proc', 'Where the processes of the host are seen'),
  hostRoot: setting('agent.host_root', z.string(), '', 'Where the files of the host are seen, such as /host'),
  tlsCaFile: setting('agent.tls.ca_file', z.string(), '', 'Authority that signed the certificate of the server, PEM'),
  tlsCertFile: setting('agent.tls.cert_file', z.string(), '', 'Certificate of this agent, PEM'),
  tlsKeyFile: setting('agent.tls.key_file', z.string(), '', 'Key of that certificate, PEM'),
  excludeNames: list('exclude_names', 'Processes of these names are not told of'),
  excludeUsers: list('exclude_users', 'Processes of these users are not told of'),
  excludeCommands: list('exclude_commands', 'Processes whose command line holds one of these are not told of'),
  redactNames: list('redact_names', 'Arguments of processes of these names are redacted'),
  redactUsers: list('redact_users', 'Arguments of processes of these users are redacted'),
  redactCommands: list('redact_commands', 'Arguments are redacted if the command line holds one of these'),
  redactArguments: list('redact_arguments', 'Arguments that match are redacted'),
  redactSecrets: setting('agent.privacy.redact_secrets', flag, true, 'Redact what looks like a secret'),
  commandLengthMax: setting(
    'agent.privacy.command_length_max',
    z.coerce.number().int().min(16).max(4096),
    privacyDefaults.commandLengthMax,
    'Longer command lines are cut, characters',
  ),
  logLevel: setting('log_level', z.enum(logLevels), 'info', 'Least level that is logged'),
}

/** Plain values throughout: a configuration can be handed from one process to another as JSON. */
export interface AgentConfig {
  readonly server: string
  /** May be empty here; who starts the agent sees to it. */
  readonly apiKey: string
  readonly hostName: string
  readonly spoolDir: string
  readonly spoolBytesMax: number
  readonly intervalMs: number
  readonly reader: 'auto' | 'proc' | 'portable'
  readonly procRoot: string
  readonly hostRoot: string
  /** PEM texts; null where none is set. */
  readonly tls: { readonly authority: string | null; readonly certificate: string | null; readonly key: string | null }
  readonly privacy: PrivacyConfig
  readonly logLevel: LogLevel
  /** Group of the agent's own process where it runs alone; without, it is grouped like any other. */
  readonly ownGroup?: string
}

/** Errors: `config_invalid`, with all problems together; also for files that cannot be read. */
export function readAgentConfig(source: SettingsSource): AgentConfig {
  const read = readSettings(source, agentSettings)
  const problems: string[] = []
  const fileOf = (key: string, path: string): string | null => {
    if (path === '') return null
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      problems.push(`${key}: ${(error as Error).message}`)
      return null
    }
  }
  const keyFromFile = fileOf(agentSettings.apiKeyFile.key, read.apiKeyFile)
  const tls = {
    authority: fileOf(agentSettings.tlsCaFile.key, read.tlsCaFile),
    certificate: fileOf(agentSettings.tlsCertFile.key, read.tlsCertFile),
    key: fileOf(agentSettings.tlsKeyFile.key, read.tlsKeyFile),
  }
  if ((read.tlsCertFile === '') !== (read.tlsKeyFile === '')) {
    problems.push('agent.tls.cert_file: a certificate needs its key, and a key its certificate')
  }
  if (problems.length > 0) throw new AppError('config_invalid', problems.join('\n'))
  const { excludeNames, excludeUsers, excludeCommands, redactNames, redactUsers, redactCommands } = read
  return Object.freeze({
    server: read.server,
    apiKey: read.apiKey || (keyFromFile?.trim() ?? ''),
    hostName: read.hostName || hostname(),
    spoolDir: read.spoolDir,
    spoolBytesMax: read.spoolBytesMax,
    intervalMs: read.intervalMs,
    reader: read.reader,
    procRoot: read.procRoot,
    hostRoot: read.hostRoot,
    tls,
    privacy: {
      ...{ excludeNames, excludeUsers, excludeCommands, redactNames, redactUsers, redactCommands },
      redactArguments: read.redactArguments,
      redactSecrets: read.redactSecrets,
      commandLengthMax: read.commandLengthMax,
    },
    logLevel: read.logLevel,
  })
}
