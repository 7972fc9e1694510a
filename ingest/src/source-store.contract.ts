import { setTimeout as sleep } from 'node:timers/promises'
import { createSealer } from '@driftline/platform/access/sealing'
import { AppError } from '@driftline/platform/errors'
import { expect, it } from 'vitest'
import type { Source } from './definitions/source.ts'
import { createFileSources, readFileSources } from './file-sources.ts'
import { createSourceStore, InvalidSourceError, type NewSource } from './source-store.ts'
import { createSourceWatch, type InvalidSource } from './source-watch.ts'
import { CANARY, describeOver, eventually, type OpenMetadata, type SourcesRig } from './testing/sources-contract.ts'

const T = 'default'
const broker = (name: string, more: object = {}): NewSource => ({
  kind: 'mqtt',
  name,
  definition: { broker: { url: 'mqtts://broker.example:8883', username: 'driftline' } },
  secrets: { password: CANARY },
  ...more,
})
const file = (name: string, more: object = {}): NewSource => ({
  kind: 'file',
  name,
  definition: { paths: ['/var/log/x.log'], ...more },
})

interface Told {
  sources: readonly Source[]
  invalid: readonly InvalidSource[]
  times: number
  /** Makes the listener fail so many times. */
  failures: number
}

async function watch(rig: SourcesRig, kinds: readonly ('mqtt' | 'file')[], instance?: string): Promise<Told> {
  const told: Told = { sources: [], invalid: [], times: 0, failures: 0 }
  const onChange = (sources: readonly Source[], invalid: readonly InvalidSource[]): void => {
    if (told.failures-- > 0) throw new Error('not now')
    Object.assign(told, { sources, invalid, times: told.times + 1 })
  }
  const config = { kinds, everyMs: 20, ...(instance === undefined ? {} : { instance }) }
  await rig.run(createSourceWatch(config, { ...rig, onChange }))
  return told
}

/** What the store of sources and its watch do, whatever database stands behind them. */
export function describeSourceStore(title: string, open: OpenMetadata): void {
  describeOver(title, open, (rig) => {
    describeStore(rig)
    describeSecrets(rig)
    describeWatch(rig)
    describeFile(rig)
  })
}

function describeStore(rig: () => SourcesRig): void {
  it('keeps what was created, with its defaults, and shows no secret', async () => {
    const store = createSourceStore(rig())
    const made = await store.create(T, broker('a'), 'user:1')
    expect(made).toMatchObject({
      kind: 'mqtt',
      name: 'a',
      active: true,
      hasSecrets: true,
      managedBy: 'user',
      version: 1,
    })
    expect(made.definition).toMatchObject({ broker: { protocol: '5' }, discover: ['#'], silentAfterSeconds: 300 })
    expect(await store.get(T, made.id)).toEqual(made)
    expect(await store.list(T, { kind: 'mqtt' })).toContainEqual(made)
    expect(JSON.stringify(made)).not.toContain(CANARY)
    await expect(store.get('other', made.id)).rejects.toMatchObject({ code: 'not_found' })
    expect(await store.list('other')).toEqual([])
  })

  it('has one source of a kind and name in a tenant', async () => {
    const store = createSourceStore(rig())
    await store.create(T, file('taken'), 'user:1')
    await expect(store.create(T, file('taken'), 'user:1')).rejects.toMatchObject({ code: 'metadata_conflict' })
    await store.create('other', file('taken'), 'user:1')
    await store.create(T, broker('taken'), 'user:1')
    const free = await store.create(T, file('free'), 'user:1')
    const rename = store.update(T, free.id, free.version, { name: 'taken' }, 'user:1')
    await expect(rename).rejects.toMatchObject({ code: 'metadata_conflict', message: /named taken already/ })
  })

  it('lets one of several changes of a version win', async () => {
    const store = createSourceStore(rig())
    const made = await store.create(T, file('raced'), 'user:1')
    const attempts = ['x', 'y', 'z'].map((name) => store.update(T, made.id, 1, { name }, 'user:1'))
    const outcomes = await Promise.allSettled(attempts)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'metadata_conflict' })
    }
    expect(await store.get(T, made.id)).toMatchObject({ version: 2 })
  })

  const refused: [string, NewSource, RegExp][] = [
    ['a definition of another shape', { kind: 'mqtt', name: 'r', definition: { paths: [] } }, /definition/],
    ['a field that nobody knows', file('r', { wat: 1 }), /wat/],
    [
      'a relative path',
      { kind: 'file', name: 'r', definition: { paths: ['log'] } },
      /definition\.paths\.0: must be absolute/,
    ],
    ['syslog without a port', { kind: 'syslog', name: 'r', definition: {} }, /udpPort or tcpPort/],
    ['no name', file('  '), /name: must have/],
    ['a name with a line break', file('a\nb'), /name: must have/],
    ['a secret that nobody knows', broker('r', { secrets: { passwort: CANARY } }), /secrets/],
    ['a secret of the wrong type', broker('r', { secrets: { password: [CANARY] } }), /secrets\.password/],
    ['a kind that nobody knows', { kind: 'sql' as 'mqtt', name: 'r', definition: {} }, /kind: must be one of/],
    [
      'a rule that cannot be read',
      {
        kind: 'push',
        name: 'r',
        definition: { door: 'records', key: 'k', rules: [{ name: 'n', expression: 'amount >' }] },
      },
      /definition\.rules\.0\.expression/,
    ],
    [
      'a rule over a window',
      file('r', { reading: { rules: [{ name: 'n', expression: 'rate(amount, 1m) > 5' }] } }),
      /definition\.reading\.rules\.0\.expression: .*window/,
    ],
  ]
  it.each(refused)('refuses %s', async (_what, source, message) => {
    const attempt = createSourceStore(rig()).create(T, source, 'user:1')
    await expect(attempt).rejects.toThrow(message)
    const error = await attempt.catch((each: unknown) => each)
    expect(error).toBeInstanceOf(InvalidSourceError)
    expect(error).toMatchObject({ code: 'value_invalid' })
    expect(String(error)).not.toContain(CANARY)
  })

  it('removes a source with its status', async () => {
    const { metadata } = rig()
    const store = createSourceStore(rig())
    const made = await store.create(T, file('gone'), 'user:1')
    const status = { instance: 'i', service: 'tailer', detail: {}, updated_at: new Date() }
    await metadata.db
      .insertInto('source_status')
      .values({ ...status, tenant: T, source: made.id })
      .execute()
    await store.remove(T, made.id, 'user:1')
    await expect(store.get(T, made.id)).rejects.toMatchObject({ code: 'not_found' })
    await expect(store.remove(T, made.id, 'user:1')).rejects.toMatchObject({ code: 'not_found' })
    const left = metadata.db.selectFrom('source_status').selectAll().where('source', '=', made.id)
    expect(await left.execute()).toEqual([])
  })

  it('says in the audit log who changed what, and nothing of what did not happen', async () => {
    const store = createSourceStore(rig())
    const { id } = await store.create(T, broker('audited'), 'user:1')
    await expect(store.create(T, broker('audited'), 'user:2')).rejects.toMatchObject({ code: 'metadata_conflict' })
    await store.update(T, id, 1, { active: false, secrets: { password: `x ${CANARY}` } }, 'key:7')
    await expect(store.update(T, id, 1, { active: true }, 'user:2')).rejects.toMatchObject({
      code: 'metadata_conflict',
    })
    await store.remove(T, id, 'user:3')
    const entries = await rig()
      .metadata.db.selectFrom('audit_log')
      .select(['tenant', 'actor', 'action', 'detail'])
      .where('subject', '=', `source:${id}`)
      .orderBy('at')
      .execute()
    expect(entries.sort((a, b) => (a.action < b.action ? -1 : 1))).toEqual([
      { tenant: T, actor: 'user:1', action: 'source.create', detail: { kind: 'mqtt', name: 'audited' } },
      { tenant: T, actor: 'user:3', action: 'source.remove', detail: { kind: 'mqtt', name: 'audited' } },
      {
        tenant: T,
        actor: 'key:7',
        action: 'source.update',
        detail: { kind: 'mqtt', name: 'audited', changed: ['active', 'secrets'] },
      },
    ])
  })

  it('makes a source that appears by itself once, and leaves what people made of it', async () => {
    const store = createSourceStore(rig())
    const push: NewSource = { kind: 'push', name: 'otlp of key ci', definition: { door: 'otlp', key: 'k1' } }
    const made = await Promise.all(Array.from({ length: 8 }, () => store.ensure(T, push)))
    expect(new Set(made.map(({ id }) => id)).size).toBe(1)
    await store.update(T, made[0]!.id, 1, { name: 'builds', active: false }, 'user:1')
    expect(await store.ensure(T, push)).toMatchObject({ id: made[0]!.id, name: 'builds', active: false })
  })
}

function describeSecrets(rig: () => SourcesRig): void {
  const opened = async (id: string): Promise<unknown> => {
    const told = await watch(rig(), ['mqtt'])
    return told.sources.find((each) => each.id === id)?.secrets
  }

  it('keeps secrets that are not typed anew, replaces what is typed, and removes what is taken away', async () => {
    const store = createSourceStore(rig())
    const { id } = await store.create(T, broker('secretive'), 'user:1')
    await store.update(T, id, 1, { name: 'secretive 2' }, 'user:1')
    expect(await opened(id)).toEqual({ password: CANARY })
    await store.update(T, id, 2, { secrets: { privateKey: `key ${CANARY}` } }, 'user:1')
    expect(await opened(id)).toEqual({ password: CANARY, privateKey: `key ${CANARY}` })
    await store.update(T, id, 3, { secrets: { password: null } }, 'user:1')
    expect(await opened(id)).toEqual({ privateKey: `key ${CANARY}` })
    expect(await store.update(T, id, 4, { secrets: null }, 'user:1')).toMatchObject({ hasSecrets: false })
    expect(await opened(id)).toEqual({})
  })

  it('sends a password to no address that it was not typed for', async () => {
    const store = createSourceStore(rig())
    const { id } = await store.create(T, broker('moved'), 'user:1')
    const definition = { broker: { url: 'mqtt://elsewhere.example:1883' } }
    await expect(store.update(T, id, 1, { definition }, 'user:2')).rejects.toThrow(/again/)
    await expect(store.update(T, id, 1, { definition, secrets: { privateKey: 'k' } }, 'user:2')).rejects.toThrow(
      /again/,
    )
    await store.update(T, id, 1, { definition, secrets: { password: `new ${CANARY}`, privateKey: null } }, 'user:2')
    expect(await opened(id)).toEqual({ password: `new ${CANARY}` })
  })

  it('says that a key is missing before anything is stored', async () => {
    const store = createSourceStore({ ...rig(), sealer: createSealer({ advice: 'set the key' }) })
    await expect(store.create(T, broker('keyless'), 'user:1')).rejects.toMatchObject({ code: 'secret_unreadable' })
    await store.create(T, broker('keyless', { secrets: {} }), 'user:1')
  })
}

function describeWatch(rig: () => SourcesRig): void {
  it('tells every change within a moment, and what did not change is the same object', async () => {
    const store = createSourceStore(rig())
    const steady = await store.create(T, file('steady'), 'user:1')
    const told = await watch(rig(), ['file'])
    const find = (id: string): Source | undefined => told.sources.find((each) => each.id === id)
    const before = find(steady.id)
    expect(before).toMatchObject({ tenant: T, kind: 'file', definition: { from: 'end' }, secrets: {} })

    const made = await store.create('other', file('fresh'), 'user:1')
    await eventually('the new one is told', () => find(made.id))
    const { times } = told
    await store.create(T, broker('of another kind'), 'user:1')
    await store.update('other', made.id, 1, { active: false }, 'user:1')
    await eventually('a paused one goes', () => find(made.id) === undefined)
    expect(told.times).toBe(times + 1)
    await store.update('other', made.id, 2, { active: true }, 'user:1')
    await eventually('it comes back', () => find(made.id)?.version === 3)
    await store.remove('other', made.id, 'user:1')
    await eventually('a removed one goes', () => find(made.id) === undefined)
    expect(find(steady.id)).toBe(before)
  })

  it('leaves out what names another instance', async () => {
    const store = createSourceStore(rig())
    const here = await store.create(T, file('here', { instance: 'one' }), 'user:1')
    const there = await store.create(T, file('there', { instance: 'two' }), 'user:1')
    const anywhere = await store.create(T, file('anywhere'), 'user:1')
    const ids = (await watch(rig(), ['file'], 'one')).sources.map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining([here.id, anywhere.id]))
    expect(ids).not.toContain(there.id)
  })

  it('reports what cannot be used, and goes on with the rest', async () => {
    const { metadata } = rig()
    const store = createSourceStore(rig())
    const odd = await store.create(T, file('odd'), 'user:1')
    const locked = await store.create(T, broker('locked'), 'user:1')
    const told = await watch(rig(), ['file', 'mqtt'])
    await metadata.db
      .updateTable('sources')
      .set({ value: { paths: 'of an older version' }, version: 2 })
      .where('id', '=', odd.id)
      .execute()
    const secrets = createSealer({ key: Buffer.alloc(32, 7) }).seal(
      { purpose: 'source-secrets', tenant: T, id: locked.id },
      '{}',
    )
    await metadata.db.updateTable('sources').set({ secrets, version: 2 }).where('id', '=', locked.id).execute()
    await eventually(
      'both are reported',
      () => told.invalid.filter(({ id }) => [odd.id, locked.id].includes(id)).length === 2,
    )
    expect(told.invalid.find(({ id }) => id === odd.id)).toMatchObject({ message: /definition\.paths/, version: 2 })
    expect(told.invalid.find(({ id }) => id === locked.id)).toMatchObject({ message: /sealed with another key/ })
    expect(told.sources.some(({ id }) => id === odd.id || id === locked.id)).toBe(false)
    expect(told.sources.length).toBeGreaterThan(0)
    await store.remove(T, odd.id, 'user:1')
    await store.remove(T, locked.id, 'user:1')
  })

  it('tells a listener that failed again', async () => {
    const store = createSourceStore(rig())
    const told = await watch(rig(), ['file'])
    told.failures = 2
    const made = await store.create(T, file('insisted'), 'user:1')
    await eventually('it is told in the end', () => told.sources.some(({ id }) => id === made.id))
  })

  it('keeps what it told last while the database is away, and goes on afterwards', async () => {
    const { metadata } = rig()
    const store = createSourceStore(rig())
    const kept = await store.create(T, file('kept'), 'user:1')
    let isAway = false
    const flaky = {
      ...metadata,
      get db() {
        if (isAway) throw new AppError('metadata_unavailable', 'away', { retryable: true })
        return metadata.db
      },
    }
    const told: string[][] = []
    const onChange = (sources: readonly Source[]): void => {
      told.push(sources.map(({ id }) => id))
    }
    await rig().run(createSourceWatch({ kinds: ['file'], everyMs: 10 }, { ...rig(), metadata: flaky, onChange }))
    isAway = true
    await eventually('it says so', () => rig().logged().includes('sources cannot be followed now'))
    const made = await store.create(T, file('made meanwhile'), 'user:1')
    expect(told).toHaveLength(1)
    isAway = false
    await eventually('it goes on', () => told.at(-1)?.includes(made.id))
    expect(told).toHaveLength(2)
    expect(told.every((ids) => ids.includes(kept.id))).toBe(true)
  })

  it('tells nothing while nothing changes', async () => {
    const told = await watch(rig(), ['file'])
    await sleep(300)
    expect(told.times).toBe(1)
  })
}

function describeFile(rig: () => SourcesRig): void {
  const sourcesOf = (sources: unknown) => readFileSources({ env: {}, yaml: { sources }, file: null })
  const apply = (sources: unknown): Promise<unknown> =>
    rig().run(createFileSources({ sources: sourcesOf(sources) }, rig()))
  const yaml = (name: string, more: object = {}) => ({
    kind: 'mqtt',
    name,
    definition: { broker: { url: 'mqtt://b:1' } },
    secrets: { password: CANARY },
    ...more,
  })
  const ofFile = async () => (await createSourceStore(rig()).list(T)).filter(({ managedBy }) => managedBy === 'file')

  it('follows the file: adds, keeps, changes and removes, and the product changes nothing', async () => {
    await apply([yaml('one'), yaml('two', { id: 'second' })])
    const first = await ofFile()
    expect(first).toMatchObject([
      { name: 'one', version: 1, hasSecrets: true, updatedBy: 'system' },
      { name: 'two', id: 'second' },
    ])
    await apply([yaml('one'), yaml('two', { id: 'second' })])
    expect(await ofFile()).toEqual(first)
    await apply([yaml('one', { secrets: { password: `other ${CANARY}` } }), yaml('renamed', { id: 'second' })])
    expect(await ofFile()).toMatchObject([
      { name: 'one', version: 2 },
      { name: 'renamed', id: 'second', version: 2 },
    ])
    const store = createSourceStore(rig())
    await expect(store.update(T, 'second', 2, { name: 'mine' }, 'user:1')).rejects.toMatchObject({ code: 'forbidden' })
    await expect(store.remove(T, 'second', 'user:1')).rejects.toMatchObject({ code: 'forbidden' })
    await apply([])
    expect(await ofFile()).toEqual([])
  })

  it('leaves out a name that somebody gave away, and says so', async () => {
    await createSourceStore(rig()).create(T, broker('given away'), 'user:1')
    await apply([yaml('given away'), yaml('not given away')])
    expect((await ofFile()).map(({ name }) => name)).toEqual(['not given away'])
    expect(rig().logged()).toContain('left out: the product has a source of this name')
    await apply([])
  })

  it('says all problems of the file at once, and where', () => {
    const wrong = [
      yaml('a', { definition: { broker: { url: 'http://x' } } }),
      yaml('b', { secrets: { pasword: CANARY } }),
      yaml('c'),
      yaml('c'),
    ]
    let message = ''
    try {
      sourcesOf(wrong)
    } catch (error) {
      expect(error).toMatchObject({ code: 'config_invalid' })
      message = String(error)
    }
    expect(message).toMatch(/sources\.0\.definition\.broker\.url/)
    expect(message).toMatch(/sources\.1\.secrets/)
    expect(message).toMatch(/sources\.3: another source before it/)
    expect(message).not.toContain(CANARY)
  })
}
