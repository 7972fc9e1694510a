import type { SqlFault, SqlParameter, SqlRows } from './engine.ts'

/** What a child is asked, over IPC: one statement. Credentials go this way and no other. */
export type ChildQuestion = SqliteQuestion | OracleQuestion

interface Statement {
  readonly text: string
  readonly parameters: readonly SqlParameter[]
  readonly rowsMax: number
  readonly statementMs: number
  readonly lockMs: number
}

export interface SqliteQuestion extends Statement {
  readonly engine: 'sqlite'
  readonly path: string
}

export interface OracleQuestion extends Statement {
  readonly engine: 'oracle'
  readonly host: string
  readonly port: number
  readonly service: string
  readonly tls: 'off' | 'on' | 'verify'
  readonly username: string
  readonly password: string
  readonly wallet: string
  readonly walletPassphrase: string
  /** The only ones that the driver may connect to. */
  readonly addresses: readonly string[]
}

/** Says that the child has loaded, and later what came of the question. */
export type ChildAnswer =
  | { readonly ready: true }
  | { readonly rows: SqlRows }
  | { readonly fault: SqlFault | 'foreign' | 'refused' | 'too_large' | 'address'; readonly message: string }
