import type { SqlConfig, SqlEngine } from '@driftline/checks/types/stores'
import type { Json } from '@driftline/platform/metadata/tables'
import {
  type CheckAnswer,
  type CheckContext,
  CheckFailure,
  type CheckTools,
  type CreateCheckType,
} from '../../check-type.ts'
import { realPathOf, refuseUnlessFile } from '../file/local-path.ts'
import { engineTitles, type OpenSql, type SqlAccess, type SqlRows, type SqlTarget, whereOf } from './engine.ts'
import { openMysql } from './mysql.ts'
import { createOpenOracle } from './oracle.ts'
import { openPostgresql } from './postgresql.ts'
import { readOnlyStatement } from './read-only.ts'
import { createOpenSqlite } from './sqlite.ts'
import { openSqlServer } from './sqlserver.ts'
import { invalid, loginOf, readTarget } from './target.ts'

const RESULT_ROWS_MAX = 20
const RESULT_COLUMNS_MAX = 20
const RESULT_CELL_MAX = 80

/** One query at a database, which only reads: a connection per attempt, nothing is left behind. */
export const createSqlType: CreateCheckType<'sql'> = (tools) => {
  const openers: Readonly<Record<SqlEngine, OpenSql>> = {
    postgresql: openPostgresql,
    mysql: openMysql,
    sqlserver: openSqlServer,
    oracle: createOpenOracle(),
    sqlite: createOpenSqlite(),
  }
  return {
    name: 'sql',
    async run(config, context) {
      const place = readTarget(config)
      const statement = readOnlyStatement(config.query, place.engine)
      const target: SqlTarget = { ...place, login: await signIn(tools, context, config, place) }
      const { tenant, signal } = context
      const leave = place.host === '' ? null : await tools.limits.enter(tenant, place.host, signal, place.port)
      try {
        const startedMs = performance.now()
        const answer = await ask(openers[target.engine], target, accessOf(tools, context, target), statement, config)
        const latencyMs = performance.now() - startedMs
        const rows = answer.rows.length === 1 ? '1 row' : `${answer.rows.length} rows`
        context.log(`${engineTitles[target.engine]} answered ${rows} in ${latencyMs.toFixed(1)} ms`)
        if (answer.more) throw tooMany(config.rowsMax)
        return answerOf(answer, latencyMs, tools.clock.nowMs())
      } finally {
        leave?.()
      }
    },
  }
}

async function ask(
  open: OpenSql,
  target: SqlTarget,
  access: SqlAccess,
  statement: string,
  config: SqlConfig,
): Promise<SqlRows> {
  const connection = await open(target, access)
  try {
    return await connection.query(statement, config.parameters, config.rowsMax)
  } finally {
    await connection.close()
  }
}

async function signIn(
  tools: CheckTools,
  context: CheckContext,
  { credential }: SqlConfig,
  { engine, host }: Omit<SqlTarget, 'login'>,
): Promise<SqlTarget['login']> {
  if (engine === 'sqlite') return { username: '', password: '', identity: null }
  if (credential === undefined) {
    throw invalid(`${engineTitles[engine]} needs a credential with user name and password`)
  }
  const { tenant, signal } = context
  return loginOf(
    await tools.credentials.open(credential, { tenant, host, signal, secret: (text) => context.secret(text) }),
  )
}

function accessOf(tools: CheckTools, context: CheckContext, target: SqlTarget): SqlAccess {
  const { tenant, signal, deadlineMs } = context
  return {
    connect: (until) => tools.guard.connect(tenant, target.host, target.port, until),
    async addresses() {
      const found = await tools.guard.resolve(tenant, target.host, target.port, signal)
      return found.map(({ address }) => address)
    },
    async realPath() {
      const path = await realPathOf(target.database, tools.files.allowedRoots)
      if (path !== null) {
        await refuseUnlessFile(path)
        return path
      }
      throw new CheckFailure('file_missing', `There is no file ${whereOf(target)}`, {
        hint: 'Check the path; the file must be on the machine that runs the checks',
      })
    },
    deadlineMs,
    signal,
  }
}

function answerOf({ columns, rows }: SqlRows, latencyMs: number, nowMs: number): CheckAnswer {
  const cellsOf = (path: string): Json[] | undefined => {
    const at = columnIndex(columns, path)
    return at < 0 ? undefined : rows.map((row) => row[at] ?? null)
  }
  return {
    fact(of, path) {
      switch (of) {
        case 'rows':
          return rows.length
        case 'latency':
          return latencyMs
        case 'value':
          return path === undefined ? rows[0]?.[0] : cellsOf(path)?.[0]
        case 'column':
          if (path === undefined) throw invalid('The fact "column" needs the name of a column as its path')
          return cellsOf(path)?.[0]
        case 'age':
          return path === undefined
            ? ageOf(
                rows.slice(0, 1).map((row) => row[0] ?? null),
                columns[0] ?? '',
                nowMs,
              )
            : ageOf(cellsOf(path) ?? [], path, nowMs)
        default:
          return undefined
      }
    },
    result: {
      rowCount: rows.length,
      latencyMs: Math.round(latencyMs * 10) / 10,
      columns: columns.slice(0, RESULT_COLUMNS_MAX).map((name) => name.slice(0, RESULT_CELL_MAX)),
      rows: rows.slice(0, RESULT_ROWS_MAX).map((row) => row.slice(0, RESULT_COLUMNS_MAX).map(cutCell)),
    },
    rows: async () => rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at] ?? null]))),
  }
}

/** As written, else in whatever case: Oracle answers in capitals. */
function columnIndex(columns: readonly string[], name: string): number {
  const exact = columns.indexOf(name)
  return exact >= 0 ? exact : columns.findIndex((column) => column.toLowerCase() === name.toLowerCase())
}

function cutCell(cell: Json): Json {
  if (cell === null || typeof cell === 'number' || typeof cell === 'boolean') return cell
  const text = typeof cell === 'string' ? cell : JSON.stringify(cell)
  if (text.length <= RESULT_CELL_MAX) return cell
  return `${text.slice(0, RESULT_CELL_MAX - 1)}…`
}

/** Seconds since the newest of these times; a time without a zone is taken to be in UTC. */
function ageOf(cells: readonly Json[], name: string, nowMs: number): number | undefined {
  const times = cells.filter((cell) => cell !== null).map((cell) => timeOf(cell, name))
  return times.length === 0 ? undefined : (nowMs - times.reduce((a, b) => Math.max(a, b))) / 1000
}

/** Numbers are Unix times: in seconds, or in milliseconds when seconds would be after the year 5138. */
function timeOf(cell: Json, name: string): number {
  if (typeof cell === 'number') return cell >= 1e11 ? cell : cell * 1000
  const text = typeof cell === 'string' ? cell.trim() : ''
  const iso = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text)
  const ms = iso === null ? Number.NaN : Date.parse(`${iso[1]}T${iso[2] ?? '00:00'}${iso[3] ?? 'Z'}`)
  if (!Number.isNaN(ms)) return ms
  throw new CheckFailure(
    'answer_invalid',
    `"${name}" is ${String(JSON.stringify(cell)).slice(0, 60)}, which is no time`,
    {
      hint: 'Let the query answer a timestamp, or seconds since 1970',
      retry: 'never',
    },
  )
}

function tooMany(rowsMax: number): CheckFailure {
  return new CheckFailure('rows_too_many', `The query answered more than ${rowsMax} rows`, {
    hint: 'Count or limit in the query, or raise rowsMax (10,000 at most)',
    retry: 'never',
  })
}
