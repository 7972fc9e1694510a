import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { systemClock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import { runProcess } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import type { AgentConfig } from './config.ts'
import { printOnce } from './once.ts'
import { createAgent } from './service.ts'

const STOP_DEADLINE_MS = 10_000
const HELP = `driftline-agent: tells a Driftline server what runs on this host.

  driftline-agent                 run until stopped
  driftline-agent --once          print one scan as JSON and exit
  driftline-agent --check-config  say whether the settings make sense and exit
  driftline-agent --help          this text

Settings come from driftline.yaml (or the file that DRIFTLINE_CONFIG names) and from variables such as
DRIFTLINE_AGENT_SERVER (https://host:8090) and DRIFTLINE_AGENT_API_KEY. The README lists them all.
`

/** A small young generation is collected often and stays small: the agent makes little garbage. */
setFlagsFromString('--max-semi-space-size=1')
setFlagsFromString('--min-semi-space-size=1')

await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const [command] = args
  if (command === '--help') return void process.stdout.write(HELP)
  if (command === '--print-config') return withConfig((config) => JSON.stringify(config))
  if (command === '--check-config') {
    return withConfig(({ server, hostName }) => `The settings are valid: host ${hostName} tells ${server}.\n`)
  }
  if (command !== undefined && command !== '--once') {
    process.stderr.write(`unknown argument ${command}; see --help\n`)
    process.exitCode = 2
    return
  }
  const config = configFromChild()
  if (config === null) return
  if (command === '--once') {
    return printOnce(config, process.stdout)
  }
  const logger = createLogger(config.logLevel)
  if (config.apiKey === '') logger.warn('no agent.api_key is set: the server will refuse this agent')
  const own = { ...config, ownGroup: 'driftline-agent' }
  await runProcess([createAgent(own, { logger, clock: systemClock })], { logger, stopDeadlineMs: STOP_DEADLINE_MS })
}

async function readConfig(): Promise<AgentConfig> {
  const { readAgentConfig } = await import('./config.ts')
  const { readSettingsSource } = await import('@driftline/platform/settings')
  return readAgentConfig(readSettingsSource(process.env))
}

/** Reads the settings in this process and prints what is made of them, or all their problems. */
async function withConfig(print: (config: AgentConfig) => string): Promise<void> {
  try {
    process.stdout.write(print(await readConfig()))
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}

/**
 * Reads the settings in a short-lived child: the libraries for YAML and validation would stay in memory for good,
 * and with them the agent would not keep to its budget. Null if they are invalid; the child has said why.
 */
function configFromChild(): AgentConfig | null {
  try {
    const self = fileURLToPath(import.meta.url)
    const output = execFileSync(process.execPath, [...process.execArgv, self, '--print-config'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return JSON.parse(output.toString('utf8')) as AgentConfig
  } catch {
    process.exitCode = 1
    return null
  }
}
