import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  findFreePort,
  missing,
  runUntilSignal,
  type ServerProcess,
  startServerProcess,
  type TrialServer,
} from './server-process.ts'

export interface PostgresOptions {
  /** Flushes to the disk, as production does; off by default, which is much faster. */
  readonly durable?: boolean
}

/**
 * A PostgreSQL server of the installed version on a free port of loopback, in a temporary directory. Anyone on this
 * machine may connect, as `driftline` without a password. Errors: code `missing` when it is not installed.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<TrialServer> {
  const binaries = findBinaries()
  const owner = unprivilegedOwner()
  const directory = mkdtempSync(join(tmpdir(), 'driftline-postgres-'))
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid)
  const data = join(directory, 'data')
  const initialise = [
    '--pgdata',
    data,
    '--username=driftline',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--no-sync',
  ]
  execFileSync(join(binaries, 'initdb'), initialise, { cwd: directory, stdio: 'pipe', ...owner })

  const port = await findFreePort()
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${directory}`,
    'max_connections=300',
    'shared_buffers=32MB',
  ]
  if (!options.durable) settings.push('fsync=off', 'full_page_writes=off', 'synchronous_commit=off')
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command: join(binaries, 'postgres'),
      args: ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      cwd: directory,
      ...(owner === undefined ? {} : { owner }),
      logFile: join(directory, 'postgres.log'),
      readyText: 'database system is ready to accept connections',
    })

  let running = await launch()
  return {
    url: `postgres://driftline@127.0.0.1:${port}/postgres`,
    async stop() {
      await running.end('SIGINT')
      rmSync(directory, { recursive: true, force: true })
    },
    // PostgreSQL's immediate shutdown: no checkpoint, connections cut, recovery at the next start. SIGKILL would leave
    // its own children behind.
    crash: () => running.end('SIGQUIT'),
    async restart() {
      running = await launch()
    },
  }
}

/** The newest installed version: Debian keeps them apart and off the path. */
function findBinaries(): string {
  const versions = '/usr/lib/postgresql'
  const debian = existsSync(versions)
    ? readdirSync(versions)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(versions, version, 'bin'))
    : []
  const onPath = (process.env.PATH ?? '').split(delimiter)
  const found = [...debian, ...onPath].find((directory) => existsSync(join(directory, 'initdb')))
  if (found === undefined) throw missing('PostgreSQL is not installed (Debian package postgresql)')
  return found
}

/** PostgreSQL refuses to run as root. */
function unprivilegedOwner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: 'pipe' }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // This machine has no such user; the next may be there.
    }
  }
  throw missing('PostgreSQL cannot run as root, and there is no user postgres or nobody')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startPostgres)
