import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { batchOf, connectAgent } from './agent-client.ts'
import type { CrashRigArguments } from './crash-rig.ts'

/** An intake that is a process of its own. */
export interface Rig {
  readonly port: number
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  kill(): void
}

export async function startRig(args: CrashRigArguments): Promise<Rig> {
  const script = fileURLToPath(new URL('./crash-rig.ts', import.meta.url))
  const child: ChildProcess = fork(script, [JSON.stringify(args)], { execArgv: ['--import', 'tsx'] })
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message: { port: number }) => resolve(message.port))
    child.once('exit', (code) => reject(new Error(`the intake ended with ${code} before it was ready`)))
  })
  return { port, gone, kill: () => void child.kill('SIGKILL') }
}

/** An agent's spool: sends what is not acknowledged, until the stream ends or all is. Answers what is acknowledged. */
export async function stream(port: number, from: number, to: number, times: readonly number[]): Promise<number> {
  const agent = connectAgent(port, 'any-key')
  agent.hello()
  agent.define()
  for (let sequence = from; sequence <= to; sequence++) {
    const batch = batchOf(times[sequence]!, sequence, { values: [sequence, sequence] })
    agent.send({ case: 'batch', value: batch })
  }
  agent.finish()
  await agent.ended
  agent.close()
  const acknowledged = agent.replies.flatMap((reply) =>
    reply.case === 'acknowledgement' ? [Number(reply.value.sequence)] : [],
  )
  return Math.max(from - 1, ...acknowledged)
}
