import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
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

/** A mail server on loopback that keeps what it is given. */
export interface TrialMailServer extends TrialServer {
  /** Every message so far, as it came over the wire, in no order. */
  messages(): Promise<string[]>
}

export interface SmtpOptions {
  /** With these it speaks only after STARTTLS. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
}

/**
 * A mail server (Debian's aiosmtpd) on a free port of loopback. Its address, `smtp://127.0.0.1:<port>?maildir=<path>`,
 * says where the messages are. Errors: code `missing` when it is not installed.
 */
export async function startSmtp(options: SmtpOptions = {}): Promise<TrialMailServer> {
  const command = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
    .map((directory) => join(directory, 'aiosmtpd'))
    .find((path) => existsSync(path))
  if (command === undefined) throw missing('aiosmtpd is not installed (Debian package python3-aiosmtpd)')
  const directory = mkdtempSync(join(tmpdir(), 'driftline-smtp-'))
  const maildir = join(directory, 'mail')
  const port = await findFreePort()
  const tls = options.tls === undefined ? [] : ['--tlscert', options.tls.certFile, '--tlskey', options.tls.keyFile]
  const args = ['-n', '-d', ...tls, '-l', `127.0.0.1:${port}`, '-c', 'aiosmtpd.handlers.Mailbox', maildir]
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command,
      args,
      cwd: directory,
      logFile: join(directory, 'smtp.log'),
      readyText: 'Server is listening',
    })

  let running = await launch()
  const url = `smtp://127.0.0.1:${port}?maildir=${encodeURIComponent(maildir)}`
  return {
    url,
    messages: async () => messagesAt(url),
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

/** The messages that the server at this address has been given. */
export function messagesAt(url: string): string[] {
  const inbox = join(new URL(url).searchParams.get('maildir') ?? '', 'new')
  if (!existsSync(inbox)) return []
  return readdirSync(inbox).map((name) => readFileSync(join(inbox, name), 'utf8'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startSmtp)
