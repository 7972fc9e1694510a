import type { Socket } from 'node:net'
import type { SqlConfig, SqlEngine } from '@driftline/checks/types/stores'
import type { Json } from '@driftline/platform/metadata/tables'
import { CheckFailure } from '../../check-type.ts'
import { timeUp } from '../../net/connect-failures.ts'
import type { ClientIdentity } from '../../vault/credentials.ts'

/** A database to ask once. */
export interface SqlTarget {
  readonly engine: SqlEngine
  /** Empty for SQLite. */
  readonly host: string
  readonly port: number
  /** Name of the database or service; for SQLite the path. */
  readonly database: string
  readonly tls: SqlConfig['tls']
  readonly login: SqlLogin
}

export interface SqlLogin {
  readonly username: string
  readonly password: string
  readonly identity: ClientIdentity | null
}

/** How an engine reaches its target and how long it may take. */
export interface SqlAccess {
  /** Connects to the target, where the guard allows it. */
  connect(signal: AbortSignal): Promise<Socket>
  /** Addresses that were checked, for a driver that has to connect by itself. */
  addresses(): Promise<readonly string[]>
  /** Of a file, after the allowed roots were checked. */
  realPath(): Promise<string>
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

export interface SqlRows {
  readonly columns: readonly string[]
  /** At most as many as were asked for, in the order of the columns. */
  readonly rows: readonly (readonly Json[])[]
  /** Whether there would have been more of them. */
  readonly more: boolean
}

export type SqlParameter = string | number | boolean | null

export interface SqlConnection {
  /** Errors: CheckFailure. When the signal aborts, the statement is ended at the server too. */
  query(text: string, parameters: readonly SqlParameter[], rowsMax: number): Promise<SqlRows>
  close(): Promise<void>
}

export type OpenSql = (target: SqlTarget, access: SqlAccess) => Promise<SqlConnection>

export const defaultPorts: Readonly<Record<SqlEngine, number>> = {
  postgresql: 5432,
  mysql: 3306,
  sqlserver: 1433,
  oracle: 1521,
  sqlite: 0,
}

export const engineTitles: Readonly<Record<SqlEngine, string>> = {
  postgresql: 'PostgreSQL',
  mysql: 'MySQL or MariaDB',
  sqlserver: 'SQL Server',
  oracle: 'Oracle',
  sqlite: 'SQLite',
}

/** More than this from the wire is not an answer to a check. */
export const WIRE_BYTES_MAX = 32_000_000
const CANCEL_MS_MAX = 1000
const MARGIN_MS = 100

export function whereOf({ engine, host, port, database }: SqlTarget): string {
  return engine === 'sqlite' ? database : `${host}:${port}`
}

/**
 * How long the server may work: the statement ends there a little before we give up here, and waiting for a lock a
 * little before that, so that the server says what it waited for. Milliseconds.
 */
export function serverTimes(deadlineMs: number): { statementMs: number; lockMs: number } {
  const leftMs = Math.max(50, deadlineMs - performance.now())
  const statementMs = Math.ceil(Math.max(leftMs * 0.8, leftMs - MARGIN_MS))
  return { statementMs, lockMs: Math.ceil(statementMs * 0.85) }
}

/**
 * Waits for a statement. When the signal aborts first, `cancel` ends the statement at the server, for which there is
 * a second, and the connection is closed in any case.
 */
export async function untilAborted<T>(
  work: Promise<T>,
  target: SqlTarget,
  signal: AbortSignal,
  end: { cancel(signal: AbortSignal): Promise<void>; destroy(): void },
): Promise<T> {
  const startedMs = performance.now()
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      const failure = timeUp(`The query at ${whereOf(target)}`, startedMs, signal.reason)
      end
        .cancel(AbortSignal.timeout(CANCEL_MS_MAX))
        .catch(() => {
          // The server ends the statement itself at its own timeout, which was set before the statement was sent.
        })
        .finally(() => {
          end.destroy()
          reject(failure)
        })
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  aborted.catch(() => {})
  work.catch(() => {})
  try {
    return await Promise.race([work, aborted])
  } catch (error) {
    // The statement's own error, caused by our cancelling it, is not what happened.
    if (signal.aborted) return await aborted
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Ends the connection when more comes than anybody asked for, before it fills the memory. Answers how to stop that. */
export function limitWire(socket: Socket, onTooMuch: (failure: CheckFailure) => void): () => void {
  const timer = setInterval(() => {
    if (socket.bytesRead <= WIRE_BYTES_MAX) return
    clearInterval(timer)
    onTooMuch(tooLarge())
    socket.destroy()
  }, 20)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
  return () => clearInterval(timer)
}

export function tooLarge(): CheckFailure {
  return new CheckFailure('answer_too_large', 'The answer of the query is larger than 32 MB', {
    hint: 'Ask for fewer or smaller columns',
    retry: 'never',
  })
}

export function notThisEngine(target: SqlTarget, cause?: unknown): CheckFailure {
  return new CheckFailure(
    'answer_invalid',
    `What answers at ${whereOf(target)} is not ${engineTitles[target.engine]}`,
    {
      hint: 'Check host and port, and the engine at the beginning of the URL',
      retry: 'asked',
      cause,
    },
  )
}

/** Words for what engines say in codes of their own. */
export type SqlFault =
  | 'credentials'
  | 'database'
  | 'locked'
  | 'timeout'
  | 'writes'
  | 'denied'
  | 'full'
  | 'lost'
  | 'query'

export function sqlFailure(fault: SqlFault, target: SqlTarget, said: string, cause?: unknown): CheckFailure {
  const where = whereOf(target)
  const words = said.replace(/\s+/g, ' ').trim().slice(0, 300)
  const failure = (reason: string, message: string, hint: string, retry?: 'never' | 'asked' | 'always'): CheckFailure =>
    new CheckFailure(reason, message, { hint, retry: retry ?? 'asked', cause })
  switch (fault) {
    case 'credentials':
      return failure(
        'credentials_refused',
        `${where} refused the user "${target.login.username}": ${words}`,
        'Check user name and password of the credential under Settings, Credentials',
        'never',
      )
    case 'database':
      return failure('database_unknown', `${where}: ${words}`, 'Check the name of the database in the URL', 'never')
    case 'locked':
      return failure(
        'table_locked',
        `The query waited for a lock until its time was over: ${words}`,
        'See which session holds the lock; a migration or a forgotten transaction often does',
        'always',
      )
    case 'timeout':
      return failure(
        'timeout',
        `${where} ended the query because its time was over: ${words}`,
        'See the plan of the query and the load of the server, or give the step a longer timeout',
        'always',
      )
    case 'writes':
      return failure(
        'statement_not_read_only',
        `The server refused a statement that writes: ${words}`,
        'Write a query that only reads, without functions that change something',
        'never',
      )
    case 'denied':
      return failure('query_failed', `${where}: ${words}`, 'Grant the user of the credential the right to read it')
    case 'full':
      return failure('host_busy', `${where} takes no more connections: ${words}`, 'Try again later', 'always')
    case 'lost':
      return failure(
        'connection_lost',
        `${where} closed the connection: ${words}`,
        'See the log of the server: it may have been restarted, or ended the session',
        'always',
      )
    default:
      return failure('query_failed', `${where}: ${words}`, 'Try the statement in a client of the database')
  }
}
