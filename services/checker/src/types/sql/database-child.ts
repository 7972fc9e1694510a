import { Worker } from 'node:worker_threads'
import type { ChildAnswer, ChildQuestion } from './child-protocol.ts'

/**
 * A process for drivers that would block ours or connect where they like: SQLite and Oracle. It answers one question at
 * a time, is ended by SIGKILL when the time is over, and outlives its parent by nothing.
 */
function main(): void {
  const parentPid = process.ppid
  process.on('disconnect', () => process.exit(0))
  // A signal to the whole group is for the parent, which ends this process when it has drained.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  endWithParent(parentPid)
  process.on('message', (question: ChildQuestion) => {
    void answer(question).then((said) => process.send?.(said))
  })
  process.send?.({ ready: true } satisfies ChildAnswer)
}

/** In a thread of its own, since a statement of SQLite holds the main one. */
function endWithParent(parentPid: number): void {
  const watch = `setInterval(() => {
    if (process.ppid !== ${parentPid}) process.kill(process.pid, 'SIGKILL')
  }, 500)`
  new Worker(watch, { eval: true, stdin: false }).unref()
}

async function answer(question: ChildQuestion): Promise<ChildAnswer> {
  try {
    if (question.engine === 'sqlite') return (await import('./sqlite-statement.ts')).askSqlite(question)
    return await (await import('./oracle-statement.ts')).askOracle(question)
  } catch (error) {
    return { fault: 'query', message: error instanceof Error ? error.message : String(error) }
  }
}

main()
