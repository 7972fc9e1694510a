import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const PASSWORD = 'benchmark-only-password'

/** The built product in a temporary directory. */
export interface RunningProduct {
  readonly address: string
  readonly readyMs: number
  /** The server and all its children. */
  pids(): number[]
  signIn(): Promise<string>
  stop(): Promise<void>
}

export function temporaryDataDir(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'driftline-bench-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export async function startProduct(dataDir: string): Promise<RunningProduct> {
  const startedAtMs = performance.now()
  const child = spawn(process.execPath, [join(root, 'services/all-in-one/dist/main.js')], {
    cwd: dataDir,
    env: {
      PATH: process.env.PATH,
      DRIFTLINE_DATA_DIR: dataDir,
      DRIFTLINE_HTTP_PORT: '0',
      DRIFTLINE_GRPC_PORT: '0',
      DRIFTLINE_MQTT_PORT: '0',
      DRIFTLINE_MONITOR_GRPC_PORT: '0',
      DRIFTLINE_ADMIN_PASSWORD: PASSWORD,
      DRIFTLINE_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const address = await addressOf(child)
  const readyMs = performance.now() - startedAtMs
  const ended = new Promise((resolve) => child.once('exit', resolve))
  return {
    address,
    readyMs,
    pids: () => [child.pid ?? 0, ...childrenOf(child.pid ?? 0)],
    async signIn() {
      const response = await fetch(`${address}/api/v1/sessions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'admin', password: PASSWORD }),
      })
      return ((await response.json()) as { token: string }).token
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const match = /ready at (\S+)/.exec(output)
      if (match?.[1]) resolve(match[1])
    })
    child.once('exit', (code) => reject(new Error(`the product ended with ${code} before it was ready`)))
  })
}

function childrenOf(pid: number): number[] {
  const direct = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  return direct.flatMap((child) => [child, ...childrenOf(child)])
}

/** Resident memory, bytes, and CPU time used since the process began, milliseconds. */
export function usageOf(pid: number): { residentBytes: number; cpuMs: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return {
    residentBytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
  }
}
