import { createChildPool } from './child-pool.ts'
import { type OpenSql, type SqlConnection, serverTimes } from './engine.ts'
import { rowsOf } from './sqlite.ts'
import { invalid } from './target.ts'

const IDLE_MS = 30_000

/**
 * Oracle through the driver's thin mode. It makes its own sockets and follows a listener that sends it elsewhere, so it
 * runs in a process where only the addresses that the guard allowed can be connected to.
 */
export function createOpenOracle(): OpenSql {
  const pool = createChildPool({ childrenMax: 8, waitingMax: 1000, idleMs: IDLE_MS })
  return async (target, access): Promise<SqlConnection> => {
    if (target.database === '') throw invalid('The URL of Oracle names the service: oracle://host:1521/service')
    if (/[\s()=?&"']/.test(target.database)) throw invalid('The service of the URL holds characters that none has')
    // The guard's own errors are better than the driver's, and a refused connection is found before a process is used.
    const probe = await access.connect(access.signal)
    probe.destroy()
    const addresses = await access.addresses()
    const { username, password, identity } = target.login
    return {
      async query(text, parameters, rowsMax) {
        const answer = await pool.ask(
          () => ({
            engine: 'oracle',
            host: target.host,
            port: target.port,
            service: target.database,
            tls: target.tls,
            username,
            password,
            wallet:
              identity === null ? '' : [identity.key, identity.certificate, identity.authorities ?? ''].join('\n'),
            walletPassphrase: identity?.passphrase ?? '',
            addresses,
            text,
            parameters,
            rowsMax,
            ...serverTimes(access.deadlineMs),
          }),
          access.signal,
        )
        return rowsOf(answer, target)
      },
      async close() {},
    }
  }
}
