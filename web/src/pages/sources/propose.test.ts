import { expect, it } from 'vitest'
import { proposeMapping, templateOf } from './propose.ts'
import { matchTopic } from './template.ts'

it.each([
  [
    'acme/plant-a/press/press-1/telemetry',
    'acme/{site}/press/{machine}/telemetry',
    'device:{site}:{machine}',
    undefined,
  ],
  ['plant/press-1/temp', '{site}/{machine}/{metric}', 'device:{site}:{machine}', '{metric}'],
  ['press-1/temp', '{machine}/{metric}', 'device:{machine}', '{metric}'],
  ['acme/hall/climate/data', 'acme/{site}/{machine}/data', 'device:{site}:{machine}', undefined],
  ['lonely', 'lonely', 'device:lonely', undefined],
  ['', '', 'device:machine', undefined],
])('%j is proposed as %s', (topic, template, process, metric) => {
  const found = templateOf(topic)
  expect(found).toEqual({ topic: template, process, ...(metric ? { metric } : {}) })
  if (topic) expect(matchTopic(found.topic, topic, [])).not.toBeNull()
})

it('takes what the service proposes', () => {
  const topic = {
    topic: 'a/b',
    perSecond: 1,
    last: '',
    payload: 'json',
    example: '',
    proposal: { topic: 'a/{x}', process: 'device:{x}' },
  }
  expect(proposeMapping(topic)).toMatchObject({ topic: 'a/{x}', process: 'device:{x}', payload: 'auto', role: 'level' })
  expect(proposeMapping({ ...topic, proposal: null }).topic).toBe('{machine}/{metric}')
})
