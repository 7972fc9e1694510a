import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import { runProcess } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import type { AgentConfig } from './config.ts'
import { printOnce } from './once.ts'
import { createAgent } from './service.ts'

const STOP_DEADLINE_MS = 10_000
const COLLECT_MS = 60_000
const HELP = `driftline-agent: tells a Driftline server what runs on this host.

  driftline-agent                 run until stopped
  driftline-agent --once          print one scan as JSON and exit
  driftline-agent --check-config  say whether the settings make sense and exit
  driftline-agent --help          this text

Settings come from variables, or from driftline.yaml in the working directory (or the file that DRIFTLINE_CONFIG names):

  DRIFTLINE_AGENT_SERVER     the intake, such as https://host:8090  (http://127.0.0.1:8090)
  DRIFTLINE_AGENT_API_KEY    a key that may send, made in the web app; DRIFTLINE_AGENT_API_KEY_FILE names a file with it
  DRIFTLINE_AGENT_HOST_NAME  what this host is called  (what the system says)
  DRIFTLINE_AGENT_SPOOL_DIR  keeps what the server does not have yet, 256 MiB at most  (./data/agent)
  DRIFTLINE_LOG_LEVEL        trace, debug, info, warn, error or fatal  (info)

All of them, privacy and TLS among them, are listed in docs/SETTINGS.md under "Agent".
`

/**
 * Keeps the young generation at its first size, 1 MB: the agent makes little garbage, and V8 would let it grow to
 * 16 MB. Limits of its size are read only when Node.js starts; the growth factor is read at each growth.
 */
setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--expose-gc')
/** Read when the first of them is needed: file systems are asked, and the spool flushed, one at a time. */
process.env['UV_THREADPOOL_SIZE'] ??= '2'

await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const [command] = args
  if (command === '--help') return void process.stdout.write(HELP)
  if (command === '--print-config') return printConfig(args[1])
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
  const onReady = (): void => keepHeapSmall()
  await runProcess([createAgent(own, { logger, clock: systemClock })], {
    logger,
    stopDeadlineMs: STOP_DEADLINE_MS,
    onReady,
  })
}

/**
 * Reading the first table leaves garbage that V8 would keep as room to grow: it collects old space only when the
 * heap has doubled. One collection a minute costs about half a millisecond per second and saves 20 MB.
 */
function keepHeapSmall(): void {
  const collect = runInNewContext('gc') as () => void
  setTimeout(collect, COLLECT_MS / 12).unref()
  setInterval(collect, COLLECT_MS).unref()
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

/** With the API key and the TLS key in it: for nobody but the agent that started this process for that. */
async function printConfig(word: string | undefined): Promise<void> {
  if (word !== undefined && !process.stdin.isTTY && readFileSync(0, 'utf8') === word) {
    return withConfig((config) => JSON.stringify(config))
  }
  process.stderr.write('--print-config is for the agent itself; see --check-config\n')
  process.exitCode = 2
}

/**
 * Reads the settings in a short-lived child: the libraries for YAML and validation would stay in memory for good,
 * and with them the agent would not keep to its budget. Null if they are invalid; the child has said why.
 */
function configFromChild(): AgentConfig | null {
  try {
    const self = fileURLToPath(import.meta.url)
    // Options of Node.js are this process's own, but for the loader that runs it from source.
    const options = self.endsWith('.ts') ? process.execArgv : []
    const word = randomUUID()
    const output = execFileSync(process.execPath, [...options, self, '--print-config', word], {
      input: word,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    return JSON.parse(output.toString('utf8')) as AgentConfig
  } catch {
    process.exitCode = 1
    return null
  }
}
