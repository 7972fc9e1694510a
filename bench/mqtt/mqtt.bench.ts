/**
 * MQTT messages parsed and durable on the embedded bus: `npx tsx bench/mqtt/mqtt.bench.ts [embedded|mosquitto] [5|3.1.1]`.
 * 1,000 publishers, 100-byte JSON of three readings, QoS 1; publishers, broker and service on the same cores. Latency is
 * from the time in a message to durable. `twice` offers twice what was reached before: memory must stay.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startMosquitto } from '../../infra/servers/mosquitto.ts'
import type { PublishersReport } from './publishers.ts'
import type { ReaderArguments, ReaderReport } from './reader-child.ts'

const SECONDS = 10
const WARM_UP_SECONDS = 3
const PUBLISHERS = 1000
const TSX = ['--import', 'tsx']

interface Figures {
  readonly messagesPerSecond: number
  readonly samplesPerSecond: number
  readonly p50: number
  readonly p99: number
  /** From PUBLISH to PUBACK, as publishers see it. */
  readonly pubackP99: number
  readonly cpu: number
  readonly rssMiB: number
  readonly refused: number
}

async function measure(port: number, reader: ChildProcess, perSecond: number, window: number): Promise<Figures> {
  const script = join(import.meta.dirname, 'publishers.ts')
  const args = [...TSX, script, String(port), String(PUBLISHERS), String(perSecond), String(window)]
  const publishers = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  // They say something once all of them are connected.
  await new Promise<void>((resolve) => publishers.stdout.once('data', () => resolve()))
  const acknowledged: number[] = []
  createInterface(publishers.stdout).on('line', (line) => acknowledged.push((JSON.parse(line) as PublishersReport).p99))
  const reports: ReaderReport[] = []
  const keep = (report: ReaderReport): void => void reports.push(report)
  reader.on('message', keep)
  while (reports.length < WARM_UP_SECONDS + SECONDS) await new Promise((resolve) => setTimeout(resolve, 200))
  reader.off('message', keep)
  publishers.kill()
  const counted = reports.slice(WARM_UP_SECONDS)
  const [first, last] = [reports[WARM_UP_SECONDS - 1]!, counted.at(-1)!]
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
  const perSecondOf = (to: number, from: number): number => (to - from) / counted.length
  return {
    messagesPerSecond: perSecondOf(last.messages, first.messages),
    samplesPerSecond: perSecondOf(last.samples, first.samples),
    p50: middle(counted.map(({ p50 }) => p50)),
    p99: middle(counted.map(({ p99 }) => p99)),
    pubackP99: middle(acknowledged.slice(WARM_UP_SECONDS)),
    cpu: counted.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) / counted.length,
    rssMiB: Math.max(...counted.map(({ rssMiB }) => rssMiB)),
    refused: last.refused,
  }
}

const columns = [
  'broker',
  'load',
  'messages/s',
  'samples/s',
  'p50 ms',
  'p99 ms',
  'puback p99',
  'cores',
  'MiB',
  'refused',
]
const widths = [16, 12, 12, 12, 8, 8, 11, 7, 6, 8]
const print = (cells: readonly (string | number)[]): void => {
  const text = cells.map((cell, at) => (at < 2 ? String(cell).padEnd(widths[at]!) : String(cell).padStart(widths[at]!)))
  process.stdout.write(`${text.join(' ')}\n`)
}

async function bench(kind: string, protocol: ReaderArguments['protocol']): Promise<void> {
  const broker = kind === 'mosquitto' ? await startMosquitto() : null
  const where: ReaderArguments = { url: broker?.url ?? 'embedded', protocol }
  const reader = fork(join(import.meta.dirname, 'reader-child.ts'), [JSON.stringify(where)], { execArgv: TSX })
  const { port } = await new Promise<{ port: number }>((resolve) => reader.once('message', resolve as never))
  const brokerPort = broker === null ? port : Number(new URL(broker.url).port)
  const title = broker === null ? 'embedded' : `mosquitto ${protocol}`
  const run = async (load: string, perSecond: number, window: number): Promise<Figures> => {
    const figures = await measure(brokerPort, reader, perSecond, window)
    const { messagesPerSecond, samplesPerSecond, p50, p99, pubackP99, cpu, rssMiB, refused } = figures
    const rates = [messagesPerSecond, samplesPerSecond].map((rate) => Math.round(rate))
    print([title, load, ...rates, p50, p99, pubackP99, cpu.toFixed(2), Math.round(rssMiB), refused])
    return figures
  }
  await run('5,000/s', 5000, 20)
  const most = await run('all they can', 0, 4)
  await run('twice', Math.round(most.messagesPerSecond * 2), 100)
  reader.send('stop')
  await new Promise((resolve) => reader.once('exit', resolve))
  await broker?.stop()
}

const [kind, protocol] = process.argv.slice(2)
print(columns)
if (kind !== 'mosquitto') await bench('embedded', '3.1.1')
if (kind !== 'embedded' && protocol !== '3.1.1') await bench('mosquitto', '5')
if (kind !== 'embedded' && protocol !== '5') await bench('mosquitto', '3.1.1')
