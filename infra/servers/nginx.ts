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
 * An nginx on a free port of loopback that answers 500 under /broken, 200 for / and 404 for all else, and writes an
 * access log in its format `combined`. The address names that file in the parameter `log` and the file of the process
 * id in `pid`: after a rotation it takes SIGUSR1. Errors: code `missing` when it is not installed.
 */
export async function startNginx(): Promise<TrialServer> {
  const command = ['/usr/sbin', '/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
    .map((directory) => join(directory, 'nginx'))
    .find((path) => existsSync(path))
  if (command === undefined) throw missing('nginx is not installed (Debian package nginx)')
  const directory = mkdtempSync(join(tmpdir(), 'driftline-nginx-'))
  const port = await findFreePort()
  const configFile = join(directory, 'nginx.conf')
  const log = join(directory, 'access.log')
  const pid = join(directory, 'nginx.pid')
  writeFileSync(configFile, configuration(directory, port, { log, pid }))
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command,
      args: ['-c', configFile, '-p', directory, '-e', join(directory, 'error.log')],
      cwd: directory,
      logFile: join(directory, 'error.log'),
      readyText: 'start worker process',
    })

  let running = await launch()
  return {
    url: `http://127.0.0.1:${port}/?${new URLSearchParams({ log, pid })}`,
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

function configuration(directory: string, port: number, files: { log: string; pid: string }): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${files.pid};
error_log ${join(directory, 'error.log')} notice;
events { worker_connections 256; }
http {
  ${places.map((place) => `${place}_temp_path ${join(directory, place)};`).join('\n  ')}
  access_log ${files.log} combined;
  server {
    listen 127.0.0.1:${port};
    location = / { return 200 'here'; }
    location /broken { return 500; }
    location / { return 404; }
  }
}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startNginx)
