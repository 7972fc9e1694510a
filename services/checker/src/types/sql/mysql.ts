import type { Socket } from 'node:net'
import type { Json } from '@driftline/platform/metadata/tables'
import type { Connection, FieldPacket, QueryError } from 'mysql2'
import { CheckFailure } from '../../check-type.ts'
import { codeOf, connectFailure, messageOf } from '../../net/connect-failures.ts'
import { tlsFailure } from '../../net/tls-connect.ts'
import {
  limitWire,
  notThisEngine,
  type SqlAccess,
  type SqlConnection,
  type SqlFault,
  type SqlParameter,
  type SqlRows,
  type SqlTarget,
  serverTimes,
  sqlFailure,
  untilAborted,
  whereOf,
} from './engine.ts'
import { binary, createRowCollector, decimal, timestamp, wholeNumber } from './values.ts'

type Driver = typeof import('mysql2')

/** MySQL and MariaDB, over the socket of the guard. */
export async function openMysql(target: SqlTarget, access: SqlAccess): Promise<SqlConnection> {
  // Loaded before the connection is there: the server speaks first, and somebody must listen then.
  const driver = (await import('mysql2')).default
  const socket = await access.connect(access.signal)
  let broken: CheckFailure | undefined
  const stopLimit = limitWire(socket, (failure) => {
    broken = failure
  })
  const connection = createConnection(driver, target, socket)
  const foreign = watchGreeting(socket, target)
  const end = {
    cancel: (signal: AbortSignal) => killQuery(driver, target, access, connection.threadId, signal),
    destroy: () => connection.destroy(),
  }
  // Where a command has no callback, the driver tells the connection of what ends it.
  const lost = new Promise<never>((_resolve, reject) => connection.once('error', reject))
  lost.catch(() => {})
  const run = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await untilAborted(Promise.race([work, lost]), target, access.signal, end)
    } catch (error) {
      throw broken ?? failureOf(error, target)
    }
  }
  const close = async (): Promise<void> => {
    stopLimit()
    connection.end(() => connection.destroy())
    socket.destroySoon()
  }
  try {
    await run(Promise.race([connected(connection), foreign]))
  } catch (error) {
    connection.destroy()
    throw error
  }
  return {
    async query(text, parameters, rowsMax) {
      await run(execute(connection, preparation(access.deadlineMs, rowsMax)))
      await run(execute(connection, 'START TRANSACTION READ ONLY'))
      const answer = await run(readRows(connection, text, parameters, rowsMax))
      if (answer.more) await end.cancel(AbortSignal.timeout(1000)).catch(() => {})
      return answer
    },
    close,
  }
}

function createConnection(driver: Driver, target: SqlTarget, socket: Socket): Connection {
  const { username, password, identity } = target.login
  const tls = {
    rejectUnauthorized: target.tls === 'verify',
    verifyIdentity: target.tls === 'verify',
    ...(identity?.authorities === undefined ? {} : { ca: identity.authorities }),
    ...(identity === null ? {} : { cert: identity.certificate, key: identity.key }),
    ...(identity?.passphrase === undefined ? {} : { passphrase: identity.passphrase }),
  }
  const connection = driver.createConnection({
    host: target.host,
    port: target.port,
    user: username,
    password,
    ...(target.database === '' ? {} : { database: target.database }),
    ...(target.tls === 'off' ? {} : { ssl: tls }),
    stream: socket,
    charset: 'utf8mb4',
    // Without these the driver makes its own dates, and numbers that lose digits.
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    connectTimeout: 0,
    // The server may otherwise ask for a file of this machine.
    flags: ['-LOCAL_FILES', '-MULTI_STATEMENTS'],
  } as Parameters<typeof driver.createConnection>[0])
  connection.on('error', () => {})
  return connection
}

function connected(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once('connect', () => resolve())
    connection.once('error', reject)
  })
}

/** The server speaks first: a packet with number 0 and version 10 of the protocol, or an error. */
function watchGreeting(socket: Socket, target: SqlTarget): Promise<never> {
  const foreign = new Promise<never>((_resolve, reject) => {
    socket.once('data', (data: Buffer) => {
      if (data.length < 5 || (data[3] === 0 && (data[4] === 10 || data[4] === 255))) return
      socket.destroy()
      reject(notThisEngine(target))
    })
  })
  foreign.catch(() => {})
  return foreign
}

/** The comments make MariaDB and MySQL each set the limit that it knows. */
function preparation(deadlineMs: number, rowsMax: number): string {
  const { statementMs, lockMs } = serverTimes(deadlineMs)
  const lockSeconds = Math.max(1, Math.floor(lockMs / 1000))
  return [
    `SET SESSION lock_wait_timeout = ${lockSeconds}`,
    `SESSION innodb_lock_wait_timeout = ${lockSeconds}`,
    `SESSION sql_select_limit = ${rowsMax + 1}`,
    "SESSION time_zone = '+00:00'",
    // Strings and names are then what the tokenizer takes them for.
    `SESSION sql_mode = 'STRICT_TRANS_TABLES' /*M!100101 , SESSION max_statement_time = ${statementMs / 1000} */ /*!50708 , SESSION max_execution_time = ${statementMs} */`,
  ].join(', ')
}

function execute(connection: Connection, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.query(sql, (error: QueryError | null) => (error === null ? resolve() : reject(error)))
  })
}

function readRows(
  connection: Connection,
  sql: string,
  parameters: readonly SqlParameter[],
  rowsMax: number,
): Promise<SqlRows> {
  return new Promise((resolve, reject) => {
    const collector = createRowCollector(rowsMax)
    let fields: readonly FieldPacket[] = []
    const finish = (): void =>
      resolve({ columns: fields.map(({ name }) => name), rows: collector.rows, more: collector.more })
    // With parameters the server prepares the statement; nothing is ever put into its text.
    const options = { sql, values: [...parameters], rowsAsArray: true }
    const command = parameters.length === 0 ? connection.query(options) : connection.execute(options)
    command.on('fields', (packets: FieldPacket[]) => {
      fields = packets
    })
    command.on('result', (row: unknown) => {
      // What is no query answers a summary here, which is no row.
      if (collector.more || !Array.isArray(row)) return
      try {
        if (!collector.add(row.map((cell, column) => cellOf(cell, fields[column])))) finish()
      } catch (error) {
        reject(error)
      }
    })
    command.on('error', reject)
    command.on('end', finish)
  })
}

const TYPES = { decimal: [0, 246], timestamp: [7, 17], datetime: [12, 18], json: 245, bigint: 8 }

function cellOf(cell: unknown, field: FieldPacket | undefined): Json {
  const type = field?.type ?? field?.columnType ?? -1
  if (cell === null || cell === undefined) return null
  if (Buffer.isBuffer(cell)) return binary(cell.length)
  if (typeof cell === 'string') {
    if (TYPES.decimal.includes(type)) return decimal(cell)
    if (TYPES.timestamp.includes(type)) return timestamp(cell, 'Z')
    if (TYPES.datetime.includes(type)) return timestamp(cell, '')
    return type === TYPES.bigint ? wholeNumber(cell) : cell
  }
  return cell as Json
}

/** Takes a connection of its own, with the same login. */
async function killQuery(
  driver: Driver,
  target: SqlTarget,
  access: SqlAccess,
  threadId: number | null,
  signal: AbortSignal,
): Promise<void> {
  if (!threadId) return
  const socket = await access.connect(signal)
  const onAbort = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  const connection = createConnection(driver, target, socket)
  try {
    await connected(connection)
    await execute(connection, `KILL QUERY ${threadId}`)
  } finally {
    signal.removeEventListener('abort', onAbort)
    connection.destroy()
  }
}

const faults: Readonly<Record<number, SqlFault>> = {
  1045: 'credentials',
  1698: 'credentials',
  1251: 'credentials',
  1049: 'database',
  1044: 'database',
  1205: 'locked',
  1317: 'timeout',
  1969: 'timeout',
  3024: 'timeout',
  1792: 'writes',
  1142: 'denied',
  1143: 'denied',
  1040: 'full',
  1203: 'full',
  1226: 'full',
  1053: 'lost',
  1927: 'lost',
}

function failureOf(error: unknown, target: SqlTarget): CheckFailure {
  if (error instanceof CheckFailure) return error
  const { errno } = error as { errno?: number }
  const message = messageOf(error)
  const code = codeOf(error)
  if (errno !== undefined && faults[errno] !== undefined) return sqlFailure(faults[errno], target, message, error)
  if (code === 'PROTOCOL_CONNECTION_LOST' || code === 'ECONNRESET' || code === 'EPIPE') {
    return sqlFailure('lost', target, 'the connection ended before the answer', error)
  }
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') {
    return new CheckFailure('tls_failed', `${whereOf(target)} does not offer TLS`, {
      hint: 'Set up TLS at the server, or set tls to off',
      retry: 'never',
      cause: error,
    })
  }
  if (code === 'HANDSHAKE_SSL_ERROR' || /certificate|altname/i.test(message)) return certificateFailure(error, target)
  if (code === 'AUTH_SWITCH_PLUGIN_ERROR') return sqlFailure('credentials', target, message, error)
  if (errno !== undefined && errno >= 1000) return sqlFailure('query', target, message, error)
  if (/packet|protocol|handshake|malformed|unexpected/i.test(message)) return notThisEngine(target, error)
  return connectFailure(error, whereOf(target))
}

function certificateFailure(error: unknown, target: SqlTarget): CheckFailure {
  const message = messageOf(error)
  if (!/certificate|altname|self.signed|issuer/i.test(message)) return tlsFailure(error, whereOf(target))
  return new CheckFailure('certificate_invalid', `The certificate of ${target.host} is not trusted: ${message}`, {
    hint: 'Add the authority to NODE_EXTRA_CA_CERTS or to the client certificate credential, or renew the certificate',
    cause: error,
  })
}
