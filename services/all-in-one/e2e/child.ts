import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../../..')

/** A service started as an operating-system process of its own, in a process group of its own. */
export interface RunningChild {
  readonly pid: number
  /** Everything it has written so far, both streams. */
  output(): string
  /** Signals its whole process group, as a terminal or a supervisor does, and waits for its end. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** The same for the process alone, as the kernel does when memory is short. */
  endAlone(signal: NodeJS.Signals): Promise<number | null>
  /** Its exit code once it has ended; null when a signal ended it. */
  readonly ended: Promise<number | null>
  /** Resolves with the first match in its output; rejects when it ends before or `timeoutMs` passes. */
  prints(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray>
}

export function runService(
  name: string,
  env: Record<string, string>,
  cwd: string,
  args: readonly string[] = [],
): RunningChild {
  return runScript(name, [`services/${name}/dist/main.js`, ...args], env, cwd)
}

/** The agent's one file, as it is installed on a host. */
export function runAgent(env: Record<string, string>, cwd: string): RunningChild {
  return runScript('agent', ['services/agent/dist/driftline-agent.mjs'], env, cwd)
}

/** Runs a script of the checkout, given by its path there and its arguments. */
export function runScript(
  name: string,
  [script = '', ...args]: readonly string[],
  env: Record<string, string>,
  cwd: string,
): RunningChild {
  const child = spawn(process.execPath, [join(root, script), ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return observe(name, child)
}

export function observe(name: string, child: ChildProcess): RunningChild {
  let output = ''
  const listeners = new Set<() => void>()
  const collect = (chunk: Buffer): void => {
    output += chunk.toString()
    for (const listener of listeners) listener()
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), signal)
      return ended
    },
    async endAlone(signal) {
      child.kill(signal)
      return ended
    },
    ended,
    async prints(pattern, timeoutMs) {
      let timer: NodeJS.Timeout | undefined
      try {
        return await new Promise((resolve, reject) => {
          const look = (): void => {
            const match = pattern.exec(output)
            if (match) resolve(match)
          }
          listeners.add(look)
          const fail = (why: string): void => reject(new Error(`${name} ${why} before printing ${pattern}:\n${output}`))
          timer = setTimeout(() => fail(`had ${timeoutMs} ms`), timeoutMs)
          void ended.then((code) => fail(`ended with ${code}`))
          look()
        })
      } finally {
        clearTimeout(timer)
        listeners.clear()
      }
    },
  }
}

/** A port that was free a moment ago, for services that others must find. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Asks until `probe` answers something other than undefined. What it threw last is the cause when time runs out. */
export async function eventually<T>(what: string, timeoutMs: number, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + timeoutMs
  let cause: unknown
  while (Date.now() < deadline) {
    try {
      const value = await probe()
      if (value !== undefined) return value
    } catch (error) {
      cause = error
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${what} did not happen within ${timeoutMs} ms`, { cause })
}
