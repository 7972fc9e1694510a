import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { afterAll, expect, test } from 'vitest'
import { createFileFlows, readFileFlows } from './file-flows.ts'
import { createFlowStore } from './flow-store.ts'
import { writeFlowYaml } from './flow-yaml.ts'
import { readFlow } from './read-flow.ts'
import { smallFlow } from './testing/checks-contract.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-file-flows-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const settings = (yaml: object) => ({ env: {}, yaml, file: join(directory, 'driftline.yaml') })

function write(name: string, flow: object): void {
  const read = readFlow(flow)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  mkdirSync(join(directory, 'flows'), { recursive: true })
  writeFileSync(join(directory, 'flows', name), writeFlowYaml(read.definition))
}

test('keeps what files define, follows their changes and leaves what people made alone', async () => {
  const deps = { logger: createLogger('fatal'), clock: systemClock }
  const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps)
  await metadata.start()
  const store = createFlowStore({ metadata, clock: systemClock })
  await store.create('default', smallFlow('Taken', { owner: 'a person' }), 'user:1')
  const follow = async (yaml: object): Promise<string[]> => {
    await createFileFlows({ flows: readFileFlows(settings(yaml)) }, { ...deps, metadata }).start()
    return (await store.list('default')).map(({ id, managedBy, version }) => `${id} ${managedBy} ${version}`)
  }
  write('a.yaml', smallFlow('From a file'))
  write('ignored.txt', smallFlow('Not this one'))
  const yaml = { flows: [smallFlow('Inline'), smallFlow('Taken')], flow_files: ['flows/*.yaml'] }
  const first = ['flow:from-a-file file 1', 'flow:inline file 1', 'flow:taken user 1']
  expect(await follow(yaml)).toEqual(first)
  expect(await follow(yaml)).toEqual(first)
  write('a.yaml', smallFlow('From a file', { owner: 'ops' }))
  expect(await follow({ flow_files: ['flows/*.yaml'] })).toEqual(['flow:from-a-file file 2', 'flow:taken user 1'])
  expect(await store.get('default', 'flow:taken')).toMatchObject({ definition: { owner: 'a person' } })
  await metadata.stop()
})

test('says all that is wrong, and where', () => {
  write('b.yaml', smallFlow('Same'))
  writeFileSync(join(directory, 'flows/bad.yaml'), 'name: Bad\nsteps: []\n')
  const read = () =>
    readFileFlows(settings({ flows: [smallFlow('Same'), { name: 'x' }], flow_files: ['flows/b*.yaml', 'none.yaml'] }))
  expect(read).toThrowError(
    /flows\.1\.steps: [\s\S]*bad\.yaml:2 steps: [\s\S]*none\.yaml cannot be read[\s\S]*two are called Same/,
  )
})
