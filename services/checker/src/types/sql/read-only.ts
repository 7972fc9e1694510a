import type { SqlEngine } from '@driftline/checks/types/stores'
import { CheckFailure } from '../../check-type.ts'
import { readTokens, type SqlToken, UnclearStatement } from './tokens.ts'

const READS = ['SELECT', 'WITH', 'VALUES', 'TABLE']

const firstWords: Readonly<Record<SqlEngine, readonly string[]>> = {
  postgresql: [...READS, 'SHOW', 'EXPLAIN'],
  mysql: [...READS, 'SHOW', 'EXPLAIN'],
  // Here EXPLAIN would write into a table, or does not exist.
  sqlserver: ['SELECT', 'WITH'],
  oracle: ['SELECT', 'WITH'],
  sqlite: ['SELECT', 'WITH', 'VALUES', 'EXPLAIN'],
}

/** Reserved in each engine, or as good as: nobody calls a column so without quotes. */
const WRITING_WORDS = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'INTO'])

/**
 * SQL Server takes several statements without anything between them, and has no transactions that only read. All of
 * these are reserved there.
 */
const SQL_SERVER_WORDS = new Set(
  `ALTER BACKUP BEGIN BREAK BULK CHECKPOINT CLOSE COMMIT CONTINUE CREATE DBCC DEALLOCATE DECLARE DENY DROP DUMP EXEC
  EXECUTE GOTO GRANT IF KILL LOAD OPENDATASOURCE OPENQUERY OPENROWSET PRINT PROC PROCEDURE RAISERROR READTEXT
  RECONFIGURE RESTORE RETURN REVERT REVOKE ROLLBACK SAVE SET SETUSER SHUTDOWN THROW TRUNCATE UPDATETEXT USE WAITFOR
  WHILE WRITETEXT UPDLOCK XLOCK TABLOCK TABLOCKX PAGLOCK HOLDLOCK`.split(/\s+/),
)

/** Functions that do something, or read what is not in the database, even where a transaction only reads. */
const doingFunctions: Readonly<Record<SqlEngine, RegExp>> = {
  postgresql:
    /^(pg_(terminate_|cancel_|reload_|rotate_|read_|ls_|stat_file|stat_reset|advisory_|try_advisory_|switch_|create_|drop_|promote|notify|logical_emit|backup_|start_backup|stop_backup|wal_replay|replication_|copy_|import_|file_|export_snapshot)\w*|set_config|setval|nextval|lo_\w+|dblink\w*|query_to_xml\w*|cursor_to_xml\w*)$/i,
  mysql: /^(load_file|get_lock|release_lock|release_all_locks|master_pos_wait|sys_\w+|nextval|setval|lastval)$/i,
  sqlserver: /^(xp_|sp_|fn_trace)\w*$/i,
  oracle: /^(dbms_|utl_|httpuritype|owa_|apex_)\w*$/i,
  sqlite: /^(load_extension|writefile|readfile|edit|fts3_tokenizer|fsdir)$/i,
}

const EXPLAIN_WORDS = new Set(
  'ANALYZE ANALYSE VERBOSE QUERY PLAN EXTENDED PARTITIONS FORMAT JSON TREE TRADITIONAL'.split(' '),
)

/**
 * Answers the statement without what follows it, such as a last semicolon. Errors: CheckFailure
 * `statement_not_read_only` for all that could change something, for several statements, and for what cannot be read
 * for certain. It is the first of two locks: the second is a transaction that only reads, at the server.
 */
export function readOnlyStatement(statement: string, engine: SqlEngine): string {
  const tokens = tokensOf(statement, engine)
  const end = tokens.findIndex(({ kind, text }) => kind === 'sign' && text === ';')
  if (end >= 0 && tokens.slice(end).some(({ text }) => text !== ';')) throw refused('it is more than one statement')
  const own = end < 0 ? tokens : tokens.slice(0, end)
  const why = reasonAgainst(own, engine)
  if (why !== null) throw refused(why)
  return statement.slice(0, own.at(-1)?.end)
}

function tokensOf(statement: string, engine: SqlEngine): SqlToken[] {
  try {
    return readTokens(statement, engine)
  } catch (error) {
    if (error instanceof UnclearStatement) throw refused(error.message)
    throw error
  }
}

function reasonAgainst(tokens: readonly SqlToken[], engine: SqlEngine): string | null {
  const first = tokens.findIndex((token) => !isSign(token, '('))
  const word = tokens[first]
  if (word === undefined) return 'there is no statement in it'
  if (word.kind !== 'word' || !firstWords[engine].includes(word.text)) {
    return `it begins with ${shown(word)}, not with ${listed(firstWords[engine])}`
  }
  if (word.text === 'EXPLAIN') {
    const explained = skipExplain(tokens, first + 1)
    if (!READS.includes(tokens[explained]?.text ?? '') && !isSign(tokens[explained], '(')) {
      return 'it explains something other than a query'
    }
  }
  for (let at = 0; at < tokens.length; at++) {
    const why = reasonAgainstToken(tokens, at, engine)
    if (why !== null) return why
  }
  return null
}

function skipExplain(tokens: readonly SqlToken[], start: number): number {
  let at = start
  if (isSign(tokens[at], '(') && !READS.includes(tokens[at + 1]?.text ?? '') && !isSign(tokens[at + 1], '(')) {
    while (at < tokens.length && !isSign(tokens[at], ')')) at++
    at++
  }
  while (EXPLAIN_WORDS.has(tokens[at]?.text ?? '') || isSign(tokens[at], '=')) at++
  return at
}

function reasonAgainstToken(tokens: readonly SqlToken[], at: number, engine: SqlEngine): string | null {
  const token = tokens[at]!
  const next = tokens[at + 1]
  if (token.kind === 'escaped_text' && (next?.kind === 'text' || next?.kind === 'escaped_text')) {
    return 'a string with escapes in it goes on in another'
  }
  const isCalled = isSign(next, '(')
  const isFunction = isCalled || engine === 'oracle'
  if ((token.kind === 'word' || token.kind === 'name') && isFunction && doingFunctions[engine].test(token.text)) {
    return `it calls ${token.text.toLowerCase()}`
  }
  if (token.kind !== 'word') return null
  const isColumn = isSign(tokens[at - 1], '.') && engine !== 'sqlserver'
  if (engine === 'oracle' && token.text === 'NEXTVAL') return 'it takes the next number of a sequence'
  if (isColumn) return null
  if (WRITING_WORDS.has(token.text)) {
    if (token.text === 'INSERT' && isCalled && engine === 'mysql') return null
    if (token.text === 'MERGE' && /^(JOIN|UNION)$/.test(next?.text ?? '') && engine === 'sqlserver') return null
    const hint = token.text === 'INTO' ? '' : ' (a column of that name must be quoted)'
    return `${token.text} stands in it${hint}`
  }
  if (engine === 'sqlserver' && SQL_SERVER_WORDS.has(token.text)) return `${token.text} stands in it`
  const following = next?.kind === 'word' ? next.text : ''
  if (token.text === 'FOR' && /^(SHARE|NO|KEY)$/.test(following)) return `it locks rows (FOR ${following})`
  if (token.text === 'LOCK' && following === 'IN') return 'it locks rows (LOCK IN SHARE MODE)'
  if (token.text === 'WITH' && /^(FUNCTION|PROCEDURE)$/.test(following))
    return `it defines a ${following.toLowerCase()}`
  if (token.text === 'NEXT' && following === 'VALUE') return 'it takes the next number of a sequence'
  return null
}

function isSign(token: SqlToken | undefined, text: string): boolean {
  return token?.kind === 'sign' && token.text === text
}

function shown(token: SqlToken): string {
  return token.kind === 'word' ? token.text.slice(0, 30) : `"${token.text.slice(0, 30)}"`
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function refused(why: string): CheckFailure {
  return new CheckFailure('statement_not_read_only', `The statement was not sent: ${why}`, {
    hint: 'Write one query that only reads; what changes data has no place in a check',
    retry: 'never',
  })
}
