import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
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

/**
 * OpenSSH's server for SFTP alone on a free port of loopback. It runs without privileges and lets in the user it runs
 * as, with a key: passwords would need root and the machine's own accounts. The address names the user, a directory
 * for files, and in its parameters `hostKey` (fingerprint) and `key` (path of the private key). Errors: code `missing`.
 */
export async function startSftp(): Promise<TrialServer> {
  const command = '/usr/sbin/sshd'
  if (!existsSync(command)) throw missing('OpenSSH is not installed (Debian package openssh-server)')
  const owner = unprivilegedUser('nobody')
  const user = owner === undefined ? userInfo().username : 'nobody'
  const directory = mkdtempSync(join(tmpdir(), 'driftline-sftp-'))
  const path = (name: string): string => join(directory, name)
  for (const key of ['host_key', 'client_key']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(key)], { stdio: 'pipe' })
  }
  const authorized = execFileSync('ssh-keygen', ['-y', '-f', path('client_key')], { encoding: 'utf8' })
  writeFileSync(path('authorized_keys'), authorized)
  mkdirSync(path('files'))
  const port = await findFreePort()
  writeFileSync(path('sshd_config'), configuration(directory, port))
  chmodSync(path('files'), 0o777)
  for (const file of [directory, path('files'), path('host_key'), path('authorized_keys')]) {
    if (owner !== undefined) chownSync(file, owner.uid, owner.gid)
  }
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command,
      args: ['-D', '-e', '-f', path('sshd_config')],
      cwd: directory,
      ...(owner === undefined ? {} : { owner }),
      logFile: path('sshd.log'),
      readyText: 'Server listening on',
    })

  let running = await launch()
  const [, hostKey] = execFileSync('ssh-keygen', ['-lf', path('host_key.pub')], { encoding: 'utf8' }).split(' ')
  const keys = new URLSearchParams({ hostKey: hostKey!, key: path('client_key') })
  return {
    url: `sftp://${user}@127.0.0.1:${port}${path('files')}?${keys}`,
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

/**
 * The strict checks of modes are off because temporary directories are writable by all. PAM knows that an account
 * without a password is not a locked one; the server itself would refuse its user.
 */
function configuration(directory: string, port: number): string {
  return `
ListenAddress 127.0.0.1
Port ${port}
HostKey ${join(directory, 'host_key')}
PidFile none
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile ${join(directory, 'authorized_keys')}
StrictModes no
MaxStartups 100
Subsystem sftp internal-sftp
ForceCommand internal-sftp
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startSftp)
