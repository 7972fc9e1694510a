import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A real server on loopback, for tests and trials. Its data is gone after `stop`. */
export interface TrialServer {
  readonly url: string
  stop(): Promise<void>
  /** Ends it as a crash would; its data and its address stay. */
  crash(): Promise<void>
  /** Starts it again after `crash`, at the same address. */
  restart(): Promise<void>
}

export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Runs as this user; for servers that refuse root. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  readonly logFile: string
  /** What the log says once it can be used. */
  readonly readyText: string
}

export interface ServerProcess {
  /** Sends the signal and waits until the server has ended. */
  end(signal: NodeJS.Signals): Promise<void>
}

const START_TIMEOUT_MS = 60_000

/**
 * The shell ends the server when its own input closes: that happens even if our process is killed, and works where
 * there is no death signal for children. It prints the server's process id.
 */
const LEASH =
  'log=$1; shift; "$@" >>"$log" 2>&1 & child=$!; echo $child; cat >/dev/null; kill -TERM $child 2>/dev/null; wait $child'

export async function startServerProcess(server: ServerCommand): Promise<ServerProcess> {
  const alreadyLogged = readLog(server.logFile).length
  const leash = spawn('/bin/sh', ['-c', LEASH, 'leash', server.logFile, server.command, ...server.args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: server.cwd,
    ...server.owner,
  })
  const ended = new Promise<void>((resolve) => leash.once('close', () => resolve()))
  const [line] = (await leash.stdout.setEncoding('utf8').take(1).toArray()) as string[]
  const pid = Number(line)
  const isAlive = (): boolean => {
    try {
      process.kill(pid, 0)
      return !/^State:\s+Z/m.test(readLog(`/proc/${pid}/status`))
    } catch {
      return false
    }
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (isAlive()) process.kill(pid, signal)
    while (isAlive()) await sleep(5)
    leash.stdin.end()
    await ended
  }

  const giveUpAtMs = Date.now() + START_TIMEOUT_MS
  for (;;) {
    const log = readLog(server.logFile).slice(alreadyLogged)
    if (log.includes(server.readyText)) return { end }
    if (!isAlive() || Date.now() > giveUpAtMs) {
      await end('SIGKILL')
      throw new Error(`${server.command} did not start:\n${log.slice(-2000)}`)
    }
    await sleep(20)
  }
}

export async function findFreePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export function missing(what: string): Error {
  return Object.assign(new Error(what), { code: 'missing' })
}

/** For `npx tsx infra/servers/<name>.ts`: prints the address and runs until SIGINT or SIGTERM. */
export async function runUntilSignal(start: () => Promise<TrialServer>): Promise<void> {
  const server = await start()
  process.stdout.write(`${server.url}\n`)
  await new Promise((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
    // Keeps this process alive while it waits.
    setInterval(() => {}, 60_000)
  })
  await server.stop()
  process.exit(0)
}

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
