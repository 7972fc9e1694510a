import type { Socket } from 'node:net'
import type { Json } from '@driftline/platform/metadata/tables'
import type { Connection, ConnectionConfiguration, Request } from 'tedious'
import { CheckFailure } from '../../check-type.ts'
import { codeOf, connectFailure, messageOf } from '../../net/connect-failures.ts'
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
import { binary, createRowCollector, wholeNumber } from './values.ts'

type Tedious = typeof import('tedious')

const TDS_PACKET_TYPES = [0x04, 0x12, 0x16, 0x17]

/**
 * SQL Server, over the socket of the guard. It has no transactions that only read: the query runs in one that is never
 * committed. Parameters are `@p1`, `@p2`, ...
 */
export async function openSqlServer(target: SqlTarget, access: SqlAccess): Promise<SqlConnection> {
  // Slow to load, and not needed by those who have no SQL Server.
  const tedious = (await import('tedious')).default as unknown as Tedious
  const socket = await access.connect(access.signal)
  let broken: CheckFailure | undefined
  const stopLimit = limitWire(socket, (failure) => {
    broken = failure
  })
  const foreign = watchFirstPacket(socket, target)
  const connection = new tedious.Connection(configuration(target, access, socket))
  connection.on('error', () => {})
  const end = {
    // The driver asks the server to stop, and goes on when the server says that it has.
    async cancel(signal: AbortSignal) {
      if (!connection.cancel()) return
      await new Promise<void>((resolve) => {
        connection.once('end', () => resolve())
        signal.addEventListener('abort', () => resolve(), { once: true })
        setTimeout(resolve, 200).unref()
      })
    },
    destroy() {
      connection.close()
      socket.destroy()
    },
  }
  const run = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await untilAborted(work, target, access.signal, end)
    } catch (error) {
      throw broken ?? failureOf(error, target)
    }
  }
  const close = async (): Promise<void> => {
    stopLimit()
    connection.close()
    socket.destroySoon()
  }
  try {
    await run(Promise.race([connected(connection), foreign]))
  } catch (error) {
    end.destroy()
    throw error
  }
  return {
    async query(text, parameters, rowsMax) {
      await run(batch(tedious, connection, preparation(access.deadlineMs, rowsMax)))
      return run(readRows(tedious, connection, text, parameters, rowsMax))
    },
    close,
  }
}

function configuration(target: SqlTarget, access: SqlAccess, socket: Socket): ConnectionConfiguration {
  const { username, password, identity } = target.login
  const leftMs = Math.max(100, access.deadlineMs - performance.now())
  return {
    server: target.host,
    authentication: { type: 'default', options: { userName: username, password } },
    options: {
      connector: async () => socket,
      port: target.port,
      ...(target.database === '' ? {} : { database: target.database }),
      encrypt: target.tls !== 'off',
      trustServerCertificate: target.tls !== 'verify',
      ...(identity?.authorities === undefined ? {} : { cryptoCredentialsDetails: { ca: identity.authorities } }),
      readOnlyIntent: true,
      appName: 'driftline',
      useUTC: true,
      // Longer than our own time, which ends it with better words.
      connectTimeout: leftMs + 1000,
      requestTimeout: leftMs + 1000,
      cancelTimeout: 1000,
      maxRetriesOnTransientErrors: 0,
      rowCollectionOnDone: false,
      rowCollectionOnRequestCompletion: false,
    },
  }
}

function connected(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve()))
  })
}

function watchFirstPacket(socket: Socket, target: SqlTarget): Promise<never> {
  const foreign = new Promise<never>((_resolve, reject) => {
    socket.once('data', (data: Buffer) => {
      if (TDS_PACKET_TYPES.includes(data[0] ?? 0)) return
      socket.destroy()
      reject(notThisEngine(target))
    })
  })
  foreign.catch(() => {})
  return foreign
}

function preparation(deadlineMs: number, rowsMax: number): string {
  const { lockMs } = serverTimes(deadlineMs)
  return [
    'SET QUOTED_IDENTIFIER ON',
    'SET XACT_ABORT ON',
    `SET LOCK_TIMEOUT ${lockMs}`,
    `SET ROWCOUNT ${rowsMax + 1}`,
    'BEGIN TRANSACTION',
  ].join('; ')
}

function batch({ Request }: Tedious, connection: Connection, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.execSqlBatch(new Request(sql, (error) => (error ? reject(error) : resolve())))
  })
}

function readRows(
  { Request, TYPES }: Tedious,
  connection: Connection,
  sql: string,
  parameters: readonly SqlParameter[],
  rowsMax: number,
): Promise<SqlRows> {
  return new Promise((resolve, reject) => {
    const collector = createRowCollector(rowsMax)
    let columns: readonly { readonly colName: string }[] = []
    const request: Request = new Request(sql, (error) => {
      if (error && !collector.more) reject(error)
      else resolve({ columns: columns.map(({ colName }) => colName), rows: collector.rows, more: collector.more })
    })
    parameters.forEach((value, index) => {
      const type =
        typeof value === 'boolean'
          ? TYPES.Bit
          : typeof value === 'number'
            ? Number.isSafeInteger(value)
              ? TYPES.BigInt
              : TYPES.Float
            : TYPES.NVarChar
      request.addParameter(`p${index + 1}`, type, value)
    })
    request.on('columnMetadata', (metadata) => {
      columns = metadata as { colName: string }[]
    })
    request.on('row', (cells: { value: unknown; metadata: { type: { name: string } } }[]) => {
      if (collector.more) return
      try {
        if (!collector.add(cells.map(({ value, metadata }) => cellOf(value, metadata.type.name)))) request.cancel()
      } catch (error) {
        request.cancel()
        reject(error)
      }
    })
    connection.execSql(request)
  })
}

function cellOf(value: unknown, type: string): Json {
  if (value === null || value === undefined) return null
  if (Buffer.isBuffer(value)) return binary(value.length)
  if (typeof value === 'bigint') return wholeNumber(value)
  if (typeof value === 'string') return type === 'BigInt' ? wholeNumber(value) : value
  if (!(value instanceof Date)) return value as Json
  const iso = value.toISOString()
  if (type === 'Date') return iso.slice(0, 10)
  // Only this type knows its zone.
  return type === 'DateTimeOffset' ? iso : iso.slice(0, -1)
}

const faults: Readonly<Record<number, SqlFault>> = {
  18456: 'credentials',
  18452: 'credentials',
  4060: 'database',
  911: 'database',
  1222: 'locked',
  1205: 'locked',
  229: 'denied',
  3906: 'writes',
  17809: 'full',
  6005: 'lost',
}

function failureOf(error: unknown, target: SqlTarget): CheckFailure {
  if (error instanceof CheckFailure) return error
  const code = codeOf(error)
  const message = messageOf(error)
  const { number, cause } = error as { number?: number; cause?: unknown }
  if (number !== undefined && faults[number] !== undefined) return sqlFailure(faults[number], target, message, error)
  if (code === 'ELOGIN') return sqlFailure('credentials', target, message, error)
  if (code === 'EREQUEST') return sqlFailure('query', target, message, error)
  if (code === 'ETIMEOUT') return sqlFailure('timeout', target, message, error)
  if (/certificate|altname|self.signed/i.test(message)) {
    return new CheckFailure('certificate_invalid', `The certificate of ${target.host} is not trusted: ${message}`, {
      hint: 'Let the machine that runs the checks trust the authority of the server',
      cause: error,
    })
  }
  if (/hang up|ended|closed|ECONNRESET|EPIPE|final state/i.test(`${code} ${message} ${codeOf(cause)}`)) {
    return sqlFailure('lost', target, 'the connection ended before the answer', error)
  }
  if (code === 'ESOCKET' || code === 'EINSTLOOKUP') return connectFailure(cause ?? error, whereOf(target))
  return notThisEngine(target, error)
}
