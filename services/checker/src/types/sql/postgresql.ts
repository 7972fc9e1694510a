import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Json } from '@driftline/platform/metadata/tables'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { CheckFailure } from '../../check-type.ts'
import { codeOf, connectFailure, messageOf } from '../../net/connect-failures.ts'
import { createConnectTls } from '../../net/tls-connect.ts'
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

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
const CANCEL_CODE = 80877102
const ROWS_AT_ONCE = 500
const connectTls = createConnectTls()

/**
 * PostgreSQL. TLS is agreed on here and not by the driver, so that the socket of the guard is used and certificates are
 * judged as everywhere. The answer is read through a portal: the server computes no more rows than are fetched.
 */
export async function openPostgresql(target: SqlTarget, access: SqlAccess): Promise<SqlConnection> {
  const socket = await connectSocket(target, access, access.signal)
  let broken: CheckFailure | undefined
  const stopLimit = limitWire(socket, (failure) => {
    broken = failure
  })
  const client = createClient(target, socket)
  // A connection that ends between statements says so here; the next statement finds it ended.
  client.on('error', () => {})
  const session = client as unknown as { processID: number | null; secretKey: number | null }
  const end = {
    cancel: (signal: AbortSignal) => cancelAtServer(target, access, session, signal),
    destroy: () => socket.destroy(),
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
    if (socket.destroyed) return
    // The server rolls the transaction back when the connection ends; the goodbye lets it end at once.
    socket.end(Buffer.from([0x58, 0, 0, 0, 4]))
    socket.destroySoon()
  }
  try {
    const foreign = watchFirstByte(socket, target)
    await run(Promise.race([client.connect(), foreign]))
    await run(client.query(preparation(access.deadlineMs)))
  } catch (error) {
    socket.destroy()
    throw error
  }
  return {
    query: (text, parameters, rowsMax) => run(readRows(client, text, parameters, rowsMax)),
    close,
  }
}

function createClient(target: SqlTarget, socket: Socket): pg.Client {
  const { username, password } = target.login
  return new pg.Client({
    user: username,
    // A function, because without a password the driver would look for one in files and variables.
    password: () => password,
    host: target.host,
    port: target.port,
    database: target.database === '' ? username : target.database,
    ssl: false,
    application_name: 'driftline',
    options: '',
    stream: () => alreadyConnected(socket),
  })
}

/** The driver wants to connect by itself, and is told that it has. */
function alreadyConnected(socket: Socket): Socket {
  socket.connect = () => {
    queueMicrotask(() => socket.emit('connect'))
    return socket
  }
  return socket
}

async function connectSocket(target: SqlTarget, access: SqlAccess, signal: AbortSignal): Promise<Socket> {
  const socket = await access.connect(signal)
  if (target.tls === 'off') return socket
  const onAbort = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    socket.write(SSL_REQUEST)
    const [answer] = (await Promise.race([once(socket, 'data'), closed(socket)])) as [Buffer | undefined]
    // More than one byte would be data from before the encryption, which somebody may have slipped in.
    if (answer?.length === 1 && answer[0] === 0x4e) {
      throw new CheckFailure('tls_failed', `${whereOf(target)} does not offer TLS`, {
        hint: 'Set up TLS at the server, or set tls to off',
        retry: 'never',
      })
    }
    if (answer?.length !== 1 || answer[0] !== 0x53) throw notThisEngine(target)
  } catch (error) {
    socket.destroy()
    if (signal.aborted) throw connectFailure(signal.reason, whereOf(target))
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  const { identity } = target.login
  const verify = target.tls === 'verify'
  const request = { socket, host: target.host, where: whereOf(target), verify, signal }
  return connectTls({ ...request, ...(identity === null ? {} : { identity }) })
}

async function closed(socket: Socket): Promise<[]> {
  await once(socket, 'close')
  return []
}

/** The driver would wait for ever for the rest of what another service says. */
function watchFirstByte(socket: Socket, target: SqlTarget): Promise<never> {
  const foreign = new Promise<never>((_resolve, reject) => {
    socket.once('data', (data: Buffer) => {
      // Authentication, error, notice, or a word about the version of the protocol.
      if (!'REN'.includes(String.fromCharCode(data[0] ?? 0)) && data[0] !== 0x76) {
        socket.destroy()
        reject(notThisEngine(target))
      }
    })
  })
  foreign.catch(() => {})
  return foreign
}

function preparation(deadlineMs: number): string {
  const { statementMs, lockMs } = serverTimes(deadlineMs)
  return [
    'BEGIN READ ONLY',
    `SET LOCAL statement_timeout = ${statementMs}`,
    `SET LOCAL lock_timeout = ${lockMs}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${statementMs + 5000}`,
    // The tokenizer reads strings this way.
    'SET LOCAL standard_conforming_strings = on',
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL intervalstyle = 'iso_8601'",
    "SET LOCAL bytea_output = 'hex'",
  ].join(';')
}

async function readRows(
  client: pg.Client,
  text: string,
  parameters: readonly SqlParameter[],
  rowsMax: number,
): Promise<SqlRows> {
  // Every value stays the server's text until we know its type.
  const types = { getTypeParser: () => (value: string) => value }
  const cursor = client.query(
    new Cursor<(string | null)[]>(text, [...parameters], { rowMode: 'array', types } as never),
  )
  const collector = createRowCollector(rowsMax)
  let fields: readonly { name: string; dataTypeID: number }[] = []
  for (let wants = true; wants; ) {
    const count = Math.min(ROWS_AT_ONCE, rowsMax + 1 - collector.rows.length)
    const batch = await readBatch(cursor, count)
    if (batch.fields.length > 0) fields = batch.fields
    for (const row of batch.rows) {
      wants = collector.add(row.map((cell, column) => cellOf(cell, fields[column]?.dataTypeID ?? 0)))
      if (!wants) break
    }
    if (batch.rows.length < count) break
  }
  return { columns: fields.map(({ name }) => name), rows: collector.rows, more: collector.more }
}

interface Batch {
  readonly rows: readonly (readonly (string | null)[])[]
  readonly fields: readonly { name: string; dataTypeID: number }[]
}

function readBatch(cursor: Cursor<(string | null)[]>, count: number): Promise<Batch> {
  return new Promise((resolve, reject) => {
    cursor.read(count, (error: Error | undefined, rows, result) => {
      if (error) reject(error)
      else resolve({ rows, fields: result?.fields ?? [] })
    })
  })
}

function cellOf(text: string | null, type: number): Json {
  if (text === null) return null
  switch (type) {
    case 16:
      return text === 't'
    case 20:
    case 21:
    case 23:
    case 26:
      return wholeNumber(text)
    case 700:
    case 701:
      return Number.isFinite(Number(text)) ? Number(text) : text
    case 1700:
      return decimal(text)
    case 17:
      return binary((text.length - 2) / 2)
    case 114:
    case 3802:
      return JSON.parse(text) as Json
    case 1114:
      return timestamp(text, '')
    case 1184:
      return timestamp(text, 'Z')
    default:
      return text
  }
}

/** PostgreSQL takes a cancellation by a connection of its own, with the number and the key of the session. */
async function cancelAtServer(
  target: SqlTarget,
  access: SqlAccess,
  session: { processID: number | null; secretKey: number | null },
  signal: AbortSignal,
): Promise<void> {
  if (session.processID === null || session.secretKey === null) return
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(CANCEL_CODE, 4)
  request.writeInt32BE(session.processID, 8)
  request.writeInt32BE(session.secretKey, 12)
  const socket = await connectSocket(target, access, signal)
  socket.on('error', () => {})
  socket.write(request)
  socket.resume()
  // The server ends this connection once it has told the session.
  await once(socket, 'close', { signal }).finally(() => socket.destroy())
}

const faults: Readonly<Record<string, SqlFault>> = {
  '28P01': 'credentials',
  '28000': 'credentials',
  '3D000': 'database',
  '55P03': 'locked',
  '57014': 'timeout',
  '25006': 'writes',
  '42501': 'denied',
  '53300': 'full',
  '57P01': 'lost',
  '57P02': 'lost',
  '57P03': 'lost',
}

function failureOf(error: unknown, target: SqlTarget): CheckFailure {
  if (error instanceof CheckFailure) return error
  const code = codeOf(error)
  const message = messageOf(error)
  if (/^[0-9A-Z]{5}$/.test(code)) return sqlFailure(faults[code] ?? 'query', target, message, error)
  if (/SASL|password must be a string/.test(message)) return sqlFailure('credentials', target, message, error)
  if (/terminated|not queryable|closed/i.test(message)) {
    return sqlFailure('lost', target, 'the connection ended before the answer', error)
  }
  if (code !== '') return connectFailure(error, whereOf(target))
  return notThisEngine(target, error)
}
