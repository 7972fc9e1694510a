// From an anomaly stored on the bus to the first byte at a webhook: embedded bus, SQLite, a receiver in this process.
//   npx tsx bench/detection/delivery/delivery.bench.ts [anomalies] [per second]
import { setTimeout as sleep } from 'node:timers/promises'
import { readAlerterConfig } from '@driftline/alerter/config'
import { anomalyOf, eventually } from '@driftline/alerter/testing/alerter-test-kit'
import { startReceiver } from '@driftline/alerter/testing/receiver'
import { startStack } from '@driftline/alerter/testing/stack'

const [count = 300, perSecond = 20] = process.argv.slice(2).map(Number)

const receiver = await startReceiver()
const alerting = { alert_channels: [{ channel: 'webhook', url: receiver.url }] }
const stack = await startStack({
  config: readAlerterConfig({ env: {}, yaml: { process_monitor: { alerting } }, file: null }),
})
const nowMs = (): number => performance.timeOrigin + performance.now()
const publishedAtMs = new Map<string, number>()
const storedAtMs = new Map<string, number>()
const startMs = nowMs()
for (let i = 0; i < count; i++) {
  await sleep(Math.max(0, startMs + (i * 1000) / perSecond - nowMs()))
  const process = `os:web-${i}:nginx`
  publishedAtMs.set(process, nowMs())
  await stack.publish(anomalyOf({ id: `an_${i}`, process }))
  storedAtMs.set(process, nowMs())
}
await eventually('every alert is told of', () => receiver.received.length >= count, 60_000)

const times = receiver.received.map(({ processId, atMs }) => atMs - publishedAtMs.get(processId)!).sort((a, b) => a - b)
const stored = [...storedAtMs].map(([id, atMs]) => atMs - publishedAtMs.get(id)!).sort((a, b) => a - b)
const at = (sorted: number[], share: number): string =>
  `${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1)} ms`
const line = (what: string, sorted: number[]): string =>
  `${what.padEnd(36)} p50 ${at(sorted, 0.5)}   p90 ${at(sorted, 0.9)}   p99 ${at(sorted, 0.99)}   max ${at(sorted, 1)}\n`
process.stdout.write(`${count} anomalies, ${perSecond} per second\n`)
process.stdout.write(line('publish until stored', stored))
process.stdout.write(line('publish until heard at the webhook', times))
await stack.stop()
await receiver.stop()
