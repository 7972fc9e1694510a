import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChdbProcess, launchChdb } from '@driftline/platform/analytics/chdb-process'
import { renderServerConfig, renderUsers } from '@driftline/platform/analytics/embedded-config'
import { readyOnce } from '@driftline/platform/analytics/embedded-probe'
import { findFreePort, runUntilSignal, type TrialServer } from './server-process.ts'

const DATABASE = 'driftline'
const USER = { username: 'driftline', password: 'trial' }
const MEMORY_BYTES_MAX = 1024 * 1024 * 1024
const START_TIMEOUT_MS = 120_000

/**
 * A ClickHouse server on a free port of loopback that nobody supervises, as one that people run apart from Driftline:
 * libchdb's, with one user who may do everything. The address names that user and a database that is not there yet.
 */
export async function startClickHouse(): Promise<TrialServer> {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-clickhouse-'))
  const configFile = join(directory, 'server.xml')
  const dataPath = join(directory, 'data')
  mkdirSync(dataPath)
  writeConfiguration(directory, configFile)
  const port = await findFreePort()
  const origin = `http://127.0.0.1:${port}`

  const launch = async (): Promise<ChdbProcess> => {
    const launched = launchChdb({ dataPath, configFile, port })
    try {
      await readyOnce({ url: origin, database: DATABASE, writer: USER, reader: USER }, launched, START_TIMEOUT_MS)
    } catch (error) {
      launched.kill()
      await launched.gone
      throw error
    }
    return launched
  }
  let running: ChdbProcess
  try {
    running = await launch()
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
  const crash = async (): Promise<void> => {
    running.kill()
    await running.gone
  }
  return {
    url: `http://${USER.username}:${USER.password}@127.0.0.1:${port}/${DATABASE}`,
    async stop() {
      await crash()
      rmSync(directory, { recursive: true, force: true })
    },
    crash,
    async restart() {
      running = await launch()
    },
  }
}

/** As the embedded store is configured, and beside its users, which nobody knows the passwords of, the one of ours. */
function writeConfiguration(directory: string, configFile: string): void {
  const files = {
    usersFile: join(directory, 'users.xml'),
    logFile: join(directory, 'server.log'),
    database: DATABASE,
    memoryBytesMax: MEMORY_BYTES_MAX,
    writerPassword: crypto.randomUUID(),
    readerPassword: crypto.randomUUID(),
  }
  const user = `    <${USER.username}><password>${USER.password}</password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota><grants><query>GRANT ALL ON *.*</query></grants></${USER.username}>\n`
  writeFileSync(
    files.usersFile,
    renderUsers(files).replace('  <users>\n', (start) => start + user),
  )
  writeFileSync(configFile, renderServerConfig(files))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startClickHouse)
