import dns from 'node:dns'
import { isIP, Socket } from 'node:net'
import type { Json } from '@driftline/platform/metadata/tables'
import type { Connection, default as OracleDb } from 'oracledb'
import { CheckFailure } from '../../check-type.ts'
import { messageOf } from '../../net/connect-failures.ts'
import type { ChildAnswer, OracleQuestion } from './child-protocol.ts'
import type { SqlRows } from './engine.ts'
import { binary, createRowCollector, decimal } from './values.ts'

type Driver = typeof OracleDb

class ForeignAddress extends Error {}

/** Runs in the child. The process is for one target from then on, as far as its network goes. */
export async function askOracle(question: OracleQuestion): Promise<ChildAnswer> {
  let refusedAddress: string | undefined
  const release = confineNetwork(question, (address) => {
    refusedAddress = address
  })
  let connection: Connection | undefined
  try {
    const driver = (await import('oracledb')).default as unknown as Driver
    connection = await driver.getConnection(loginOf(question))
    connection.callTimeout = question.statementMs
    await connection.execute('SET TRANSACTION READ ONLY')
    return { rows: await readRows(driver, connection, question) }
  } catch (error) {
    if (refusedAddress !== undefined) return { fault: 'address', message: refusedAddress }
    return faultOf(error)
  } finally {
    await connection?.close({ drop: true }).catch(() => {})
    release()
  }
}

/**
 * Names lead to the addresses that were checked, and nothing else can be connected to: a listener may answer with
 * another address, which the driver would follow.
 */
function confineNetwork({ host, port, addresses }: OracleQuestion, onRefused: (address: string) => void): () => void {
  const { lookup } = dns
  const { connect } = Socket.prototype
  const answers = addresses.map((address) => ({ address, family: isIP(address) }))
  dns.lookup = ((name: string, options: unknown, callback?: unknown) => {
    const done = (typeof options === 'function' ? options : callback) as (...values: unknown[]) => void
    if (name !== host && !addresses.includes(name)) {
      onRefused(name)
      return process.nextTick(done, new ForeignAddress(name))
    }
    const isAll = typeof options === 'object' && options !== null && 'all' in options && options.all === true
    process.nextTick(done, null, ...(isAll ? [answers] : [answers[0]!.address, answers[0]!.family]))
  }) as typeof dns.lookup
  Socket.prototype.connect = function confined(this: Socket, ...given: unknown[]) {
    // Node.js hands its own calls on as one list of normalized arguments.
    const [first, second] = (Array.isArray(given[0]) ? given[0] : given) as unknown[]
    const wanted = (typeof first === 'object' ? first : { port: first, host: second }) as {
      host?: string
      port?: number | string
    }
    const isKnown = wanted.host === host || addresses.includes(wanted.host ?? '')
    if (!isKnown || Number(wanted.port) !== port) {
      onRefused(`${wanted.host}:${wanted.port}`)
      this.destroy(new ForeignAddress(`${wanted.host}:${wanted.port}`))
      return this
    }
    return (connect as (...values: unknown[]) => Socket).apply(this, given)
  } as typeof connect
  return () => {
    dns.lookup = lookup
    Socket.prototype.connect = connect
  }
}

function loginOf(question: OracleQuestion): OracleDb.ConnectionAttributes {
  const { tls, host, port, service, statementMs } = question
  const at = isIP(host) === 6 ? `[${host}]` : host
  const seconds = Math.max(1, Math.ceil(statementMs / 1000))
  const match = tls === 'off' ? '' : `&ssl_server_dn_match=${tls === 'verify' ? 'on' : 'off'}`
  return {
    user: question.username,
    password: question.password,
    connectString: `${tls === 'off' ? 'tcp' : 'tcps'}://${at}:${port}/${service}?connect_timeout=${seconds}&retry_count=0${match}`,
    ...(question.wallet === '' ? {} : { walletContent: question.wallet }),
    ...(question.walletPassphrase === '' ? {} : { walletPassword: question.walletPassphrase }),
  }
}

async function readRows(driver: Driver, connection: Connection, question: OracleQuestion): Promise<SqlRows> {
  const { text, parameters, rowsMax } = question
  const result = await connection.execute<unknown[]>(
    text,
    parameters.map((value) => (typeof value === 'boolean' ? Number(value) : value)),
    {
      outFormat: driver.OUT_FORMAT_ARRAY,
      maxRows: rowsMax + 1,
      fetchArraySize: Math.min(500, rowsMax + 1),
      fetchTypeHandler: ({ dbType }) => {
        if (dbType === driver.DB_TYPE_NUMBER || dbType === driver.DB_TYPE_CLOB || dbType === driver.DB_TYPE_NCLOB) {
          return { type: driver.STRING, converter: (value) => value }
        }
        return dbType === driver.DB_TYPE_BLOB ? { type: driver.BUFFER, converter: (value) => value } : undefined
      },
    },
  )
  const metadata = result.metaData ?? []
  const collector = createRowCollector(rowsMax)
  for (const row of result.rows ?? []) {
    const isAdded = collector.add(row.map((cell, column) => cellOf(cell, metadata[column], driver)))
    if (!isAdded) break
  }
  return { columns: metadata.map(({ name }) => name), rows: collector.rows, more: collector.more }
}

function cellOf(cell: unknown, metadata: { readonly dbType?: unknown } | undefined, driver: Driver): Json {
  if (cell === null || cell === undefined) return null
  if (Buffer.isBuffer(cell)) return binary(cell.length)
  if (cell instanceof Date) {
    const hasZone =
      metadata?.dbType === driver.DB_TYPE_TIMESTAMP_TZ || metadata?.dbType === driver.DB_TYPE_TIMESTAMP_LTZ
    return hasZone ? cell.toISOString() : cell.toISOString().slice(0, -1)
  }
  if (typeof cell === 'string') return metadata?.dbType === driver.DB_TYPE_NUMBER ? decimal(cell) : cell
  return typeof cell === 'bigint' ? String(cell) : (cell as Json)
}

function faultOf(error: unknown): ChildAnswer {
  const message = messageOf(error)
  if (error instanceof CheckFailure) return { fault: 'too_large', message }
  const code = /\b(?:ORA|NJS)-\d{3,5}\b/.exec(message)?.[0] ?? ''
  if (/ORA-0?1017|ORA-28000|ORA-28001|ORA-0?1005/.test(code)) return { fault: 'credentials', message }
  if (/ORA-125(05|14|16|18)|NJS-51[78]/.test(code)) return { fault: 'database', message }
  if (/ORA-0?0054|ORA-0?4021|ORA-30006/.test(code)) return { fault: 'locked', message }
  if (/NJS-123|NJS-510|ORA-0?1013|ORA-12170|ORA-3156/.test(code)) return { fault: 'timeout', message }
  if (/ORA-0?1456|ORA-16000/.test(code)) return { fault: 'writes', message }
  if (/ORA-0?1031|ORA-41900/.test(code)) return { fault: 'denied', message }
  if (/ORA-0?0018|ORA-0?0020|ORA-12519|ORA-12520/.test(code)) return { fault: 'full', message }
  if (/ECONNREFUSED/.test(message)) return { fault: 'refused', message }
  if (/NJS-(109|112|113|114|115|503|505|538)|protocol|packet/i.test(message) && !/ended|closed|lost/i.test(message)) {
    return { fault: 'foreign', message }
  }
  if (/NJS-500|NJS-501|ORA-0?3113|ORA-0?3114|ORA-125(37|47)|ECONNRESET|closed|ended/i.test(message)) {
    return { fault: 'lost', message }
  }
  return { fault: 'query', message }
}
