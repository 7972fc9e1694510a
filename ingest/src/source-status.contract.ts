import { AppError } from '@driftline/platform/errors'
import { expect, it } from 'vitest'
import { createStatusBoard, readSourceStatus, type SourceStatusRow } from './source-status.ts'
import { createSourceStore } from './source-store.ts'
import { describeOver, eventually, type OpenMetadata, type SourcesRig } from './testing/sources-contract.ts'

const TENANT = 'default'

/** What the status of sources does, whatever database stands behind it. */
export function describeSourceStatus(title: string, open: OpenMetadata): void {
  describeOver(title, open, (rig) => {
    describeWriting(rig)
    describeRows(rig)
  })
}

async function sourceOf(rig: SourcesRig, name: string): Promise<{ tenant: string; id: string }> {
  const source = { kind: 'file', name, definition: { paths: ['/var/log/x.log'] } } as const
  const { id } = await createSourceStore(rig).create(TENANT, source, 'user:1')
  return { tenant: TENANT, id }
}

async function statusOf(rig: SourcesRig, id: string): Promise<SourceStatusRow | undefined> {
  const rows = await readSourceStatus(rig.metadata, TENANT, rig.clock.nowMs())
  return rows.find(({ source }) => source === id)
}

function describeWriting(rig: () => SourcesRig): void {
  it('writes what was counted, and says at the end that it stopped', async () => {
    const source = await sourceOf(rig(), 'counted')
    const board = createStatusBoard({ service: 'tailer', instance: 'one', everyMs: 40 }, rig())
    await board.start()
    const meter = board.of(source)
    expect(board.of({ ...source })).toBe(meter)
    const newestMs = rig().clock.nowMs() - 250
    meter.about(['3 files'])
    meter.events(1000, 200_000, newestMs)
    meter.events(1, 200, Number.NaN)
    meter.durable(500, 1001, 251.4)
    meter.refused('line_too_long', 'longer than 1 MiB', '/var/log/x.log')
    meter.refused('line_too_long', 'longer than 1 MiB', '/var/log/y.log', 4)
    meter.filtered('unchanged', 3)
    meter.series(12)
    meter.parts(() => [{ name: '/var/log/x.log', perSecond: 1.23456, lastMs: newestMs, detail: '', failed: false }])
    const topic = { topic: 'a/b', perSecond: 2, lastMs: newestMs, payload: 'json', example: '{}', proposal: null }
    meter.unmapped(() => ({ topics: Array.from({ length: 300 }, () => topic), total: 12_345 }))
    await eventually('it is written', () => statusOf(rig(), source.id))
    const row = await statusOf(rig(), source.id)
    expect(row).toMatchObject({
      service: 'tailer',
      instance: 'one',
      stale: false,
      detail: {
        state: 'receiving',
        about: ['3 files'],
        events: 1001,
        bytes: 200_200,
        samples: 500,
        rows: 1001,
        series: 12,
        lastEventMs: newestMs,
        lagMs: 251,
        refused: [{ reason: 'line_too_long', count: 5, subject: '/var/log/y.log' }],
        filtered: [{ reason: 'unchanged', count: 3 }],
        parts: [{ perSecond: 1.23 }],
        unmappedTotal: 12_345,
      },
    })
    expect(row?.detail.eventsPerSecond).toBeGreaterThan(0)
    expect(row?.detail.unmapped).toHaveLength(200)
    await board.stop()
    expect(await statusOf(rig(), source.id)).toMatchObject({ detail: { state: 'stopped', events: 1001 } })
  })

  it('writes nothing while nothing changes but a refresh; a row that nobody refreshes is stale', async () => {
    const source = await sourceOf(rig(), 'idle')
    const board = await rig().run(createStatusBoard({ service: 'mqtt', instance: 'one', everyMs: 40 }, rig()))
    board.of(source).state('failed', 'the broker refuses the password')
    await eventually('it is written', () => statusOf(rig(), source.id))
    const first = await statusOf(rig(), source.id)
    const later = await readSourceStatus(rig().metadata, TENANT, first!.updatedAt.getTime() + 15_001)
    expect(later.find((row) => row.source === source.id)).toMatchObject({ stale: true })
    rig().clock.skip(60_000)
    const isRefreshed = async () =>
      (await statusOf(rig(), source.id))!.updatedAt.getTime() >= first!.updatedAt.getTime() + 60_000
    await eventually('it is refreshed', isRefreshed)
    expect(await statusOf(rig(), source.id)).toMatchObject({ detail: first!.detail })
  })

  it('keeps nothing of a source that is dropped, and writes again what somebody removed', async () => {
    const { metadata, clock } = rig()
    const [kept, gone] = [await sourceOf(rig(), 'kept'), await sourceOf(rig(), 'dropped')]
    const board = await rig().run(createStatusBoard({ service: 'intake', instance: 'one', everyMs: 40 }, rig()))
    board.of(kept).state('waiting')
    board.of(gone).state('waiting')
    await eventually(
      'both are written',
      async () => (await statusOf(rig(), kept.id)) && (await statusOf(rig(), gone.id)),
    )
    board.drop(gone)
    await eventually('one is gone', async () => (await statusOf(rig(), gone.id)) === undefined)
    await metadata.db.deleteFrom('source_status').where('source', '=', kept.id).execute()
    clock.skip(10_000)
    await eventually('the other is written again', () => statusOf(rig(), kept.id))
    board.of(gone).state('failed', 'it is back')
    await eventually('it can come back', () => statusOf(rig(), gone.id))
  })

  it('writes what was counted while the database was away', async () => {
    const { metadata } = rig()
    const source = await sourceOf(rig(), 'counted while away')
    const away = { failures: 3 }
    const transaction: typeof metadata.transaction = async (work) => {
      if (away.failures-- > 0) throw new AppError('metadata_unavailable', 'away', { retryable: true })
      return metadata.transaction(work)
    }
    const deps = { ...rig(), metadata: { ...metadata, transaction } }
    const board = await rig().run(createStatusBoard({ service: 'tailer', instance: 'patient', everyMs: 20 }, deps))
    board.of(source).events(7, 70, 1)
    await eventually('it is written', async () => (await statusOf(rig(), source.id))?.detail.events === 7)
    expect(away.failures).toBeLessThan(0)
  })

  it('removes rows of sources and of instances that no longer are', async () => {
    const { metadata, clock } = rig()
    const source = await sourceOf(rig(), 'of an instance that was renamed')
    const row = { tenant: TENANT, service: 'checker', detail: {}, updated_at: new Date(clock.nowMs()) }
    const old = new Date(clock.nowMs() - 2 * 3_600_000)
    await metadata.db
      .insertInto('source_status')
      .values([
        { ...row, source: 'src_never', instance: 'one' },
        { ...row, source: source.id, instance: 'renamed', updated_at: old },
        { ...row, source: source.id, instance: 'other' },
        { ...row, source: 'src_never', instance: 'one', service: 'another', tenant: 'elsewhere' },
      ])
      .execute()
    await rig().run(createStatusBoard({ service: 'checker', instance: 'two', everyMs: 40 }, rig()))
    const left = async () =>
      metadata.db
        .selectFrom('source_status')
        .select(['service', 'instance'])
        .where('updated_at', '<=', row.updated_at)
        .where('service', 'in', ['checker', 'another'])
        .orderBy('service')
        .execute()
    await eventually('they are removed', async () => (await left()).length === 2)
    expect(await left()).toEqual([
      { service: 'another', instance: 'one' },
      { service: 'checker', instance: 'other' },
    ])
  })
}

function describeRows(rig: () => SourcesRig): void {
  it('keeps sources and instances apart, hundreds of them at once', async () => {
    const store = createSourceStore(rig())
    const ids = await Promise.all(
      Array.from({ length: 250 }, async (_, index) => {
        const source = { kind: 'file', name: `many ${index}`, definition: { paths: ['/x'] } } as const
        return (await store.create('many', source, 'user:1')).id
      }),
    )
    for (const instance of ['one', 'two']) {
      const board = await rig().run(createStatusBoard({ service: 'tailer', instance, everyMs: 40 }, rig()))
      for (const id of ids) board.of({ tenant: 'many', id }).events(1, 1, 1)
    }
    const rows = () => readSourceStatus(rig().metadata, 'many', rig().clock.nowMs())
    await eventually('all are there', async () => (await rows()).length === 500)
    expect(await readSourceStatus(rig().metadata, 'nobody', 0)).toEqual([])
  })
}
