import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { CheckFailure } from '../../check-type.ts'
import { timeUp } from '../../net/connect-failures.ts'
import type { ChildAnswer, ChildQuestion } from './child-protocol.ts'

/** Processes that answer questions, kept for a while because starting one takes a tenth of a second. */
export interface ChildPool {
  /**
   * Asks one; the question is put together when the process is ready for it. When the signal aborts, that process is ended, whatever it does. Errors: CheckFailure `timeout`,
   * `host_busy` when too many wait already, `connection_lost` when the process ended by itself.
   */
  ask(question: () => ChildQuestion, signal: AbortSignal): Promise<ChildAnswer>
}

export interface ChildPoolConfig {
  readonly childrenMax: number
  readonly waitingMax: number
  readonly idleMs: number
}

interface Idle {
  readonly child: ChildProcess
  readonly timer: NodeJS.Timeout
}

export function createChildPool({ childrenMax, waitingMax, idleMs }: ChildPoolConfig): ChildPool {
  const idle: Idle[] = []
  const waiting: (() => void)[] = []
  let running = 0

  const take = (): ChildProcess => {
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      clearTimeout(last.timer)
      if (last.child.connected) return last.child
    }
    return startChild()
  }
  const keep = (child: ChildProcess): void => {
    const timer = setTimeout(() => {
      const at = idle.findIndex((each) => each.child === child)
      if (at >= 0) idle.splice(at, 1)
      child.kill('SIGKILL')
    }, idleMs)
    timer.unref()
    idle.push({ child, timer })
  }
  const enter = async (signal: AbortSignal): Promise<void> => {
    if (running < childrenMax) {
      running++
      return
    }
    if (waiting.length >= waitingMax) {
      throw new CheckFailure('host_busy', `${waiting.length} other statements wait for their turn`, {
        hint: 'Let fewer checks of this kind run at the same time',
        retry: 'always',
      })
    }
    const startedMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(go), 1)
        reject(timeUp('Waiting for a turn', startedMs, signal.reason))
      }
      if (signal.aborted) return reject(timeUp('Waiting for a turn', startedMs, signal.reason))
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.push(go)
    })
  }
  /** A place is handed on to who waited longest. */
  const leave = (): void => {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }

  return {
    async ask(question, signal) {
      await enter(signal)
      try {
        const child = take()
        const answer = await askChild(child, question, signal)
        keep(child)
        return answer
      } finally {
        leave()
      }
    },
  }
}

/** Ends the child unless it answers. */
function askChild(child: ChildProcess, question: () => ChildQuestion, signal: AbortSignal): Promise<ChildAnswer> {
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const finish = (end: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      child.off('message', onMessage).off('exit', onExit).off('error', onExit)
      child.unref()
      child.channel?.unref()
      end()
    }
    const fail = (failure: CheckFailure): void =>
      finish(() => {
        child.kill('SIGKILL')
        reject(failure)
      })
    const onAbort = (): void => fail(timeUp('The query', startedMs, signal.reason))
    const onMessage = (answer: ChildAnswer): void => {
      if ('ready' in answer) child.send(question(), (error) => error && onExit())
      else finish(() => resolve(answer))
    }
    const onExit = (): void => {
      fail(new CheckFailure('connection_lost', 'The process that reads the database ended', { retry: 'always' }))
    }
    child.ref()
    child.channel?.ref()
    child.on('message', onMessage).once('exit', onExit).once('error', onExit)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    // One that was kept has said that it is ready long ago.
    if (isReady(child)) child.send(question(), (error) => error && onExit())
  })
}

const ready = new WeakSet<ChildProcess>()

function isReady(child: ChildProcess): boolean {
  return ready.has(child)
}

function startChild(): ChildProcess {
  const { file, loader } = childEntry()
  const child = spawn(process.execPath, [...loader, file], {
    // Its own small environment: no secret of the parent, no time zone of the machine.
    env: { TZ: 'UTC', LANG: 'C.UTF-8', HOME: '/nonexistent' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  child.once('message', () => ready.add(child))
  return child
}

/** From source the child is TypeScript and needs the loader; in the bundle it stands beside this file. */
function childEntry(): { file: string; loader: string[] } {
  const isSource = import.meta.url.endsWith('.ts')
  const file = fileURLToPath(new URL(isSource ? './database-child.ts' : './database-child.js', import.meta.url))
  if (!isSource) return { file, loader: [] }
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return { file, loader: ['--import', pathToFileURL(tsx).href] }
}
