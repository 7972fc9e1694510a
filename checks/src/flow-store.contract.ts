import { expect, it } from 'vitest'
import { createFlowStore, InvalidFlowError } from './flow-store.ts'
import { type ChecksRig, describeOver, type OpenMetadata, smallFlow } from './testing/checks-contract.ts'

const T = 'default'

/** What the store of flows does, whatever database stands behind it. */
export function describeFlowStore(title: string, open: OpenMetadata): void {
  describeOver(title, open, (rig) => {
    describeFlows(rig)
    describeVersions(rig)
  })
}

function describeFlows(rig: () => ChecksRig): void {
  it('keeps what was created, by the id that its name gives', async () => {
    const store = createFlowStore(rig())
    const made = await store.create(T, smallFlow('Invoice to Cash', { category: 'Finance', active: false }), 'user:1')
    expect(made).toMatchObject({
      id: 'flow:invoice-to-cash',
      name: 'Invoice to Cash',
      category: 'Finance',
      active: false,
      managedBy: 'user',
      version: 1,
      updatedBy: 'user:1',
    })
    expect(made.definition).toMatchObject({
      timeoutSeconds: 900,
      steps: [{ checkType: 'rest', retryDelaySeconds: 0.5 }],
    })
    expect(await store.get(T, made.id)).toEqual(made)
    expect(await store.list(T)).toContainEqual(made)
    expect(await store.list('other')).toEqual([])
    await expect(store.get('other', made.id)).rejects.toMatchObject({ code: 'not_found' })
    await store.create('other', smallFlow('Invoice to Cash'), 'user:1')
    await expect(store.create(T, smallFlow('invoice TO cash!'), 'user:1')).rejects.toMatchObject({
      code: 'metadata_conflict',
      message: /invoice TO cash! already/,
    })
  })

  it('refuses what is not valid and says where', async () => {
    const store = createFlowStore(rig())
    const refused = store.create(T, { name: 'x', steps: [] }, 'user:1')
    await expect(refused).rejects.toBeInstanceOf(InvalidFlowError)
    await expect(refused).rejects.toMatchObject({ code: 'value_invalid', problems: [{ path: 'steps' }] })
  })

  it('replaces the definition, keeps the id, and lets one of several changes of a version win', async () => {
    const store = createFlowStore(rig())
    const { id } = await store.create(T, smallFlow('Raced'), 'user:1')
    const changes = ['a', 'b', 'c'].map((name) => store.update(T, id, 1, smallFlow(`Raced ${name}`), 'user:2'))
    const outcomes = await Promise.allSettled(changes)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'metadata_conflict' })
    }
    const stored = await store.get(T, id)
    expect(stored).toMatchObject({ id: 'flow:raced', version: 2, updatedBy: 'user:2' })
    expect(stored.name).toMatch(/^Raced [abc]$/)
    await Promise.all(['d', 'e'].map((name) => store.update(T, id, null, smallFlow(name), 'user:2')))
    expect(await store.get(T, id)).toMatchObject({ version: 4 })
    const same = await store.update(T, id, null, (await store.get(T, id)).definition, 'user:3')
    expect(same).toMatchObject({ version: 4, updatedBy: 'user:2' })
    await expect(store.update(T, 'flow:none', null, smallFlow('x'), 'user:1')).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  it('leaves those of a file alone', async () => {
    const store = createFlowStore(rig())
    const { id } = await store.create(T, smallFlow('Of a file'), 'user:1')
    await rig().metadata.db.updateTable('flows').set({ managed_by: 'file' }).where('id', '=', id).execute()
    await expect(store.update(T, id, null, smallFlow('x'), 'user:1')).rejects.toMatchObject({ code: 'forbidden' })
    await expect(store.remove(T, id, 'user:1')).rejects.toMatchObject({ code: 'forbidden' })
    expect(await store.get(T, id)).toMatchObject({ managedBy: 'file', version: 1 })
  })

  it('audits each change', async () => {
    const store = createFlowStore(rig())
    const { id } = await store.create(T, smallFlow('Audited'), 'user:7')
    await store.update(T, id, 1, smallFlow('Audited', { owner: 'ops' }), 'user:8')
    await store.remove(T, id, 'user:9')
    await expect(store.get(T, id)).rejects.toMatchObject({ code: 'not_found' })
    const audit = await rig()
      .metadata.db.selectFrom('audit_log')
      .select(['actor', 'action'])
      .where('subject', '=', `process:${id}`)
      .orderBy('at')
      .orderBy('actor')
      .execute()
    expect(audit).toEqual([
      { actor: 'user:7', action: 'flow.create' },
      { actor: 'user:8', action: 'flow.update' },
      { actor: 'user:9', action: 'flow.remove' },
    ])
  })

  it('takes a thousand flows of a tenant and no more', async () => {
    const store = createFlowStore(rig())
    const one = await store.create('full', smallFlow('0'), 'user:1')
    const { db } = rig().metadata
    const row = await db
      .selectFrom('flows')
      .selectAll()
      .where('tenant', '=', 'full')
      .where('id', '=', one.id)
      .executeTakeFirstOrThrow()
    await db
      .insertInto('flows')
      .values(Array.from({ length: 999 }, (_, index) => ({ ...row, id: `flow:n${index}` })))
      .execute()
    await expect(store.create('full', smallFlow('one more'), 'user:1')).rejects.toMatchObject({ code: 'rate_limited' })
  })
}

function describeVersions(rig: () => ChecksRig): void {
  it('keeps every version and restores one as the newest', async () => {
    const store = createFlowStore(rig())
    const { id } = await store.create(T, smallFlow('Versions', { owner: 'v1' }), 'user:1')
    await store.update(T, id, 1, smallFlow('Versions', { owner: 'v2' }), 'user:2')
    expect((await store.versions(T, id)).map(({ version, savedBy }) => [version, savedBy])).toEqual([
      [2, 'user:2'],
      [1, 'user:1'],
    ])
    expect(await store.versionOf(T, id, 1)).toMatchObject({ version: 1, definition: { owner: 'v1' } })
    expect(await store.restore(T, id, 1, 'user:3')).toMatchObject({ version: 3, definition: { owner: 'v1' } })
    await expect(store.versionOf(T, id, 9)).rejects.toMatchObject({ code: 'not_found' })
    await expect(store.versions(T, 'flow:none')).rejects.toMatchObject({ code: 'not_found' })
    await store.remove(T, id, 'user:1')
    await expect(store.versionOf(T, id, 1)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('keeps the last two hundred', async () => {
    const store = createFlowStore(rig())
    const { id } = await store.create(T, smallFlow('Many'), 'user:1')
    for (let index = 0; index < 205; index++)
      await store.update(T, id, null, smallFlow('Many', { owner: `${index}` }), 'user:1')
    const versions = await store.versions(T, id)
    expect(versions.map(({ version }) => version)).toEqual(Array.from({ length: 200 }, (_, index) => 206 - index))
  })
}
