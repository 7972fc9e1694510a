import { execFileSync } from 'node:child_process'
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

export interface MosquittoOptions {
  /** With these it speaks only TLS; with an authority, clients must show a certificate of it. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly clientAuthorityFile?: string }
  /** With these nobody else is let in. */
  readonly users?: Readonly<Record<string, string>>
  /** Further lines of its configuration. */
  readonly lines?: readonly string[]
}

/**
 * A Mosquitto broker on a free port of loopback that keeps sessions and what is retained over a crash-free restart.
 * Errors: code `missing` when it is not installed.
 */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<TrialServer> {
  const command = findProgram('mosquitto')
  if (command === undefined) throw missing('Mosquitto is not installed (Debian package mosquitto)')
  const directory = mkdtempSync(join(tmpdir(), 'driftline-mosquitto-'))
  const port = await findFreePort()
  const { tls, users } = options
  const lines = [
    `listener ${port} 127.0.0.1`,
    // As root it would become another user, who may not read what is here.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'persistence true',
    `persistence_location ${directory}/`,
    'max_inflight_messages 0',
    'max_queued_messages 0',
    ...(tls ? [`certfile ${tls.certFile}`, `keyfile ${tls.keyFile}`] : []),
    ...(tls?.clientAuthorityFile ? [`cafile ${tls.clientAuthorityFile}`, 'require_certificate true'] : []),
    ...(users ? ['allow_anonymous false', `password_file ${writeUsers(directory, users)}`] : ['allow_anonymous true']),
    ...(options.lines ?? []),
  ]
  const configFile = join(directory, 'mosquitto.conf')
  writeFileSync(configFile, `${lines.join('\n')}\n`)
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command,
      args: ['-c', configFile],
      cwd: directory,
      logFile: join(directory, 'mosquitto.log'),
      readyText: 'running',
    })

  let running = await launch()
  return {
    url: `${tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${port}`,
    async stop() {
      await running.end('SIGTERM')
      rmSync(directory, { recursive: true, force: true })
    },
    // It writes sessions down when it is told to stop; killed, it would have lost what its clients rely on.
    crash: () => running.end('SIGTERM'),
    async restart() {
      running = await launch()
    },
  }
}

function writeUsers(directory: string, users: Readonly<Record<string, string>>): string {
  const file = join(directory, 'users')
  writeFileSync(file, '', { mode: 0o600 })
  for (const [name, password] of Object.entries(users)) {
    execFileSync(findProgram('mosquitto_passwd') ?? 'mosquitto_passwd', ['-b', file, name, password])
  }
  return file
}

function findProgram(name: string): string | undefined {
  return ['/usr/sbin', '/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(() => startMosquitto())
