import { beforeAll, expect, it } from 'vitest'
import { type CheckRequest, createCheckQueue, scheduledCheckId } from './check-queue.ts'
import { createFlowStore } from './flow-store.ts'
import { type ChecksRig, describeOver, type OpenMetadata, smallFlow } from './testing/checks-contract.ts'

const FLOW = 'flow:queued'
const LEASE_MS = 5000
const button = (more: Partial<CheckRequest> = {}): CheckRequest => ({
  flow: FLOW,
  trigger: 'button',
  initiatedBy: 'user:1',
  initiatedByName: 'admin',
  ...more,
})

/** What the queue of checks does, whatever database stands behind it. */
export function describeCheckQueue(title: string, open: OpenMetadata): void {
  describeOver(title, open, (rig) => {
    beforeAll(async () => {
      for (const tenant of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
        await createFlowStore(rig()).create(tenant, smallFlow('Queued'), 'user:1')
      }
    })
    describeAsking(rig)
    describeTaking(rig)
    describeProgress(rig)
  })
}

function describeAsking(rig: () => ChecksRig): void {
  it('holds what was asked for until it ends', async () => {
    const queue = createCheckQueue(rig())
    const asked = await queue.request('a', button({ correlation: 'order-7' }))
    const row = await queue.get('a', asked!.checkId)
    expect(row).toMatchObject({
      tenant: 'a',
      flow: FLOW,
      flowVersion: 1,
      state: 'pending',
      trigger: 'button',
      initiatedByName: 'admin',
      correlation: 'order-7',
      requestedAt: asked!.requestedAt,
      cancelledBy: null,
      progress: null,
    })
    expect(await queue.open('a')).toEqual([row])
    expect(await queue.open('a', FLOW)).toEqual([row])
    expect(await queue.open('a', 'flow:other')).toEqual([])
    expect(await queue.get('b', asked!.checkId)).toBeNull()
    await expect(queue.request('a', button({ flow: 'flow:none' }))).rejects.toMatchObject({ code: 'not_found' })
    await queue.claim('w', 10, LEASE_MS)
    expect(await queue.end('a', asked!.checkId, { run: 'x' }, 'w')).toBe(true)
    expect(await queue.open('a')).toEqual([])
    expect(await queue.get('a', asked!.checkId)).toMatchObject({ state: 'ended', progress: { run: 'x' } })
    expect(await queue.cancel('a', asked!.checkId, 'user:1')).toBe('ended')
    await expect(queue.cancel('a', 'none', 'user:1')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('makes a scheduled run once, however many instances ask for it', async () => {
    const queue = createCheckQueue(rig())
    const id = scheduledCheckId('a', FLOW, 1_700_000_000_000)
    expect(id).toMatch(/^018bcfe56800[0-9a-f]{20}$/)
    const request = button({ id, trigger: 'schedule', initiatedBy: 'schedule', initiatedByName: 'schedule' })
    const outcomes = await Promise.all([1, 2, 3].map(() => queue.request('a', request)))
    expect(outcomes.filter((outcome) => outcome !== null)).toHaveLength(1)
    await queue.claim('w', 10, LEASE_MS)
    await queue.end('a', id, null, 'w')
    expect(await queue.request('a', request)).toBeNull()
    expect(scheduledCheckId('b', FLOW, 1_700_000_000_000)).not.toBe(id)
  })

  it('takes a thousand that wait', async () => {
    const queue = createCheckQueue(rig())
    const { checkId } = (await queue.request('b', button()))!
    const { db } = rig().metadata
    const row = await db.selectFrom('checks').selectAll().where('id', '=', checkId).executeTakeFirstOrThrow()
    await db
      .insertInto('checks')
      .values(Array.from({ length: 999 }, (_, index) => ({ ...row, id: `n${index}` })))
      .execute()
    await expect(queue.request('b', button())).rejects.toMatchObject({ code: 'rate_limited', retryable: true })
    await db.deleteFrom('checks').where('tenant', '=', 'b').execute()
  })
}

function describeTaking(rig: () => ChecksRig): void {
  it('gives each check to one of several, oldest first and each tenant its turn', async () => {
    const queue = createCheckQueue(rig())
    const asked: string[] = []
    for (const tenant of ['c', 'c', 'c', 'd']) {
      asked.push((await queue.request(tenant, button()))!.checkId)
      rig().clock.skip(5)
    }
    const first = await queue.claim('w1', 2, LEASE_MS)
    expect(first.map(({ id, state }) => [id, state])).toEqual([
      [asked[0], 'running'],
      [asked[3], 'running'],
    ])
    const rest = await Promise.all(['w1', 'w2', 'w3'].map((owner) => queue.claim(owner, 5, LEASE_MS)))
    expect(
      rest
        .flat()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([asked[1], asked[2]].sort())
    expect(await queue.claim('w1', 5, LEASE_MS)).toEqual([])
    for (const owner of ['w1', 'w2', 'w3']) {
      for (const id of asked) for (const tenant of ['c', 'd']) await queue.end(tenant, id, null, owner)
    }
  })

  it('hands over what its instance no longer renews, to one other', async () => {
    const queue = createCheckQueue(rig())
    const { checkId } = (await queue.request('e', button()))!
    await queue.claim('dead', 5, LEASE_MS)
    await queue.saveProgress([{ tenant: 'e', id: checkId, progress: { at: 'step 2' } }], 'dead', LEASE_MS)
    const [seen] = await queue.heldByOthers('w1')
    expect(seen).toMatchObject({ tenant: 'e', id: checkId })
    expect(await queue.heldByOthers('dead')).toEqual([])
    rig().clock.skip(5)
    await queue.saveProgress([{ tenant: 'e', id: checkId }], 'dead', LEASE_MS)
    expect(await queue.takeOver(seen!, 'w1', LEASE_MS)).toBeNull()
    const [still] = await queue.heldByOthers('w1')
    const owners = ['w1', 'w2', 'w3']
    rig().clock.skip(5)
    const taken = await Promise.all(owners.map((owner) => queue.takeOver(still!, owner, LEASE_MS)))
    expect(taken.filter((each) => each !== null)).toHaveLength(1)
    expect(taken.find((each) => each !== null)).toMatchObject({ id: checkId, progress: { at: 'step 2' } })
    const late = await queue.saveProgress([{ tenant: 'e', id: checkId, progress: { at: 'late' } }], 'dead', LEASE_MS)
    expect(late).toEqual({ cancelled: [], lost: [checkId] })
    expect(await queue.end('e', checkId, null, 'dead')).toBe(false)
    expect(await queue.keep('e', checkId, { at: 'late' }, 'dead')).toBe(false)
    expect(await queue.get('e', checkId)).toMatchObject({ progress: { at: 'step 2' }, state: 'running' })
    const owner = owners[taken.findIndex((each) => each !== null)]!
    expect(await queue.keep('e', checkId, { at: 'last' }, owner)).toBe(true)
    expect(await queue.get('e', checkId)).toMatchObject({ progress: { at: 'last' }, state: 'running' })
    expect(await queue.end('e', checkId, { at: 'end' }, owner)).toBe(true)
  })
}

function describeProgress(rig: () => ChecksRig): void {
  it('keeps the progress of many runs, renews leases and says what to cancel', async () => {
    const queue = createCheckQueue(rig())
    const ids: string[] = []
    for (let index = 0; index < 120; index++) ids.push((await queue.request('f', button()))!.checkId)
    expect(await queue.claim('w', 200, LEASE_MS)).toHaveLength(120)
    expect(await queue.cancel('f', ids[3]!, 'user:1')).toBe('cancelling')
    expect(await queue.cancel('f', ids[3]!, 'user:2')).toBe('cancelling')
    const before = (await queue.heldByOthers('w2'))[0]!.leasedUntilMs
    rig().clock.skip(LEASE_MS - 1000)
    const rows = ids.map((id, index) => ({
      tenant: 'f',
      id,
      ...(index % 2 === 0 && { progress: { index, text: '"\'' } }),
    }))
    expect(await queue.saveProgress(rows, 'w', LEASE_MS)).toEqual({ cancelled: [ids[3]], lost: [] })
    expect((await queue.heldByOthers('w2'))[0]!.leasedUntilMs).toBeGreaterThan(before)
    expect(await queue.get('f', ids[118]!)).toMatchObject({ progress: { index: 118, text: '"\'' } })
    expect(await queue.get('f', ids[119]!)).toMatchObject({ progress: null })
    expect(await queue.get('f', ids[3]!)).toMatchObject({ cancelledBy: 'user:1' })
    for (const id of ids) await queue.end('f', id, null, 'w')
  })

  it('brings what was cancelled before it began along, to be ended', async () => {
    const queue = createCheckQueue(rig())
    const { checkId } = (await queue.request('g', button()))!
    expect(await queue.cancel('g', checkId, 'user:1')).toBe('cancelling')
    const [claimed] = await queue.claim('w', 1, LEASE_MS)
    expect(claimed).toMatchObject({ id: checkId, cancelledBy: 'user:1' })
    await queue.end('g', checkId, null, 'w')
  })

  it('forgets what ended an hour ago and nothing else', async () => {
    const queue = createCheckQueue(rig())
    const old = (await queue.request('g', button()))!.checkId
    await queue.claim('w', 1, LEASE_MS)
    await queue.end('g', old, null, 'w')
    const waits = (await queue.request('g', button()))!.checkId
    rig().clock.skip(3_601_000)
    expect(await queue.prune()).toBeGreaterThan(0)
    expect(await queue.get('g', old)).toBeNull()
    expect(await queue.get('g', waits)).toMatchObject({ state: 'pending' })
  })
}
