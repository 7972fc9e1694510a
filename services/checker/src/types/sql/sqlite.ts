import { CheckFailure } from '../../check-type.ts'
import { createChildPool } from './child-pool.ts'
import type { ChildAnswer } from './child-protocol.ts'
import {
  notThisEngine,
  type OpenSql,
  type SqlConnection,
  type SqlRows,
  type SqlTarget,
  serverTimes,
  sqlFailure,
  tooLarge,
  whereOf,
} from './engine.ts'

const IDLE_MS = 30_000

/**
 * Files of SQLite, each statement in a process of its own: SQLite computes on the thread that asks, and nothing but the
 * end of the process would stop it.
 */
export function createOpenSqlite(): OpenSql {
  const pool = createChildPool({ childrenMax: 4, waitingMax: 1000, idleMs: IDLE_MS })
  return async (target, access): Promise<SqlConnection> => {
    const path = await access.realPath()
    return {
      async query(text, parameters, rowsMax) {
        const question = { engine: 'sqlite', path, text, parameters, rowsMax } as const
        const ask = () => ({ ...question, ...serverTimes(access.deadlineMs) })
        return rowsOf(await pool.ask(ask, access.signal), target)
      },
      async close() {},
    }
  }
}

/** Errors: CheckFailure for what the child could not do. */
export function rowsOf(answer: ChildAnswer, target: SqlTarget): SqlRows {
  if ('rows' in answer) return answer.rows
  if ('ready' in answer) throw new Error('a child answered twice')
  const { fault, message } = answer
  switch (fault) {
    case 'foreign':
      throw notThisEngine(target, message)
    case 'too_large':
      throw tooLarge()
    case 'address':
      throw new CheckFailure('address_refused', `${whereOf(target)} sent us on to another address: ${message}`, {
        hint: 'Use the address of the instance itself',
        retry: 'never',
      })
    case 'refused':
      throw new CheckFailure('connection_refused', `${whereOf(target)} refused the connection`, {
        hint: 'Check that the service runs and listens on this port',
        retry: 'always',
      })
    default:
      throw sqlFailure(fault, target, message)
  }
}
