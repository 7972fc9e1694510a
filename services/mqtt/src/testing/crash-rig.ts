import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Bus } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { decodeSamples, topics } from '@driftline/proto'
import { plantSource, startSources } from './sources-rig.ts'

export interface CrashRigArguments {
  readonly url: string
  readonly protocol: '5' | '3.1.1'
  readonly dataDir: string
  /** The process kills itself when so many samples are durable and before it acknowledges the last; 0 never. */
  readonly killAfter: number
}

export function openBus(dataDir: string): Bus {
  const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
  return createEmbeddedBus({ dataDir, topics }, deps)
}

/** Every value that is on the bus. */
export async function valuesOn(bus: Bus): Promise<number[]> {
  const values: number[] = []
  for (let partition = 0; partition < bus.partitionsOf(topics.samples.name); partition++) {
    for (const { value } of await bus.read(topics.samples.name, partition, 0, Number.MAX_SAFE_INTEGER)) {
      values.push(...(decodeSamples(value)?.value ?? []))
    }
  }
  return values
}

/** Starts the process that a crash test kills; resolves when it reads. */
export async function startCrashRig(args: CrashRigArguments): Promise<{ gone: Promise<void>; kill(): void }> {
  const script = fileURLToPath(import.meta.url)
  const child: ChildProcess = fork(script, [JSON.stringify(args)], { execArgv: ['--import', 'tsx'] })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`it ended with ${code} before it was ready`)))
  })
  return { gone, kill: () => void child.kill('SIGKILL') }
}

async function run({ url, protocol, dataDir, killAfter }: CrashRigArguments): Promise<void> {
  const bus = openBus(dataDir)
  await bus.start()
  let durable = 0
  const publish: Bus['publish'] = async (records) => {
    await bus.publish(records)
    for (const { topic, value } of records) {
      if (topic === topics.samples.name) durable += decodeSamples(value)?.value.length ?? 0
    }
    if (killAfter > 0 && durable >= killAfter) process.kill(process.pid, 'SIGKILL')
  }
  const { sources, told } = await startSources({ ...bus, publish }, { instance: `crash-${process.pid}` })
  await sources.follow([plantSource(url, { broker: { protocol } })], [])
  while (told('plant').state !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 10))
  process.send?.('ready')
}

const args = process.argv[2]
if (args !== undefined && process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  await run(JSON.parse(args) as CrashRigArguments)
}
