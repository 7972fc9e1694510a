import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
import { unprivilegedUser } from './unprivileged.ts'

const FIRST_STATEMENTS = `
CREATE DATABASE IF NOT EXISTS driftline;
CREATE USER IF NOT EXISTS driftline@'%' IDENTIFIED BY '';
GRANT ALL ON *.* TO driftline@'%' WITH GRANT OPTION;
`

/**
 * A MariaDB server on a free port of loopback, in a temporary directory, with a database `driftline` and an all-powerful
 * user `driftline` without a password. It takes TLS: the address names its certificate, which is its own authority, in
 * the parameter `certificate`, and that one's key in `key`. Errors: code `missing` when it is not installed.
 */
export async function startMariadb(): Promise<TrialServer> {
  const command = findProgram('mariadbd')
  const owner = unprivilegedUser('mysql', 'nobody')
  const directory = mkdtempSync(join(tmpdir(), 'driftline-mariadb-'))
  const path = (name: string): string => join(directory, name)
  makeCertificate(path('server.pem'), path('server.key'))
  writeFileSync(path('first.sql'), FIRST_STATEMENTS)
  for (const file of [directory, path('server.pem'), path('server.key'), path('first.sql')]) {
    if (owner !== undefined) chownSync(file, owner.uid, owner.gid)
  }
  const initialise = ['--no-defaults', `--datadir=${path('data')}`, '--skip-test-db', '--innodb-log-file-size=8M']
  execFileSync(findProgram('mariadb-install-db'), initialise, { cwd: directory, stdio: 'pipe', ...owner })

  const port = await findFreePort()
  const settings = [
    '--no-defaults',
    `--datadir=${path('data')}`,
    `--socket=${path('server.sock')}`,
    `--pid-file=${path('server.pid')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    `--init-file=${path('first.sql')}`,
    `--ssl-cert=${path('server.pem')}`,
    `--ssl-key=${path('server.key')}`,
    `--ssl-ca=${path('server.pem')}`,
    '--innodb-buffer-pool-size=32M',
    '--innodb-log-file-size=8M',
    '--innodb-flush-log-at-trx-commit=0',
    '--performance-schema=OFF',
  ]
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command,
      args: settings,
      cwd: directory,
      ...(owner === undefined ? {} : { owner }),
      logFile: path('mariadb.log'),
      readyText: 'ready for connections',
    })

  let running = await launch()
  const tls = new URLSearchParams({ certificate: path('server.pem'), key: path('server.key') })
  return {
    url: `mysql://driftline@127.0.0.1:${port}/driftline?${tls}`,
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

function findProgram(name: string): string {
  const found = ['/usr/sbin', '/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path))
  if (found === undefined) throw missing('MariaDB is not installed (Debian package mariadb-server)')
  return found
}

function makeCertificate(certificate: string, key: string): void {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-days', '2']
  const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes']
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', certificate], { stdio: 'pipe' })
  chmodSync(key, 0o600)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startMariadb)
