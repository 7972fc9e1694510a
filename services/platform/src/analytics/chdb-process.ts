import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { libchdbPath } from 'chdb/libchdb'
import type { ChdbChildArguments } from './chdb-child.ts'

/** One life of the embedded server. */
export interface ChdbProcess {
  readonly pid: number
  /** What it wrote to standard error last, for messages. */
  readonly lastWords: () => string
  /** Resolves when it is gone, with its exit status or signal in words. */
  readonly gone: Promise<string>
  readonly isGone: () => boolean
  kill(): void
}

const LAST_WORDS_CHARACTERS_MAX = 4000

/** Keeps the listener open: a read that sleeps three seconds a row, alone on one thread, for ever. */
const KEEP_LISTENING = [
  'SYSTEM START LISTEN HTTP',
  [
    'SELECT sleepEachRow(3) FROM system.numbers FORMAT Null SETTINGS max_block_size=1, max_threads=1',
    'function_sleep_max_microseconds_per_block=3600000000',
  ].join(', '),
].join('; ')

export interface ChdbLaunch {
  readonly dataPath: string
  readonly configFile: string
  readonly port: number
}

/** Starts libchdb in a process of its own; it may or may not come to listen. */
export function launchChdb(launch: ChdbLaunch): ChdbProcess {
  const child = spawnChild(launch)
  let lastWords = ''
  let isGone = false
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-LAST_WORDS_CHARACTERS_MAX)
  })
  const gone = new Promise<string>((resolve) => {
    const settle = (how: string): void => {
      isGone = true
      resolve(how)
    }
    child.once('error', (error) => settle(error.message))
    child.once('exit', (status, signal) => settle(signal === null ? `status ${status}` : `signal ${signal}`))
  })
  return {
    pid: child.pid ?? 0,
    lastWords: () => lastWords.trim(),
    gone,
    isGone: () => isGone,
    kill: () => child.kill('SIGKILL'),
  }
}

function spawnChild({ dataPath, configFile, port }: ChdbLaunch): ChildProcess {
  const childArguments: ChdbChildArguments = {
    library: libchdbPath(),
    parentPid: process.pid,
    argv: [
      'clickhouse',
      `--path=${dataPath}`,
      `--config-file=${configFile}`,
      '--listen_host=127.0.0.1',
      `--http_port=${port}`,
      '--log-level=error',
      '--multiquery',
      `--query=${KEEP_LISTENING}`,
    ],
  }
  const { file, loader } = childEntry()
  return spawn(process.execPath, [...loader, file, JSON.stringify(childArguments)], {
    // The server keeps the schemas of inserts in its working directory.
    cwd: dirname(configFile),
    // Its own small environment: no secret of the parent, no time zone of the machine, memory given back soon.
    env: { TZ: 'UTC', LANG: 'C.UTF-8', MALLOC_CONF: 'dirty_decay_ms:1000,muzzy_decay_ms:0' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

/** From source the child is TypeScript and needs the loader; in the bundle it stands beside this file. */
function childEntry(): { file: string; loader: string[] } {
  const isSource = import.meta.url.endsWith('.ts')
  const file = fileURLToPath(new URL(isSource ? './chdb-child.ts' : './chdb-child.js', import.meta.url))
  if (!isSource) return { file, loader: [] }
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return { file, loader: ['--import', pathToFileURL(tsx).href] }
}
