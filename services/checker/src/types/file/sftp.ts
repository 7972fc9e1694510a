import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import { Client, type SFTPWrapper, type Stats } from 'ssh2'
import { CheckFailure } from '../../check-type.ts'
import { codeOf, messageOf, timeUp } from '../../net/connect-failures.ts'
import type { OpenCredential } from '../../vault/credentials.ts'
import { notRegular } from './local-path.ts'
import { type FoundFile, type FoundFiles, matchesName, NAMES_MAX, splitLast, tooManyNames } from './store.ts'

export interface SftpTarget {
  readonly host: string
  readonly port: number
  readonly path: string
  /** `SHA256:...`, as `ssh-keygen -l` shows it; empty when nobody said. */
  readonly hostKey: string
  readonly credential: OpenCredential
}

const PIECE_BYTES = 32_768
const NO_SUCH_FILE = 2
const PERMISSION_DENIED = 3

/** Files of an SFTP server, over the socket of the guard. The server must prove that it has the expected key. */
export async function findSftp(target: SftpTarget, socket: Socket, signal: AbortSignal): Promise<FoundFiles> {
  const client = new Client()
  const where = `${target.host}:${target.port}`
  const startedMs = performance.now()
  let failed = (_error: unknown): void => {}
  const failure = new Promise<never>((_resolve, reject) => {
    failed = reject
  })
  failure.catch(() => {})
  const onAbort = (): void => {
    failed(timeUp(`Reading from ${where}`, startedMs, signal.reason))
    client.destroy()
  }
  const close = async (): Promise<void> => {
    signal.removeEventListener('abort', onAbort)
    client.destroy()
    socket.destroy()
  }
  client.on('error', (error) => failed(failureOf(error, target)))
  client.on('close', () => failed(failureOf(new Error('the connection ended'), target)))
  try {
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    await Promise.race([connect(client, target, socket, failed), failure])
    const sftp = await Promise.race([promised<SFTPWrapper>((done) => client.sftp(done)), failure])
    const found = await Promise.race([find(sftp, target, failure), failure])
    return { ...found, close }
  } catch (error) {
    await close()
    throw error instanceof CheckFailure ? error : failureOf(error, target)
  }
}

function connect(client: Client, target: SftpTarget, socket: Socket, failed: (error: unknown) => void): Promise<void> {
  const { kind, fields } = target.credential
  const password = fields['password'] ?? ''
  // Servers that ask question by question mean the password too.
  client.on('keyboard-interactive', (_name, _words, _language, prompts, answer) => answer(prompts.map(() => password)))
  const login =
    kind === 'basic'
      ? { username: fields['username'] ?? '', password, tryKeyboard: true }
      : {
          username: fields['username'] ?? '',
          privateKey: fields['privateKey'] ?? '',
          ...(fields['passphrase'] ? { passphrase: fields['passphrase'] } : {}),
        }
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve())
    try {
      client.connect({
        sock: socket,
        ...login,
        readyTimeout: 0,
        hostVerifier: (key: Buffer) => {
          const seen = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
          if (isSame(seen, target.hostKey)) return true
          failed(strangerFailure(target, seen))
          return false
        },
      })
    } catch (error) {
      reject(failureOf(error, target))
    }
  })
}

function isSame(seen: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(seen), digest(expected.trim().replace(/=+$/, '')))
}

async function find(
  sftp: SFTPWrapper,
  { path }: SftpTarget,
  failure: Promise<never>,
): Promise<Pick<FoundFiles, 'count' | 'file'>> {
  const { directory, name } = splitLast(path)
  if (name.includes('*')) {
    const entries = await readDirectory(sftp, directory)
    const matching = entries.filter(({ filename, attrs }) => attrs.isFile() && matchesName(name, filename))
    let newest = matching[0]
    for (const entry of matching) if (entry.attrs.mtime > newest!.attrs.mtime) newest = entry
    const file = newest === undefined ? null : foundFile(sftp, directory + newest.filename, newest.attrs, failure)
    return { count: matching.length, file }
  }
  try {
    const facts = await promised<Stats>((done) => sftp.stat(path, done))
    if (!facts.isFile()) throw notRegular(path)
    return { count: 1, file: foundFile(sftp, path, facts, failure) }
  } catch (error) {
    if (statusOf(error) === NO_SUCH_FILE) return { count: 0, file: null }
    throw denied(error, path)
  }
}

interface Entry {
  readonly filename: string
  readonly attrs: Stats
}

/** Piece by piece, so that a directory without end ends somewhere. */
async function readDirectory(sftp: SFTPWrapper, directory: string): Promise<Entry[]> {
  const entries: Entry[] = []
  let handle: Buffer
  try {
    handle = await promised<Buffer>((done) => sftp.opendir(directory, done))
  } catch (error) {
    if (statusOf(error) === NO_SUCH_FILE) return []
    throw denied(error, directory)
  }
  for (;;) {
    const piece = await promised<Entry[] | false>((done) =>
      sftp.readdir(handle, (error, list) => {
        if (error && statusOf(error) === 1) done(undefined, false)
        else done(error ?? undefined, list as unknown as Entry[])
      }),
    )
    if (piece === false) break
    entries.push(...piece)
    if (entries.length > NAMES_MAX) throw tooManyNames(directory)
  }
  return entries
}

function foundFile(sftp: SFTPWrapper, path: string, facts: Stats, failure: Promise<never>): FoundFile {
  return {
    name: splitLast(path).name,
    size: facts.size,
    modifiedMs: facts.mtime * 1000,
    async *read(start, count) {
      const handle = await Promise.race([promised<Buffer>((done) => sftp.open(path, 'r', done)), failure]).catch(
        (error: unknown) => {
          throw denied(error, path)
        },
      )
      for (let done = 0; done < count; ) {
        const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, count - done))
        const bytes = await Promise.race([readPiece(sftp, handle, buffer, start + done), failure])
        if (bytes === 0) break
        done += bytes
        yield buffer.subarray(0, bytes)
      }
      // The end of the connection closes it in any case.
      sftp.close(handle, () => {})
    },
  }
}

function readPiece(sftp: SFTPWrapper, handle: Buffer, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    sftp.read(handle, buffer, 0, buffer.length, position, (error, bytes) => {
      if (error && statusOf(error) !== 1) reject(error)
      else resolve(error ? 0 : bytes)
    })
  })
}

function promised<T>(start: (done: (error: Error | undefined | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))))
}

/** Number of an answer of SFTP. */
function statusOf(error: unknown): number {
  const { code } = error as { code?: unknown }
  return typeof code === 'number' ? code : -1
}

function denied(error: unknown, path: string): unknown {
  if (statusOf(error) !== PERMISSION_DENIED) return error
  return new CheckFailure('path_not_allowed', `The server does not let us read ${path}`, {
    hint: 'Let the user of the credential read it',
    cause: error,
  })
}

function strangerFailure({ host, port, hostKey }: SftpTarget, seen: string): CheckFailure {
  const expected = hostKey === '' ? 'none is known here' : `expected was ${hostKey}`
  return new CheckFailure('host_key_refused', `${host}:${port} showed the host key ${seen}; ${expected}`, {
    hint: 'Compare it with ssh-keygen -lf at the server; if it is right, set it as hostKey of the step or the credential',
    retry: 'never',
  })
}

function failureOf(error: unknown, { host, port, credential }: SftpTarget): CheckFailure {
  if (error instanceof CheckFailure) return error
  const where = `${host}:${port}`
  const message = messageOf(error)
  const { level } = error as { level?: string }
  if (level === 'client-authentication') {
    return new CheckFailure('credentials_refused', `${where} refused the user "${credential.fields['username']}"`, {
      hint: 'Check user name and password or key of the credential, and whether the server takes that way to sign in',
      retry: 'never',
      cause: error,
    })
  }
  if (/cannot parse privateKey|passphrase|private key/i.test(message)) {
    return new CheckFailure('config_invalid', 'The private key of the credential cannot be read', {
      hint: 'Save the key again, in the format of OpenSSH or PEM, with its passphrase if it has one',
      retry: 'never',
    })
  }
  const lost = /lost before|ended|closed|ECONNRESET|EPIPE/i.test(`${codeOf(error)} ${message}`)
  if (!lost && /handshake|protocol|identification|expected|packet/i.test(message)) {
    return new CheckFailure('answer_invalid', `What answers at ${where} is not SSH: ${message.slice(0, 200)}`, {
      hint: 'Check host and port',
      cause: error,
    })
  }
  return new CheckFailure(lost ? 'connection_lost' : 'query_failed', `${where}: ${message.slice(0, 200)}`, {
    hint: 'See the log of the server',
    retry: 'always',
    cause: error,
  })
}
