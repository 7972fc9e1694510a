import { randomBytes } from 'node:crypto'
import { accessSync, chmodSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { unusable } from '../data-dir.ts'
import { AppError } from '../errors.ts'
import type { Component } from '../lifecycle.ts'
import type { Logger } from '../logger.ts'
import { type ChdbProcess, launchChdb } from './chdb-process.ts'
import { endLeftoverChild, forgetChild, recordChild } from './child-record.ts'
import { type EmbeddedServerFiles, renderServerConfig, renderUsers } from './embedded-config.ts'
import { ask, proveClosed, readyOnce } from './embedded-probe.ts'
import type { StoreEndpoint } from './store-endpoint.ts'

export interface EmbeddedServerConfig {
  /** Directory of the store's own; made when missing. */
  readonly dir: string
  readonly database: string
  /** Cap on what the server allocates, bytes; queries beyond it fail, the server stays. */
  readonly memoryBytesMax: number
  /** How long a start may take, milliseconds. */
  readonly startTimeoutMs: number
  /** How often the server is asked whether it lives; after three silent periods it is killed and started again. */
  readonly healthIntervalMs: number
}

/** The embedded ClickHouse server. The endpoint changes its port when a restart finds the old one taken. */
export interface EmbeddedServer extends Component {
  endpoint(): StoreEndpoint
  /** Process id of the child that serves now, for measurements and fault tests; null while there is none. */
  childPid(): number | null
}

const RESTART_BACKOFF_MS = { first: 100, max: 5000 } as const
const SILENT_PERIODS_MAX = 3
const STOP_DEADLINE_MS = 2000
const LOCK_WAIT_MS = 2000
const LOCK_POLL_MS = 200

/**
 * Supervises libchdb in a child process: starts it on a free loopback port, proves that its users are closed, asks for
 * its health, and starts it again with backoff when it dies or hangs. Errors of `start`: `data_dir_locked`,
 * `data_dir_unusable`, `disk_full`, `store_unavailable`.
 */
export function createEmbeddedServer(config: EmbeddedServerConfig, deps: { logger: Logger }): EmbeddedServer {
  const logger = deps.logger.child({ component: 'analytics-store' })
  const recordFile = join(config.dir, 'child.json')
  const passwords = { writer: randomBytes(24).toString('hex'), reader: randomBytes(24).toString('hex') }
  let port = 0
  let child: ChdbProcess | null = null
  let stopping = false
  let healthTimer: NodeJS.Timeout | undefined
  let restarting: Promise<void> = Promise.resolve()

  const endpoint = (): StoreEndpoint => ({
    url: `http://127.0.0.1:${port}`,
    database: config.database,
    writer: { username: 'writer', password: passwords.writer },
    reader: { username: 'reader', password: passwords.reader },
  })

  async function launch(): Promise<void> {
    port = await freePort(port)
    const launched = launchChdb({ dataPath: join(config.dir, 'data'), configFile: configFile(config.dir), port })
    try {
      await readyOnce(endpoint(), launched, config.startTimeoutMs)
      await proveClosed(endpoint())
      // Nobody serves who is not on record: on a full disk the next try would find this one holding the directory.
      writing(config.dir, () => recordChild(recordFile, launched.pid))
    } catch (error) {
      launched.kill()
      await launched.gone
      throw error
    }
    child = launched
    void launched.gone.then((how) => onGone(launched, how))
  }

  function onGone(gone: ChdbProcess, how: string): void {
    if (stopping || child !== gone) return
    child = null
    logger.error({ how, lastWords: gone.lastWords() }, 'the store process ended; starting it again')
    restarting = restart()
  }

  async function restart(): Promise<void> {
    for (let backoffMs: number = RESTART_BACKOFF_MS.first; !stopping; ) {
      await new Promise((resolve) => setTimeout(resolve, backoffMs))
      backoffMs = Math.min(backoffMs * 2, RESTART_BACKOFF_MS.max)
      if (stopping) return
      try {
        await launch()
        logger.info({ port }, 'the store process is back')
        return
      } catch (error) {
        logger.error({ error, retryInMs: backoffMs }, 'the store process did not start')
      }
    }
  }

  function watchHealth(): void {
    let silentPeriods = 0
    healthTimer = setInterval(async () => {
      const asked = child
      if (asked === null) return
      const alive = await answers(endpoint(), config.healthIntervalMs)
      silentPeriods = alive || child !== asked ? 0 : silentPeriods + 1
      if (silentPeriods < SILENT_PERIODS_MAX) return
      silentPeriods = 0
      logger.error({ silentMs: SILENT_PERIODS_MAX * config.healthIntervalMs }, 'the store does not answer; killing it')
      asked.kill()
    }, config.healthIntervalMs)
    healthTimer.unref()
  }

  return {
    name: 'embedded-clickhouse',
    endpoint,
    childPid: () => child?.pid ?? null,
    async start() {
      stopping = false
      prepareDirectory(config.dir)
      if ((await endLeftoverChild(recordFile)) === 'ended') logger.warn('ended the store process of a killed run')
      writeConfiguration(config, passwords)
      await launchOnceFree(launch)
      watchHealth()
    },
    async stop() {
      stopping = true
      clearInterval(healthTimer)
      await restarting
      const ending = child
      child = null
      if (ending === null) return
      await endChild(ending, endpoint())
      forgetChild(recordFile)
    },
  }
}

/** A child that is being killed with its owner may hold the directory a moment longer. */
async function launchOnceFree(launch: () => Promise<void>): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LOCK_POLL_MS) {
    try {
      return await launch()
    } catch (error) {
      const isLocked = error instanceof AppError && error.code === 'data_dir_locked'
      if (!isLocked || waitedMs >= LOCK_WAIT_MS) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS))
  }
}

const configFile = (dir: string): string => join(dir, 'server.xml')

function prepareDirectory(dir: string): void {
  try {
    mkdirSync(join(dir, 'data'), { recursive: true, mode: 0o700 })
    chmodSync(dir, 0o700)
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw unusable(dir, cause)
  }
}

function writeConfiguration(config: EmbeddedServerConfig, passwords: { writer: string; reader: string }): void {
  const files: EmbeddedServerFiles = {
    usersFile: join(config.dir, 'users.xml'),
    logFile: join(config.dir, 'server.log'),
    database: config.database,
    memoryBytesMax: config.memoryBytesMax,
    writerPassword: passwords.writer,
    readerPassword: passwords.reader,
  }
  writing(config.dir, () => {
    writeFileSync(files.usersFile, renderUsers(files), { mode: 0o600 })
    writeFileSync(configFile(config.dir), renderServerConfig(files), { mode: 0o600 })
  })
}

/** Names what keeps a file from being written. */
function writing(dir: string, write: () => void): void {
  try {
    write()
  } catch (cause) {
    throw unusable(dir, cause)
  }
}

async function answers(endpoint: StoreEndpoint, timeoutMs: number): Promise<boolean> {
  const answer = await ask(endpoint.url, endpoint.writer, 'SELECT 1', timeoutMs).catch(() => null)
  return answer?.ok === true
}

/** Cancels the read that keeps the listener open, so that ClickHouse ends by itself; kills it when that takes long. */
async function endChild(ending: ChdbProcess, endpoint: StoreEndpoint): Promise<void> {
  const statement = "KILL QUERY WHERE query LIKE 'SELECT sleepEachRow(3)%' ASYNC"
  await ask(endpoint.url, endpoint.writer, statement, STOP_DEADLINE_MS).catch(() => undefined)
  const deadline = setTimeout(() => ending.kill(), STOP_DEADLINE_MS)
  await ending.gone
  clearTimeout(deadline)
}

/** The preferred port when it is free, else any free one. Another program may still take it first: then a retry helps. */
async function freePort(preferred: number): Promise<number> {
  const bound = (await tryBind(preferred)) ?? (await tryBind(0))
  if (bound === null) throw new AppError('port_in_use', 'no free port on 127.0.0.1')
  return bound
}

function tryBind(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null))
    })
  })
}
