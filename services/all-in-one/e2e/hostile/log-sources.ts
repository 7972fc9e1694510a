import { eventually } from '../child.ts'
import type { World } from './world.ts'

/** Adds a source and resolves with its id once the service that reads it has taken it up. */
export async function addSource(
  world: World,
  kind: 'file' | 'syslog',
  name: string,
  definition: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { status, body } = await world.api('POST', '/api/v1/sources', { kind, name, definition })
  if (status !== 201) throw new Error(`the source was not taken: ${status} ${JSON.stringify(body)}`)
  await eventually(`source ${name} is read`, 20_000, async () => {
    const { body: detail } = await world.api('GET', `/api/v1/sources/${body.source}`)
    const states = (detail.instances as { state: string }[]).map(({ state }) => state)
    return states.some((state) => state === 'waiting' || state === 'receiving') ? true : undefined
  })
  return body.source as string
}

export async function removeSource(world: World, id: string): Promise<void> {
  await world.api('DELETE', `/api/v1/sources/${id}`)
}

/** Bodies of the lines of a source, oldest first; at most a thousand. */
export async function linesOf(world: World, source: string): Promise<string[]> {
  const { status, body } = await world.api('GET', `/api/v1/logs?source=${source}&limit=1000`)
  if (status !== 200) throw new Error(`the search answered ${status} ${JSON.stringify(body)}`)
  return (body.items as { body: string }[]).map((line) => line.body).reverse()
}
