import { DataType, load, open } from 'ffi-rs'

/**
 * The process that carries the embedded ClickHouse server: it loads libchdb and runs ClickHouse's command line on a
 * thread of its own, where a query that never ends keeps the HTTP listener open. Started by `embedded-server.ts` with
 * an IPC channel and ended by it; it outlives its parent by nothing.
 */
export interface ChdbChildArguments {
  readonly library: string
  readonly argv: readonly string[]
  readonly parentPid: number
}

/** Exit statuses by which the parent tells what happened. */
const childExit = { orphaned: 70, returned: 71, failed: 72 } as const

const PR_SET_PDEATHSIG = 1
const SIGKILL = 9
const PARENT_CHECK_MS = 500

/** The kernel ends this process with its parent, even when this thread hangs. Linux with glibc; elsewhere IPC does it. */
function dieWithParent(): void {
  if (process.platform !== 'linux') return
  open({ library: 'libc', path: 'libc.so.6' })
  load({
    library: 'libc',
    funcName: 'prctl',
    retType: DataType.I32,
    paramsType: [DataType.I32, DataType.I64],
    paramsValue: [PR_SET_PDEATHSIG, SIGKILL],
  })
}

function endWhenOrphaned(parentPid: number): void {
  const end = (): never => process.exit(childExit.orphaned)
  process.on('disconnect', end)
  setInterval(() => {
    if (process.ppid !== parentPid) end()
  }, PARENT_CHECK_MS).unref()
  if (process.ppid !== parentPid) end()
}

async function serve({ library, argv, parentPid }: ChdbChildArguments): Promise<void> {
  dieWithParent()
  endWhenOrphaned(parentPid)
  // A signal to the whole process group (Ctrl-C) is for the parent, which ends this process when it has drained.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  open({ library: 'chdb', path: library })
  load({
    library: 'chdb',
    funcName: 'chdb_set_signal_handlers_enabled',
    retType: DataType.Void,
    paramsType: [DataType.I32],
    paramsValue: [0],
  })
  await load({
    library: 'chdb',
    funcName: 'chdb_query_cmdline',
    retType: DataType.External,
    paramsType: [DataType.I32, DataType.StringArray],
    paramsValue: [argv.length, [...argv]],
    runInNewThread: true,
  })
}

if (process.argv[2]?.startsWith('{"library":')) {
  serve(JSON.parse(process.argv[2]) as ChdbChildArguments).then(
    () => process.exit(childExit.returned),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(childExit.failed)
    },
  )
}
