import type { ReplayAnswer } from '@driftline/ingest/request-types'
import { createRequestDesk, type ReplayTask } from '@driftline/ingest/source-requests'
import type { Component } from '@driftline/platform/lifecycle'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { deadLetterRecord } from './testing/records.ts'

const now = Date.now()
const minutesAgo = (minutes: number): number => now - minutes * 60_000
const text = (payload: string) => ({ payload: Buffer.from(payload), payloadSize: BigInt(payload.length) })
const replayable = (id: string, payload: string) => ({
  service: 'mqtt',
  source: 'src_1',
  subject: 'plant/a/press',
  id,
  replayable: true,
  ...text(payload),
})

let kit: GatewayKit
let desk: Component
const tasks: ReplayTask[] = []

/** What the service that reads the source would do. */
async function replay(task: ReplayTask): Promise<ReplayAnswer> {
  tasks.push(task)
  const payload = Buffer.from(task.payload, 'base64').toString('utf8')
  if (payload.includes('broken')) return { outcome: 'refused', reason: 'json_invalid', detail: 'still not JSON' }
  return { outcome: 'accepted', samples: 2, rows: 1 }
}

beforeAll(async () => {
  kit = await startGatewayKit()
  await kit.keep(
    deadLetterRecord(minutesAgo(90), 'json_invalid', 'default', replayable('letter-1', '{"a":1}')),
    deadLetterRecord(minutesAgo(30), 'json_invalid', 'default', replayable('letter-2', 'broken {')),
    deadLetterRecord(minutesAgo(20), 'time_too_old', 'default', {
      ...replayable('letter-3', '{"t":1}'),
      replayable: false,
    }),
    deadLetterRecord(minutesAgo(10), 'old_letter'),
    deadLetterRecord(minutesAgo(5), 'json_invalid', 'default', {
      ...replayable('letter-4', '{"b":2}'),
      subject: 'plant/b',
    }),
    deadLetterRecord(minutesAgo(5), 'json_invalid', 'other', replayable('letter-5', '{"secret":1}')),
  )
  const { metadata, sealer, clock, logger } = kit.gatewayDeps
  const handlers = { replay, preview: async () => undefined }
  desk = createRequestDesk({ service: 'mqtt', instance: 'test' }, { metadata, sealer, clock, logger, handlers })
  await desk.start()
})
afterAll(async () => {
  await desk?.stop()
  await kit?.end()
})

const ids = async (query: string): Promise<string[]> =>
  (await kit.request(`/api/v1/dead-letters?${query}`)).body.items.map(({ id }: { id: string }) => id)

describe('dead letters', () => {
  it.each([
    ['', ['letter-4', '', 'letter-3', 'letter-2', 'letter-1']],
    ['reason=json_invalid', ['letter-4', 'letter-2', 'letter-1']],
    ['service=intake', ['']],
    ['source=src_1&subject=plant/b', ['letter-4']],
    ['q=BROKEN', ['letter-2']],
    ['replayable=false', ['', 'letter-3']],
    [`from=${minutesAgo(25)}&to=${minutesAgo(15)}`, ['letter-3']],
    ['q=secret', []],
  ])('are found by %s', async (query, expected) => {
    expect(await ids(query)).toEqual(expected)
  })

  it('are shown with their bytes, as text where they are text', async () => {
    const { body } = await kit.request('/api/v1/dead-letters/letter-1')
    expect(body).toMatchObject({ subject: 'plant/a/press', text: '{"a":1}', hex: '7b2261223a317d', replay: null })
    expect(Buffer.from(body.payload, 'base64').toString()).toBe('{"a":1}')
    const [old] = (await kit.request('/api/v1/dead-letters?service=intake')).body.items
    expect(old).toMatchObject({ payload: Buffer.of(1, 2, 255).toString('base64'), replayable: false })
    expect((await kit.request('/api/v1/dead-letters/letter-5')).status).toBe(404)
  })

  it('are summed up by reason, service and source over a day', async () => {
    const { body } = await kit.request('/api/v1/dead-letters/summary')
    expect(body.total).toBe(5)
    expect(body.items[0]).toMatchObject({
      reason: 'json_invalid',
      service: 'mqtt',
      source: 'src_1',
      count: 3,
      replayable: 3,
      subject: 'plant/b',
    })
    expect(body.items[0].counts).toHaveLength(24)
    expect(body.items[0].counts.reduce((a: number, b: number) => a + b)).toBe(3)
  })

  it('are taken in again when somebody may, and say what became of them', async () => {
    const path = '/api/v1/dead-letters/letter-2/replay'
    expect((await kit.request(path, { method: 'POST', token: kit.access.viewer })).status).toBe(403)
    const refused = await kit.request(path, { method: 'POST', token: kit.access.operator })
    expect(refused.status, refused.text).toBe(200)
    expect(refused.body.replay).toMatchObject({ state: 'refused', reason: 'json_invalid', detail: 'still not JSON' })
    expect(tasks.at(-1)).toMatchObject({ letter: 'letter-2', subject: 'plant/a/press', receivedMs: minutesAgo(30) })
    expect((await kit.request('/api/v1/dead-letters/letter-3/replay', { method: 'POST' })).body.code).toBe(
      'not_replayable',
    )
    expect((await kit.request('/api/v1/dead-letters/none/replay', { method: 'POST' })).status).toBe(404)
    const [listed] = (await kit.request('/api/v1/dead-letters?q=broken')).body.items
    expect(listed.replay.state).toBe('refused')
    const { items } = (await kit.request('/api/v1/audit-log')).body
    expect(items[0]).toMatchObject({ action: 'dead_letter.replay', subject: 'dead-letter:letter-2' })
  })

  it('are taken in again all at once, what was accepted not twice', async () => {
    const body = { filter: { reason: 'json_invalid' }, limit: 2 }
    const first = await kit.request('/api/v1/dead-letters/replay', { method: 'POST', body })
    expect(first.status, first.text).toBe(200)
    expect(first.body).toMatchObject({ asked: 2, more: true })
    const states = (answer: typeof first): unknown =>
      answer.body.results.map(({ id, replay: { state } }: { id: string; replay: { state: string } }) => [id, state])
    expect(states(first)).toEqual([
      ['letter-4', 'accepted'],
      ['letter-2', 'refused'],
    ])
    const second = await kit.request('/api/v1/dead-letters/replay', { method: 'POST', body: { filter: {} } })
    expect(states(second)).toEqual([
      ['letter-2', 'refused'],
      ['letter-1', 'accepted'],
    ])
    expect(second.body).toMatchObject({ asked: 2, skipped: 3, more: false })
    const again = await kit.request('/api/v1/dead-letters/letter-1/replay', { method: 'POST' })
    expect(again.body.code).toBe('already_accepted')
    expect(tasks.some(({ letter }) => letter === 'letter-5')).toBe(false)
  })
})
