import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mqttDoor } from './mqtt-inputs.ts'
import { mapTopics } from './mqtt-source.ts'
import { type Neighbours, startNeighbours } from './neighbours.ts'
import { otlpDoors } from './otlp-inputs.ts'
import { pushDoors } from './push-inputs.ts'
import { remoteWriteDoor } from './remote-write-inputs.ts'
import { sparkplugDoor } from './sparkplug-inputs.ts'
import { tryInput } from './trial.ts'
import { startWorld, type World } from './world.ts'

let world: World
let neighbours: Neighbours

beforeAll(async () => {
  world = await startWorld()
  await mapTopics(world)
  neighbours = await startNeighbours(world)
})
afterAll(async () => {
  await neighbours?.stop()
  await world?.stop()
})

describe.each([...pushDoors, ...otlpDoors, remoteWriteDoor, mqttDoor, sparkplugDoor])('$name', (door) => {
  test.each(door.inputs.map((input) => [input.what, input] as const))('%s', async (_what, input) => {
    await tryInput(world, neighbours, door, input)
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
