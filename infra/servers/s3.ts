import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  findFreePort,
  missing,
  runUntilSignal,
  type ServerProcess,
  startServerProcess,
  type TrialServer,
} from './server-process.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const POM = join(ROOT, 'infra/s3/pom.xml')
const DOWNLOAD_TIMEOUT_MS = 300_000
const run = promisify(execFile)

const QUIET_LOG = `<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%level %msg%n</pattern></encoder></appender>
  <root level="info"><appender-ref ref="out"/></root>
</configuration>
`

/**
 * S3Proxy on a free port of loopback, with objects in memory. It was chosen because it checks signatures as Amazon's
 * service does, is run in production by others, and comes from Maven like our Kafka; servers made for trials mostly let
 * any signature pass. The address names the access key and its secret. Errors: code `missing` without Java or Maven.
 */
export async function startS3(): Promise<TrialServer> {
  const java = findProgram('java', 'openjdk-17-jre-headless')
  const libraries = await fetchLibraries()
  const directory = mkdtempSync(join(tmpdir(), 'driftline-s3-'))
  const port = await findFreePort()
  const [accessKey, secretKey] = ['driftline-access', 'driftline-secret']
  const properties = {
    's3proxy.authorization': 'aws-v2-or-v4',
    's3proxy.endpoint': `http://127.0.0.1:${port}`,
    's3proxy.identity': accessKey,
    's3proxy.credential': secretKey,
    'jclouds.provider': 'transient-nio2',
    'jclouds.identity': 'local',
    'jclouds.credential': 'local',
  }
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(join(directory, 's3proxy.properties'), lines.join(''))
  writeFileSync(join(directory, 'logback.xml'), QUIET_LOG)
  const memory = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const log = `-Dlogback.configurationFile=${join(directory, 'logback.xml')}`
  const main = ['org.gaul.s3proxy.Main', '--properties', join(directory, 's3proxy.properties')]
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command: java,
      args: [...memory, log, '-cp', join(libraries, '*'), ...main],
      cwd: directory,
      logFile: join(directory, 's3.log'),
      readyText: 'Started Server@',
    })

  let running = await launch()
  return {
    url: `http://${accessKey}:${secretKey}@127.0.0.1:${port}/`,
    async stop() {
      await running.end('SIGTERM')
      rmSync(directory, { recursive: true, force: true })
    },
    crash: () => running.end('SIGKILL'),
    async restart() {
      running = await launch()
    },
  }
}

/** Answers the directory of the jars. They are fetched once, aside, and moved into place when they are complete. */
async function fetchLibraries(): Promise<string> {
  const version = /<artifactId>s3proxy<\/artifactId>\s*<version>([^<]+)</.exec(await readFile(POM, 'utf8'))?.[1]
  const cache = join(ROOT, '.cache', `s3proxy-${version}`)
  if (existsSync(cache)) return cache
  const maven = findProgram('mvn', 'maven')
  const fetched = `${cache}.${process.pid}`
  await mkdir(join(ROOT, '.cache'), { recursive: true })
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${fetched}`]
  await run(maven, ['-q', '-B', '-f', POM, ...goal], { timeout: DOWNLOAD_TIMEOUT_MS })
  await rename(fetched, cache).catch(async (error: unknown) => {
    // Another test run was quicker; its jars are the same.
    await rm(fetched, { recursive: true, force: true })
    if (!existsSync(cache)) throw error
  })
  return cache
}

function findProgram(name: string, debianPackage: string): string {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path))
  if (found === undefined) throw missing(`The S3 server needs ${name} (Debian package ${debianPackage})`)
  return found
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startS3)
