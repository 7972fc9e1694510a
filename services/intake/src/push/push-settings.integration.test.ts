import { pushDefinition } from '@driftline/ingest/definitions/push'
import type { PreviewAnswer } from '@driftline/ingest/request-types'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type PushRig, startPushRig } from './testing/push-rig.ts'

const SAMPLES = '/api/v1/ingest/samples'
const RECORDS = '/api/v1/ingest/records'

let rig: PushRig
beforeAll(async () => {
  rig = await startPushRig()
})
afterEach(() => {
  rig.failure = null
  rig.forget()
})
afterAll(() => rig.stop())

describe('what people set', () => {
  const source = (definition: object) =>
    ({
      tenant: 'default',
      id: 's',
      kind: 'push',
      name: 's',
      active: true,
      definition: pushDefinition.parse({ door: 'samples', key: 'key-1', ...definition }),
      secrets: {},
      version: 1,
    }) as const
  const send = async (metric: string, value: number, more: object = {}): Promise<void> => {
    const item = { process: 'service:shop', metric, value, ...more }
    expect((await rig.post(SAMPLES, JSON.stringify([item]))).status).toBe(200)
  }

  afterEach(() => rig.push.define([]))

  test('metrics that are KPIs of their process', async () => {
    const kpis = { executionTime: 'wait', events: 'orders', failedEvents: 'orders.failed' }
    rig.push.define([source({ kpis })])
    for (const [orders, failed] of [
      [100, 7],
      [110, 8],
      [4, 8],
    ]) {
      const cumulative = (metric: string, value: number) => ({
        process: 'service:shop',
        metric,
        value,
        kind: 'cumulative',
      })
      const items = [
        cumulative('orders', orders!),
        cumulative('orders.failed', failed!),
        { process: 'service:shop', metric: 'wait', value: 250, unit: 'ms' },
      ]
      await rig.post(SAMPLES, JSON.stringify(items))
    }
    const of = (metric: string) =>
      rig
        .samples()
        .filter((each) => each.metric === metric)
        .map(({ value }) => value)
    await expect.poll(() => of('process.execution.time')).toEqual([0.25, 0.25, 0.25])
    // Nothing can be told of what was counted before; what falls began anew.
    expect(of('process.events')).toEqual([0, 10, 4])
    expect(of('process.events.failed')).toEqual([0, 1, 0])
  })

  test('metrics that are not wanted are left out and counted', async () => {
    rig.push.define([source({ filter: { except: ['debug.*'] } })])
    await send('debug.noise', 1)
    await send('useful', 2)
    await expect.poll(() => rig.samples()).toMatchObject([{ metric: 'useful' }])
    expect(rig.status('default push:samples:key-1')?.filtered).toContainEqual({ reason: 'metric_not_wanted', count: 1 })
  })

  test('a source that is switched off takes nothing', async () => {
    rig.active = false
    const other = { authorization: 'Bearer other' }
    // The first request finds out, beside being taken.
    await rig.post(RECORDS, '[]', other)
    await expect.poll(async () => (await rig.post(RECORDS, '[]', other)).status).toBe(403)
    expect(await (await rig.post(RECORDS, '[]', other)).json()).toMatchObject({ code: 'source_switched_off' })
    rig.push.define([source({ door: 'records', key: 'key-2' })])
    expect((await rig.post(RECORDS, '[]', other)).status).toBe(200)
    rig.active = true
  })

  test('a preview shows what comes in as the draft sees it', async () => {
    const rules = [{ name: 'large', expression: 'amount > 1000' }]
    const answers: PreviewAnswer[] = []
    const abort = new AbortController()
    const task = { tenant: 'default', id: 'p', kind: 'push', source: '', secrets: {} } as const
    const definition = { door: 'records', key: 'key-1', rules }
    const done = rig.push.handlers.preview({ ...task, definition }, (answer) => answers.push(answer), abort.signal)
    expect(answers[0]).toMatchObject({ state: 'waiting', items: [] })
    const items = [{ process: 'log:a', attributes: { amount: 5000, ok: true } }, { process: 'nonsense' }]
    await rig.post(RECORDS, JSON.stringify(items))
    await expect.poll(() => answers.at(-1)?.items.length).toBe(2)
    expect(answers.at(-1)).toMatchObject({
      state: 'receiving',
      items: [
        { subject: RECORDS, payload: '{"process":"nonsense"}', refusals: [{ reason: 'process_invalid' }] },
        { fields: { amount: 5000, ok: true }, flagged: ['large'] },
      ],
    })
    abort.abort()
    await done
    const invalid = { ...task, definition: { door: 'none' } }
    await rig.push.handlers.preview(invalid, (answer) => answers.push(answer), abort.signal)
    expect(answers.at(-1)).toMatchObject({ state: 'failed' })
  })
})

describe('what was refused, sent again', () => {
  const ask = { tenant: 'default', letter: '1', source: 'push:samples:key-1', subject: SAMPLES, receivedMs: Date.now() }
  const payload = (item: object): string => Buffer.from(JSON.stringify(item)).toString('base64')

  test('is accepted once it is right, of the time when it came', async () => {
    const item = { process: 'device:a', metric: 'late', value: 7 }
    expect(await rig.push.handlers.replay({ ...ask, payload: payload(item) })).toEqual({
      outcome: 'accepted',
      samples: 1,
      rows: 0,
    })
    await expect.poll(() => rig.samples()).toMatchObject([{ metric: 'late', timeMs: ask.receivedMs }])
    const record = {
      ...ask,
      source: 'push:records:key-1',
      subject: RECORDS,
      payload: payload({ process: 'log:a', body: 'x' }),
    }
    expect(await rig.push.handlers.replay(record)).toEqual({ outcome: 'accepted', samples: 0, rows: 1 })
  })

  test('is refused again with the reason, without a second letter', async () => {
    const answer = await rig.push.handlers.replay({
      ...ask,
      payload: payload({ process: 'device:a', metric: 'late', value: 'x' }),
    })
    expect(answer).toMatchObject({ outcome: 'refused', reason: 'value_invalid' })
    const broken = await rig.push.handlers.replay({ ...ask, source: 'mqtt:x', payload: '' })
    expect(broken).toMatchObject({ outcome: 'refused', reason: 'replay_failed' })
    expect(rig.letters()).toEqual([])
  })
})
