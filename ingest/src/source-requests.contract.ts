import { expect, it } from 'vitest'
import type { MqttDefinition } from './definitions/mqtt.ts'
import type { PreviewAnswer, PreviewAsk, ReplayAsk } from './request-types.ts'
import { createSourceAsks } from './source-asks.ts'
import { createRequestDesk, type PreviewTask, type ReplayTask, type RequestHandlers } from './source-requests.ts'
import { createSourceStore } from './source-store.ts'
import { CANARY, describeOver, eventually, type OpenMetadata, type SourcesRig } from './testing/sources-contract.ts'

const TENANT = 'default'
const BY = 'user:1'

/** What previews and replays do, whatever database stands behind them. */
export function describeSourceRequests(title: string, open: OpenMetadata): void {
  describeOver(title, open, (rig) => {
    describePreviews(rig)
    describePreviewSecrets(rig)
    describeReplays(rig)
  })
}

const answerOf = (changes: Partial<PreviewAnswer> = {}): PreviewAnswer => ({
  state: 'receiving',
  message: '',
  perSecond: 1,
  items: [],
  unmapped: [],
  detected: null,
  ...changes,
})
const item = (payload: string): PreviewAnswer['items'][number] => ({
  timeMs: 1,
  subject: 's',
  payload,
  marks: [],
  produced: [],
  fields: null,
  refusals: [],
  flagged: [],
})
const fileAsk = (definition: object = { paths: ['/var/log/x'] }): PreviewAsk => ({
  kind: 'file',
  source: '',
  definition,
  secrets: {},
})
const replayAsk = (letter: string): ReplayAsk => ({
  letter,
  source: 'src_1',
  subject: 'a/b',
  receivedMs: 1_700_000_000_000,
  payload: Buffer.from(CANARY).toString('base64'),
})

interface Desk {
  readonly previews: { readonly task: PreviewTask; readonly signal: AbortSignal; report(answer: PreviewAnswer): void }[]
  readonly replays: ReplayTask[]
  stop(): Promise<void>
}

/** A desk whose previews run until they are stopped. */
async function openDesk(rig: SourcesRig, instance: string, handlers: Partial<RequestHandlers> = {}): Promise<Desk> {
  const previews: Desk['previews'] = []
  const replays: ReplayTask[] = []
  const desk = createRequestDesk(
    { service: 'tailer', instance, everyMs: 40 },
    {
      ...rig,
      handlers: {
        preview: (task, report, signal) => {
          previews.push({ task, report, signal })
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        },
        replay: async (task) => {
          replays.push(task)
          return { outcome: 'accepted', samples: 3, rows: 1 }
        },
        ...handlers,
      },
    },
  )
  await rig.run(desk)
  return { previews, replays, stop: () => desk.stop() }
}

function describePreviews(rig: () => SourcesRig): void {
  it('of several instances one runs a preview, and its last answer is read', async () => {
    const asks = createSourceAsks(rig())
    const desks = await Promise.all(['one', 'two', 'three'].map((instance) => openDesk(rig(), instance)))
    const { id } = await asks.preview(TENANT, fileAsk(), BY)
    expect(await asks.readPreview(TENANT, id)).toMatchObject({ answer: null, requestedBy: BY })
    expect(await asks.readPreview('other', id)).toBeNull()
    const running = () => desks.flatMap(({ previews }) => previews)
    await eventually('it runs', () => running().length === 1)
    for (let turn = 0; turn < 50; turn++) running()[0]!.report(answerOf({ perSecond: turn }))
    await eventually('the last is read', async () => (await asks.readPreview(TENANT, id))?.answer?.perSecond === 49)
    expect(await asks.readPreview(TENANT, id)).toMatchObject({ state: 'running' })
    expect(running()).toHaveLength(1)
    await asks.cancelPreview('other', id)
    expect(running()[0]!.signal.aborted).toBe(false)
    await asks.cancelPreview(TENANT, id)
    await eventually('it is stopped', () => running()[0]!.signal.aborted)
    expect(await asks.readPreview(TENANT, id)).toBeNull()
    for (const desk of desks) await desk.stop()
  })

  it('lives as long as somebody renews it', async () => {
    const asks = createSourceAsks(rig())
    const desk = await openDesk(rig(), 'one')
    const { id } = await asks.preview(TENANT, fileAsk(), BY)
    await eventually('it runs', () => desk.previews.length === 1)
    rig().clock.skip(20_000)
    expect(await asks.renewPreview(TENANT, id)).toBe(true)
    expect(await asks.renewPreview('other', id)).toBe(false)
    rig().clock.skip(20_000)
    expect((await asks.readPreview(TENANT, id))?.state).not.toBe('expired')
    expect(desk.previews[0]!.signal.aborted).toBe(false)
    rig().clock.skip(11_000)
    await eventually('it is stopped', () => desk.previews[0]!.signal.aborted)
    expect(await asks.renewPreview(TENANT, id)).toBe(false)
    rig().clock.skip(700_000)
    await eventually('it is forgotten', async () => (await asks.readPreview(TENANT, id)) === null)
    await desk.stop()
  })

  it('is taken over when its instance stops, or dies', async () => {
    const asks = createSourceAsks(rig())
    const { metadata, clock } = rig()
    const first = await openDesk(rig(), 'one')
    const { id } = await asks.preview(TENANT, fileAsk(), BY)
    await eventually('it runs', () => first.previews.length === 1)
    await first.stop()
    const second = await openDesk(rig(), 'two')
    await eventually('the second runs it', () => second.previews.length === 1)
    const dead = { lease_owner: 'tailer dead', leased_until: new Date(clock.nowMs() + 15_000) }
    await metadata.db.updateTable('source_requests').set(dead).where('id', '=', id).execute()
    second.previews[0]!.report(answerOf({ message: 'from one that lost it' }))
    await eventually('who lost it stops', () => second.previews[0]!.signal.aborted)
    clock.skip(16_000)
    await eventually('it is taken over', () => second.previews.length === 2)
    expect(await asks.readPreview(TENANT, id)).toMatchObject({ answer: null })
    await asks.cancelPreview(TENANT, id)
    await second.stop()
  })

  it('is left to the instance that the draft names', async () => {
    const asks = createSourceAsks(rig())
    const [one, two] = [await openDesk(rig(), 'one'), await openDesk(rig(), 'two')]
    await asks.preview(TENANT, fileAsk({ paths: ['/x'], instance: 'two' }), BY)
    await eventually('it runs there', () => two.previews.length === 1)
    expect(one.previews).toEqual([])
    await one.stop()
    await two.stop()
  })

  it('says that it failed, and keeps its last answer when it ends', async () => {
    const asks = createSourceAsks(rig())
    const desk = await openDesk(rig(), 'one', {
      preview: async (task, report) => {
        if (task.source === 'throws') throw new Error(`a bug with ${CANARY.length} characters`)
        report(answerOf({ message: 'all read' }))
      },
    })
    const failing = await asks.preview(TENANT, { ...fileAsk(), source: 'throws' }, BY)
    const ending = await asks.preview(TENANT, fileAsk(), BY)
    const read = (id: string) => asks.readPreview(TENANT, id)
    await eventually(
      'both ended',
      async () => (await read(failing.id))?.state === 'ended' && (await read(ending.id))?.state === 'ended',
    )
    expect(await read(failing.id)).toMatchObject({ answer: { state: 'failed', message: /log of the service/ } })
    expect(await read(ending.id)).toMatchObject({ answer: { message: 'all read' } })
    await desk.stop()
  })

  it('does not stumble over one that it cannot take up, and stops though a handler does not', async () => {
    const asks = createSourceAsks(rig())
    let running = 0
    const desk = await openDesk(rig(), 'one', {
      concerns: (task) => {
        if (task.source === 'stumble') throw new TypeError('a bug')
        return true
      },
      preview: () => {
        running += 1
        return new Promise(() => {})
      },
    })
    const odd = await asks.preview(TENANT, { ...fileAsk(), source: 'stumble' }, BY)
    const good = await asks.preview(TENANT, fileAsk(), BY)
    await eventually('the one behind it runs', () => running === 1)
    await desk.stop()
    for (const { id } of [odd, good]) await asks.cancelPreview(TENANT, id)
  })

  it('bounds what is answered, the newest first', async () => {
    const asks = createSourceAsks(rig())
    const desk = await openDesk(rig(), 'one')
    const { id } = await asks.preview(TENANT, fileAsk(), BY)
    await eventually('it runs', () => desk.previews.length === 1)
    const items = Array.from({ length: 20 }, (_, index) => item(`${index} ${'नमस्ते'.repeat(2000)}`))
    desk.previews[0]!.report(answerOf({ items }))
    await eventually('it is read', async () => (await asks.readPreview(TENANT, id))?.answer)
    const { answer } = (await asks.readPreview(TENANT, id))!
    expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThanOrEqual(262_144)
    expect(answer!.items.length).toBeGreaterThan(3)
    expect(answer!.items).toEqual(items.slice(0, answer!.items.length))
    await asks.cancelPreview(TENANT, id)
    await desk.stop()
  })

  it('is refused when too many are open, or when it is too large', async () => {
    const asks = createSourceAsks(rig())
    const huge = asks.preview('crowd', fileAsk({ paths: ['/x'.repeat(600_000)] }), BY)
    await expect(huge).rejects.toMatchObject({ code: 'value_invalid' })
    const made = await Promise.all(Array.from({ length: 20 }, () => asks.preview('crowd', fileAsk(), BY)))
    await expect(asks.preview('crowd', fileAsk(), BY)).rejects.toMatchObject({ code: 'rate_limited' })
    await asks.cancelPreview('crowd', made[0]!.id)
    await asks.preview('crowd', fileAsk(), BY)
  })
}

function describePreviewSecrets(rig: () => SourcesRig): void {
  const definition = { broker: { url: 'mqtts://b:8883' } } as unknown as MqttDefinition
  const previewOf = async (ask: Partial<PreviewAsk>) => {
    const asks = createSourceAsks(rig())
    const seen: PreviewTask[] = []
    const handlers: RequestHandlers = {
      preview: async (task) => {
        seen.push(task)
      },
      replay: async () => ({ outcome: 'accepted', samples: 0, rows: 0 }),
    }
    const desk = createRequestDesk({ service: 'mqtt', instance: 'one', everyMs: 40 }, { ...rig(), handlers })
    await rig().run(desk)
    const { id } = await asks.preview(TENANT, { kind: 'mqtt', source: '', definition, secrets: {}, ...ask }, BY)
    await eventually('it ended', async () => (await asks.readPreview(TENANT, id))?.state === 'ended')
    await desk.stop()
    return { task: seen[0], answer: (await asks.readPreview(TENANT, id))?.answer ?? null }
  }

  it('has the secrets of the saved source that were not typed anew, at the same address only', async () => {
    const source = { kind: 'mqtt', name: 'saved', definition, secrets: { password: CANARY } } as const
    const { id } = await createSourceStore(rig()).create(TENANT, source, BY)
    expect((await previewOf({ source: id })).task?.secrets).toEqual({ password: CANARY })
    const typed = { privateKey: `k ${CANARY}` }
    expect((await previewOf({ source: id, secrets: typed })).task?.secrets).toEqual({ ...typed, password: CANARY })
    expect((await previewOf({ secrets: typed })).task?.secrets).toEqual(typed)
    expect((await previewOf({ source: 'src_of_another_tenant' })).task?.secrets).toEqual({})
    const elsewhere = await previewOf({ source: id, definition: { broker: { url: 'mqtt://thief:1883' } } })
    expect(elsewhere.task).toBeUndefined()
    expect(elsewhere.answer).toMatchObject({ state: 'failed', message: /Type the password and the private key again/ })
  })
}

function describeReplays(rig: () => SourcesRig): void {
  it('executes each once, whoever is there, and keeps the answer', async () => {
    const asks = createSourceAsks(rig())
    const desks = await Promise.all(['one', 'two'].map((instance) => openDesk(rig(), instance)))
    const letters = Array.from({ length: 120 }, (_, index) => `letter ${index}`)
    expect(await asks.replay(TENANT, 'tailer', letters.map(replayAsk), BY)).toBe(120)
    const states = () => asks.replayStates(TENANT, [...letters, 'nobody asked'])
    await eventually(
      'all are answered',
      async () => [...(await states()).values()].filter(({ state }) => state === 'accepted').length === 120,
    )
    expect(await states()).not.toContain('nobody asked')
    const done = desks.flatMap(({ replays }) => replays.map(({ letter }) => letter))
    expect(done.sort()).toEqual([...letters].sort())
    expect(desks[0]!.replays.concat(desks[1]!.replays)[0]).toMatchObject({
      ...replayAsk(''),
      letter: expect.any(String),
      tenant: TENANT,
    })
    expect((await states()).get('letter 0')?.answer).toEqual({ outcome: 'accepted', samples: 3, rows: 1 })
    expect(await asks.replay(TENANT, 'tailer', [replayAsk('letter 0'), replayAsk('letter 0')], BY)).toBe(1)
    await eventually('it is done again', () => desks.flatMap(({ replays }) => replays).length === 121)
    for (const desk of desks) await desk.stop()
  })

  it('says why one was refused, and answers for a handler that throws', async () => {
    const asks = createSourceAsks(rig())
    const known = new Set(['src_1'])
    const desk = await openDesk(rig(), 'one', {
      concerns: (task) => known.has(task.source),
      replay: async ({ letter }) => {
        if (letter === 'throws') throw new Error('a bug')
        return { outcome: 'refused', reason: 'json_invalid', detail: 'still not JSON' }
      },
    })
    const foreign = { ...replayAsk('of a source that nobody reads'), source: 'src_2' }
    await asks.replay(TENANT, 'tailer', [replayAsk('refused'), replayAsk('throws'), foreign], BY)
    const states = () => asks.replayStates(TENANT, ['refused', 'throws', foreign.letter])
    await eventually(
      'both are answered',
      async () => (await states()).get('refused')?.answer && (await states()).get('throws')?.answer,
    )
    expect((await states()).get('refused')).toMatchObject({ state: 'refused', answer: { reason: 'json_invalid' } })
    expect((await states()).get('throws')).toMatchObject({ state: 'refused', answer: { reason: 'replay_failed' } })
    expect((await states()).get(foreign.letter)).toMatchObject({ state: 'waiting', answer: null })
    rig().clock.skip(601_000)
    expect((await states()).get(foreign.letter)).toMatchObject({ state: 'unanswered' })
    await asks.replay(TENANT, 'tailer', [foreign], BY)
    known.add('src_2')
    rig().clock.skip(3000)
    await eventually('a source that became known is asked', async () => (await states()).get(foreign.letter)?.answer)
    await desk.stop()
  })

  it('leaves one alone that somebody died with', async () => {
    const { metadata, clock } = rig()
    const asks = createSourceAsks(rig())
    await asks.replay(TENANT, 'tailer', [replayAsk('died')], BY)
    const lease = { lease_owner: 'tailer dead', leased_until: new Date(clock.nowMs() + 600_000) }
    await metadata.db
      .updateTable('source_requests')
      .set(lease)
      .where('state', '=', 'open')
      .where('kind', '=', 'replay')
      .execute()
    const state = async () => (await asks.replayStates(TENANT, ['died'])).get('died')?.state
    expect(await state()).toBe('running')
    expect(await asks.replay(TENANT, 'tailer', [replayAsk('died')], BY)).toBe(0)
    clock.skip(601_000)
    expect(await state()).toBe('unanswered')
    expect(await asks.replay(TENANT, 'tailer', [replayAsk('died')], BY)).toBe(1)
    expect(await state()).toBe('waiting')
  })

  it('takes no more than are bearable', async () => {
    const asks = createSourceAsks(rig())
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => replayAsk(`m${from + index}`))
    await expect(asks.replay('heap', 'nobody', many(0, 1001), BY)).rejects.toMatchObject({ code: 'value_invalid' })
    for (let from = 0; from < 10_000; from += 1000)
      expect(await asks.replay('heap', 'nobody', many(from, 1000), BY)).toBe(1000)
    await expect(asks.replay('heap', 'nobody', many(20_000, 1), BY)).rejects.toMatchObject({ code: 'rate_limited' })
  })
}
