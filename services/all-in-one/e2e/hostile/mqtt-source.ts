import { eventually } from '../child.ts'
import type { World } from './world.ts'

const time = { path: '$.ts', format: 'ms' }
const mappings = [
  {
    topic: 'steady/{machine}',
    process: 'device:steady:{machine}',
    payload: 'json',
    time,
    fields: [{ path: '$.value', metric: 'level' }],
  },
  { topic: 'json/{name}', process: 'device:json:{name}', payload: 'json' },
  {
    topic: 'field/{name}',
    process: 'device:field:{name}',
    payload: 'json',
    time,
    fields: [
      { path: '$.value', metric: 'level' },
      { path: '$.took', metric: 'took', unit: 's', role: 'executionTime' },
      { path: '$.list[*].v', metric: 'each' },
    ],
  },
  { topic: 'number/{name}', process: 'device:number:{name}', payload: 'number', metric: 'level' },
  {
    topic: 'csv/{name}',
    process: 'device:csv:{name}',
    payload: 'csv',
    csv: { header: false, columns: ['a', 'b'] },
    fields: [
      { path: 'a', metric: 'a' },
      { path: 'b', metric: 'b' },
    ],
  },
  {
    topic: 'record/{name}',
    process: 'device:record:{name}',
    payload: 'json',
    fields: [{ path: '$.amount', metric: 'amount' }],
    rules: [{ name: 'large', expression: 'amount > 1,00,000' }],
    keepRecords: true,
  },
]

/** Gives the source of the embedded broker mappings of every kind; resolves when they are in force. */
export async function mapTopics(world: World): Promise<string> {
  const definition = { mappings, sparkplug: { groups: [] }, discover: ['#'] }
  const { body: list } = await world.api('GET', '/api/v1/sources?kind=mqtt')
  const [known] = list.items as { source: string }[]
  const source =
    known === undefined ? await addSource(world, definition) : await change(world, known.source, definition)
  await eventually('the mappings are in force', 15_000, async () => {
    const { body: detail } = await world.api('GET', `/api/v1/sources/${source}`)
    const [instance] = detail.instances as { parts: { name: string }[] }[]
    return instance?.parts.some(({ name }) => name === mappings[0]!.topic) ? true : undefined
  })
  return source
}

async function addSource(world: World, definition: object): Promise<string> {
  const wish = { kind: 'mqtt', name: 'plant', definition: { broker: { url: 'embedded' }, ...definition } }
  const { status, body } = await world.api('POST', '/api/v1/sources', wish)
  if (status !== 201) throw new Error(`the source was not taken: ${status} ${JSON.stringify(body)}`)
  return body.source as string
}

async function change(world: World, source: string, definition: object): Promise<string> {
  const { body: known } = await world.api('GET', `/api/v1/sources/${source}`)
  const { name, revision } = known
  const wish = { name, active: true, revision, definition: { ...known.definition, ...definition } }
  const { status, body } = await world.api('PUT', `/api/v1/sources/${source}`, wish)
  if (status !== 200) throw new Error(`the mappings were not taken: ${status} ${JSON.stringify(body)}`)
  return source
}
