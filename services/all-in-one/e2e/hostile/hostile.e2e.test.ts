import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../child.ts'
import { expectLetterSays, expectReport, fillTenant, sendManyMachines, sendMillionLabels } from './cardinality.ts'
import { definitionDoor } from './definition-inputs.ts'
import { fileDoor } from './file-inputs.ts'
import { addSource } from './log-sources.ts'
import { mqttDoor } from './mqtt-inputs.ts'
import { mapTopics } from './mqtt-source.ts'
import { type Neighbours, startNeighbours } from './neighbours.ts'
import { otlpDoors } from './otlp-inputs.ts'
import { pushDoors } from './push-inputs.ts'
import { remoteWriteDoor } from './remote-write-inputs.ts'
import { slowDoor } from './slow-inputs.ts'
import { sparkplugDoor } from './sparkplug-inputs.ts'
import { type SyslogPlace, syslogDoor } from './syslog-inputs.ts'
import { trialOf, tryInput } from './trial.ts'
import { limits, memoryOf, startWorld, type World } from './world.ts'

let world: World
let neighbours: Neighbours
let syslog: SyslogPlace
let mqttSource: string

beforeAll(async () => {
  world = await startWorld()
  mqttSource = await mapTopics(world)
  const port = await freePort()
  const reading = { format: 'rfc5424', patterns: false }
  const source = await addSource(world, 'syslog', 'hostile', { udpPort: port, tcpPort: port, reading })
  syslog = { source, port }
  neighbours = await startNeighbours(world)
})
afterAll(async () => {
  await neighbours?.stop()
  await world?.stop()
})

describe.each([
  ...pushDoors,
  ...otlpDoors,
  remoteWriteDoor,
  mqttDoor,
  sparkplugDoor,
  fileDoor,
  syslogDoor(() => syslog),
  definitionDoor,
])('$name', (door) => {
  test.each(door.inputs.map((input) => [input.what, input] as const))('%s', async (_what, input) => {
    await tryInput(world, neighbours, door, input)
  })
})

test('slow ones are ended, each in its time, while others are served', async () => {
  await Promise.all(slowDoor.inputs.map((input) => tryInput(world, neighbours, slowDoor, input)))
})

describe('more series than a tenant may have', () => {
  test('a million sets of labels of one source: who it was and by which label is said, and others go on', async () => {
    const trial = await trialOf(world)
    const before = memoryOf(world.pid).nowMb
    neighbours.enter('a million sets of labels')
    expect(await sendMillionLabels(trial)).toBe(Math.ceil((limits.pushSeries * 2) / 3))
    const source = `push:remote-write:${trial.key.id}`
    await expectReport(trial, source, source, 'attribute order of noisy', '1000 or more')
    await expectLetterSays(trial, source, source, 'attribute order of noisy')
    await neighbours.wentOn()
    expect(memoryOf(world.pid).nowMb - before).toBeLessThan(200)
  })

  test('a second one meets the limit of the tenant, and is told that the first has most of it', async () => {
    const trial = await trialOf(world)
    neighbours.enter('the limit of a tenant')
    const told = await fillTenant(trial)
    expect(told).toContain('series_too_many')
    expect(told).toContain(`${limits.pushSeries} series a tenant may have`)
    expect(told).toContain('attribute order of noisy')
    await neighbours.wentOn()
  })

  test('over MQTT machines beyond the limit are refused, and the steady one goes on', async () => {
    const trial = await trialOf(world)
    neighbours.enter('too many machines')
    await sendManyMachines(trial)
    await expectLetterSays(trial, mqttSource, 'series a source may have', 'the process')
    await expectReport(trial, mqttSource, 'series a source may have', 'the process')
    await neighbours.wentOn()
  })
})

test('after all of it the neighbours have every sample once, and nothing was logged as a fault of ours', async () => {
  await neighbours.finish()
  // What the bus hands over again is no loss, and told of by the store.
  const faults = world
    .output()
    .split('\n')
    .filter((line) => /"level":"(error|fatal)"/.test(line) && !line.includes('trying again'))
  expect(faults).toEqual([])
})
