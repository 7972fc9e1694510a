import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** A broker of our own on loopback. */
export interface KafkaServer {
  /** `127.0.0.1:<port>`, for the list of brokers. */
  readonly url: string
  /** Stops it and deletes its records unless they are kept in a directory that was given. */
  stop(): Promise<void>
  /** Ends it as a crash would; `start` goes on with the same port and records. */
  kill(): Promise<void>
  start(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const POM = join(ROOT, 'infra/kafka/pom.xml')
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 15_000
const DOWNLOAD_TIMEOUT_MS = 300_000
const run = promisify(execFile)

/**
 * Runs java and ends it when standard input closes, which happens however the parent ends. The watcher reads a copy
 * of standard input, because a shell gives its background commands an empty one.
 */
const WATCHED_JAVA = `
exec 3<&0
java "$@" </dev/null & java=$!
{ cat <&3 >/dev/null; kill -TERM "$java"; } 2>/dev/null & watch=$!
wait "$java"; code=$?
kill "$watch" 2>/dev/null
exit "$code"
`

/** Starts a single Kafka node in KRaft mode. Throws an Error with code `missing` when Java or Maven is not installed. */
export async function startKafka(): Promise<KafkaServer> {
  const libraries = await fetchLibraries()
  const directory = await mkdtemp(join(tmpdir(), 'driftline-kafka-'))
  const [port, controllerPort] = await freePorts(2)
  const url = `127.0.0.1:${port}`
  const properties = join(directory, 'server.properties')
  await writeFile(properties, serverProperties(directory, port!, controllerPort!))
  await java(libraries, ['kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', properties])
  let broker: ChildProcess | null = null

  const start = async (): Promise<void> => {
    broker = spawnBroker(libraries, properties)
    try {
      await ready(broker, port!)
    } catch (error) {
      await end(broker, 'SIGKILL')
      throw error
    }
  }
  const endBroker = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (broker !== null) await end(broker, signal)
    broker = null
  }
  const stop = async (): Promise<void> => {
    await endBroker('SIGTERM')
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop, start, kill: () => endBroker('SIGKILL') }
}

/** Answers the class path. The jars are fetched once, aside, and moved into place when they are complete. */
async function fetchLibraries(): Promise<string> {
  const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([^<]+)</.exec(await readFile(POM, 'utf8'))?.[1]
  const cache = join(ROOT, '.cache', `kafka-${version}`)
  if (!existsSync(cache)) {
    await requireProgram('mvn', 'Maven (Debian package maven)')
    const fetched = `${cache}.${process.pid}`
    await mkdir(join(ROOT, '.cache'), { recursive: true })
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${fetched}`]
    await run('mvn', ['-q', '-B', '-f', POM, ...goal], { timeout: DOWNLOAD_TIMEOUT_MS })
    await rename(fetched, cache).catch(async (error: unknown) => {
      // Another test run was quicker; its jars are the same.
      await rm(fetched, { recursive: true, force: true })
      if (!existsSync(cache)) throw error
    })
  }
  await requireProgram('java', 'Java 17 or later (Debian package openjdk-17-jre-headless)')
  return join(cache, '*')
}

async function requireProgram(program: string, whatToInstall: string): Promise<void> {
  try {
    await run(program, ['-version'])
  } catch {
    throw Object.assign(new Error(`Kafka needs ${whatToInstall}`), { code: 'missing' })
  }
}

/** Small and quick to start: one partition for the internal topics, no rebalance delay, little memory. */
function serverProperties(directory: string, port: number, controllerPort: number): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': join(directory, 'log'),
    'auto.create.topics.enable': false,
    'group.initial.rebalance.delay.ms': 0,
    'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
    'log.index.size.max.bytes': 1024 * 1024,
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'num.recovery.threads.per.data.dir': 1,
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

const JVM_OPTIONS = ['-Xms96m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

/** An id must not start with a dash, which would read as an option. */
function clusterId(): string {
  const bytes = randomBytes(16)
  bytes[0]! &= 0x3f
  return bytes.toString('base64url')
}

async function java(libraries: string, command: readonly string[]): Promise<void> {
  await run('java', [...JVM_OPTIONS, '-cp', libraries, ...command], { timeout: START_TIMEOUT_MS })
}

function spawnBroker(libraries: string, properties: string): ChildProcess {
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
  const command = [...JVM_OPTIONS, logging, '-cp', libraries, 'kafka.Kafka', properties]
  // In a process group of its own, so that a crash can be staged for the shell and the JVM together.
  return spawn('/bin/sh', ['-c', WATCHED_JAVA, 'kafka', ...command], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  })
}

/** Resolves when the broker answers a request; a listening socket alone says too little. */
async function ready(broker: ChildProcess, port: number): Promise<void> {
  let complaints = ''
  broker.stderr!.on('data', (text: Buffer) => {
    complaints = (complaints + text.toString()).slice(-4000)
  })
  const deadline = Date.now() + START_TIMEOUT_MS
  while (Date.now() < deadline) {
    if (broker.exitCode !== null) throw new Error(`Kafka ended while starting: ${complaints}`)
    if (await answers(port)) return
    await sleep(100)
  }
  throw new Error(`Kafka did not answer within ${START_TIMEOUT_MS} ms: ${complaints}`)
}

/** Asks for the API versions (request 18, version 0, without a client id) and waits for any answer. */
function answers(port: number): Promise<boolean> {
  const request = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    const finish = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.setTimeout(2000, () => finish(false))
    socket.once('data', () => finish(true))
    socket.once('error', () => finish(false))
    socket.once('close', () => finish(false))
  })
}

async function end(broker: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (broker.exitCode !== null || broker.signalCode !== null) return
  const ended = new Promise<void>((resolve) => broker.once('exit', () => resolve()))
  const killGroup = (): boolean => process.kill(-broker.pid!, 'SIGKILL')
  if (signal === 'SIGKILL') killGroup()
  else broker.stdin!.end()
  const giveUp = setTimeout(killGroup, STOP_TIMEOUT_MS)
  await ended
  clearTimeout(giveUp)
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** `npx tsx infra/servers/kafka.ts` prints the address and runs until it is interrupted. */
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const server = await startKafka()
  process.stdout.write(`${server.url}\n`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.stop())
}
