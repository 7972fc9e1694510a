import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

/**
 * A Prometheus on a free port of loopback that watches nothing yet. The address names its configuration file in the
 * parameter `config`: write what it is to do there and `POST /-/reload`. Errors: code `missing`.
 */
export async function startPrometheus(): Promise<TrialServer> {
  const command = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'prometheus'))
    .find((path) => existsSync(path))
  if (command === undefined) throw missing('Prometheus is not installed (Debian package prometheus)')
  const directory = mkdtempSync(join(tmpdir(), 'driftline-prometheus-'))
  const configFile = join(directory, 'prometheus.yml')
  writeFileSync(configFile, 'global: {scrape_interval: 1s}\n')
  const port = await findFreePort()
  const args = [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-lifecycle',
  ]
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command,
      args,
      cwd: directory,
      logFile: join(directory, 'prometheus.log'),
      readyText: 'Server is ready to receive web requests',
    })

  let running = await launch()
  return {
    url: `http://127.0.0.1:${port}/?config=${encodeURIComponent(configFile)}`,
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

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startPrometheus)
