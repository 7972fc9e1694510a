import { expect } from 'vitest'
import { eventually } from '../child.ts'
import { headOf, post, rawHttp, SAMPLES, WRITE } from './http-peer.ts'
import { openMqtt } from './mqtt-peer.ts'
import { snappy, writeRequestBytes } from './remote-write-bodies.ts'
import type { Trial } from './trial.ts'
import { limits } from './world.ts'

const PER_REQUEST = 20_000
const DIGITS = 7

/** A million sets of labels over remote write, 20,000 in a request; answers how many were taken. */
export async function sendMillionLabels(trial: Trial): Promise<number> {
  const samples = [{ value: 1, timeMs: Date.now() }]
  const nameOf = (order: number) => String(order).padStart(DIGITS, '0')
  const series = Array.from({ length: PER_REQUEST }, (_, i) => ({
    labels: [
      ['__name__', 'noisy'],
      ['job', trial.name],
      ['order', nameOf(i)],
    ] as const,
    samples,
  }))
  // All series take the same bytes but for the number, so that it is all that has to be written anew.
  const bytes = Buffer.from(writeRequestBytes(series))
  const first = bytes.indexOf(nameOf(0))
  const stride = bytes.length / PER_REQUEST
  const options = { type: 'application/x-protobuf', headers: { 'content-encoding': 'snappy' } }
  let accepted = 0
  for (let from = 0; from < 1_000_000; from += PER_REQUEST) {
    for (let i = 0; i < PER_REQUEST; i++) bytes.write(nameOf(from + i), first + i * stride, 'latin1')
    const told = await post(trial, WRITE, snappy(bytes), options)
    accepted += Number(/^400 (\d+) accepted/.exec(told)?.[1] ?? Number.NaN)
  }
  return accepted
}

/** A second noisy one fills what the first left of the tenant; answers what it was told. */
export async function fillTenant(trial: Trial): Promise<string> {
  const items = Array.from({ length: limits.pushSeries }, (_, i) => ({
    process: 'device:other',
    metric: 'm',
    value: 1,
    attributes: { part: `${i}` },
  }))
  const body = JSON.stringify(items)
  const head = headOf(trial, SAMPLES, [
    'content-type: application/json',
    `content-length: ${body.length}`,
    'connection: close',
  ])
  return rawHttp(trial.world.httpPort, [head, body])
}

/** More machines over MQTT than a source may have series. */
export async function sendManyMachines({ world, name }: Trial): Promise<void> {
  const peer = await openMqtt(world.mqttPort, { clientId: name })
  const payload = Buffer.from('1')
  const all = Array.from({ length: limits.mqttSeriesOfSource }, (_, i) =>
    peer.publish(`number/${name}m${i}`, payload, { qos: 1 }),
  )
  await Promise.all(all)
  await peer.publish(`number/${name}one more`, payload, { qos: 1 })
  peer.destroy()
}

/** The list of sources names who has too many, and by which label. */
export async function expectReport(trial: Trial, source: string, ...words: readonly string[]): Promise<void> {
  const { world } = trial
  await eventually(`the report about ${source}`, 20_000, async () => {
    const { body } = await world.api('GET', '/api/v1/sources?limit=500')
    const items = body.items as { source: string; limitExceeded: string | null; kind: string }[]
    const item = items.find((each) => each.source === source)
    const said = item?.limitExceeded ?? ''
    if (words.every((word) => said.includes(word))) return true
    throw new Error(`it says ${JSON.stringify(item ?? items.map((each) => each.source))}`)
  })
}

/** So do its dead letters. */
export async function expectLetterSays(trial: Trial, source: string, ...words: readonly string[]): Promise<void> {
  await expect
    .poll(
      async () => {
        const { body } = await trial.world.api('GET', `/api/v1/dead-letters?source=${source}&reason=series_too_many`)
        const [letter] = body.items as { detail: string }[]
        return letter !== undefined && words.every((word) => letter.detail.includes(word))
      },
      { timeout: 20_000 },
    )
    .toBe(true)
}
