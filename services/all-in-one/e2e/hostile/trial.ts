import { expect } from 'vitest'
import { eventually } from '../child.ts'
import type { Neighbours } from './neighbours.ts'
import { type ApiKey, forgetPeak, memoryOf, type World } from './world.ts'

/** What a case has at hand: the product, and names of its own. */
export interface Trial {
  readonly world: World
  /** Nobody else's key. */
  readonly key: ApiKey
  /** Nobody else's name, of letters and digits. */
  readonly name: string
  readonly startedMs: number
}

/** A hostile input: what is sent, and what exactly has to come of it. */
export interface HostileInput {
  readonly what: string
  /** Sends it as a client would, and answers in a line what came back; empty where nothing does. */
  send(trial: Trial): Promise<string>
  readonly answers: string | RegExp
  /** Reasons of the dead letters that it leaves, each once and in alphabetical order; none without it. */
  readonly letters?: readonly string[]
  /** Counter that has to move, with labels; `status.filtered` and `status.refused` are those of the MQTT source. */
  readonly counts: readonly [name: string, labels?: Readonly<Record<string, string>>]
}

/** What all inputs of a door have in common. */
export interface Door {
  readonly name: string
  readonly inputs: readonly HostileInput[]
  /** Query of `GET /api/v1/dead-letters` that finds the letters of a case and of no other. */
  lettersOf(trial: Trial): Readonly<Record<string, string>>
}

/** More than any input may take for itself, nor may all of them together leave behind. */
const GROWTH_MB_MAX = 200
const MEMORY_MB_MAX = 900
const WITHIN_MS = 20_000

let trials = 0

export async function trialOf(world: World): Promise<Trial> {
  trials += 1
  const name = `t${trials}x`
  return { world, name, key: await world.makeKey(name), startedMs: Date.now() }
}

/** Sends an input and checks everything that the product promises of it. */
export async function tryInput(world: World, neighbours: Neighbours, door: Door, input: HostileInput): Promise<void> {
  const trial = await trialOf(world)
  const before = await world.counter(...input.counts)
  neighbours.enter(`${door.name}: ${input.what}`)
  forgetPeak(world.pid)
  const { nowMb } = memoryOf(world.pid)

  const answer = await input.send(trial)
  if (typeof input.answers === 'string') expect(answer).toBe(input.answers)
  else expect(answer).toMatch(input.answers)
  await eventually(`counter ${input.counts.join(' ')} moves`, WITHIN_MS, async () =>
    (await world.counter(...input.counts)) > before ? true : undefined,
  )
  await expectLetters(world, door.lettersOf(trial), input.letters ?? [])
  await neighbours.wentOn()

  const { peakMb } = memoryOf(world.pid)
  expect(peakMb - nowMb, 'memory that it took, MiB').toBeLessThan(GROWTH_MB_MAX)
  expect(peakMb, 'memory, MiB').toBeLessThan(MEMORY_MB_MAX)
}

async function expectLetters(
  world: World,
  query: Readonly<Record<string, string>>,
  expected: readonly string[],
): Promise<void> {
  const reasons = async (): Promise<string[]> => {
    const { status, body } = await world.api('GET', `/api/v1/dead-letters?limit=200&${new URLSearchParams(query)}`)
    expect(status, JSON.stringify(body)).toBe(200)
    return [...new Set((body.items as { reason: string }[]).map(({ reason }) => reason))].sort()
  }
  if (expected.length > 0) {
    await expect.poll(reasons, { timeout: WITHIN_MS, interval: 50 }).toEqual(expected)
  } else expect(await reasons()).toEqual([])
}
