import { existsSync, mkdtempSync, rmSync } from 'node:fs'
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

/** A Redis server on a free port of loopback that keeps nothing on disk. Errors: code `missing`. */
export async function startRedis(): Promise<TrialServer> {
  const command = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'redis-server'))
    .find((path) => existsSync(path))
  if (command === undefined) throw missing('Redis is not installed (Debian package redis-server)')
  const directory = mkdtempSync(join(tmpdir(), 'driftline-redis-'))
  const port = await findFreePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', directory]
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command,
      args,
      cwd: directory,
      logFile: join(directory, 'redis.log'),
      readyText: 'Ready to accept connections',
    })

  let running = await launch()
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      await running.end('SIGTERM')
      rmSync(directory, { recursive: true, force: true })
    },
    crash: () => running.end('SIGKILL'),
    async restart() {
      running = await launch()
    },
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startRedis)
