import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { createSealer } from '@driftline/platform/access/sealing'
import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CredentialStore, createCredentialStore } from './credential-store.ts'

const CANARY = 'canary-4f2a'
const by = 'user:admin'
const basic = { kind: 'basic', hosts: ['crm.example'], fields: { username: 'robot', password: `${CANARY}-1` } }

/** The vault's credentials, over any metadata store; `open` answers an empty one. */
export function describeCredentialStore(title: string, open: () => Metadata): void {
  describe(title, () => {
    let metadata: Metadata
    let store: CredentialStore
    let nowMs = Date.parse('2026-05-04T08:00:00Z')
    const sealer = createSealer({ key: randomBytes(32) })
    const clock = { nowMs: () => nowMs }
    beforeAll(async () => {
      metadata = open()
      await metadata.start()
      store = createCredentialStore({ metadata, sealer, clock })
    })
    afterAll(async () => {
      const { db } = metadata
      const tables = [
        await db.selectFrom('credentials').selectAll().execute(),
        await db.selectFrom('vault_keys').selectAll().execute(),
        await db.selectFrom('audit_log').selectAll().execute(),
      ]
      expect(JSON.stringify(tables)).not.toContain(CANARY)
      await metadata.stop()
    })

    it('keeps a credential, shows what is no secret, and opens all of it for the checker', async () => {
      const made = await store.create('one', { ...basic, name: 'CRM robot', about: 'for the nightly check' }, by)
      expect(made).toMatchObject({ shown: { username: 'robot' }, secretsSet: ['password'], readable: true, version: 1 })
      expect(JSON.stringify([made, await store.list('one'), await store.get('one', 'CRM robot')])).not.toContain(CANARY)
      const opened = await store.openFor('one', 'CRM robot')
      expect(opened).toMatchObject({ kind: 'basic', hosts: ['crm.example'], fields: basic.fields })
      expect(await store.openFor('two', 'CRM robot')).toBeNull()
      expect(await store.list('two')).toEqual([])
    })

    it('leaves secrets as they are that are not typed, and follows the version', async () => {
      const change = { about: 'changed', fields: { username: 'robot2' } }
      const next = await store.update('one', 'CRM robot', 1, change, by)
      expect(next).toMatchObject({ version: 2, shown: { username: 'robot2' }, about: 'changed' })
      const opened = await store.openFor('one', 'CRM robot')
      expect(opened?.fields).toEqual({ username: 'robot2', password: `${CANARY}-1` })
      const late = store.update('one', 'CRM robot', 1, { about: 'late' }, by)
      await expect(late).rejects.toMatchObject({ code: 'metadata_conflict' })
      await store.update('one', 'CRM robot', null, { fields: { password: `${CANARY}-2` } }, by)
      expect((await store.openFor('one', 'CRM robot'))?.fields['password']).toBe(`${CANARY}-2`)
    })

    it('asks for the secret again when more hosts would see it, or it would be sent elsewhere', async () => {
      const wider = store.update('one', 'CRM robot', null, { hosts: ['crm.example', 'evil.example'] }, by)
      await expect(wider).rejects.toThrow('fields.password: Type it again: more hosts may see it')
      const typed = { hosts: ['crm.example', '*.erp.example'], fields: { password: `${CANARY}-3` } }
      expect(await store.update('one', 'CRM robot', null, typed, by)).toMatchObject({ hosts: typed.hosts })
      expect(await store.update('one', 'CRM robot', null, { hosts: ['a.erp.example'] }, by)).toMatchObject({
        hosts: ['a.erp.example'],
      })
      const fields = { tokenUrl: 'https://id.example/token', clientId: 'c', clientSecret: `${CANARY}-4` }
      await store.create('one', { name: 'oauth', kind: 'oauth2', hosts: ['api.example'], fields }, by)
      const moved = store.update('one', 'oauth', null, { fields: { tokenUrl: 'https://evil.example/token' } }, by)
      await expect(moved).rejects.toThrow('fields.clientSecret: Type it again: the address changed')
    })

    it('does not open in another row, and not with hosts that somebody wrote into the table', async () => {
      await store.create('one', { ...basic, name: 'a' }, by)
      await store.create('one', { ...basic, name: 'b', hosts: ['other.example'] }, by)
      const { db } = metadata
      const hosts = ['evil.example']
      await db.updateTable('credentials').set({ hosts }).where('name', '=', 'a').execute()
      expect((await store.openFor('one', 'a'))?.hosts).toEqual(['crm.example'])
      const { sealed } = await db
        .selectFrom('credentials')
        .select('sealed')
        .where('name', '=', 'a')
        .executeTakeFirstOrThrow()
      await db.updateTable('credentials').set({ sealed }).where('name', '=', 'b').execute()
      await expect(store.openFor('one', 'b')).rejects.toMatchObject({ code: 'secret_unreadable' })
      expect(await store.get('one', 'b')).toMatchObject({ readable: false, shown: {}, secretsSet: [] })
      // Typed anew as a whole it can be used again.
      expect(await store.update('one', 'b', null, { fields: basic.fields }, by)).toMatchObject({ readable: true })
      await db
        .updateTable('credentials')
        .set({ hosts: ['crm.example'] })
        .where('name', '=', 'a')
        .execute()
    })

    it('says who uses one and refuses to remove it, unless it is told to', async () => {
      const at = new Date(nowMs)
      const value = { steps: [{ checkConfiguration: { url: 'https://crm.example/', credential: 'a' } }] }
      const rest = { category: '', active: true, managed_by: 'user', version: 1, created_at: at, updated_at: at }
      await metadata.db
        .insertInto('flows')
        .values({ tenant: 'one', id: 'flow:night', name: 'Night', value, updated_by: by, ...rest })
        .execute()
      expect((await store.users('one')).get('a')).toEqual([{ type: 'flow', id: 'flow:night', name: 'Night' }])
      await expect(store.remove('one', 'a', { force: false }, by)).rejects.toThrow('a is used by Night')
      await store.remove('one', 'a', { force: true }, by)
      await expect(store.get('one', 'a')).rejects.toMatchObject({ code: 'not_found' })
      await store.remove('one', 'b', { force: false }, by)
    })

    it('notes the use at most once a minute', async () => {
      const { id } = (await store.openFor('one', 'oauth'))!
      const usedAt = async () => (await store.get('one', 'oauth')).lastUsedAt?.getTime()
      await store.used('one', { id, name: 'oauth' })
      const first = nowMs
      expect(await usedAt()).toBe(first)
      nowMs += 59_000
      await store.used('one', { id, name: 'oauth' })
      expect(await usedAt()).toBe(first)
      nowMs += 1000
      await store.used('one', { id, name: 'oauth' })
      expect(await usedAt()).toBe(nowMs)
    })

    it('replaces the data key under readers', async () => {
      const reading = Array.from(
        { length: 20 },
        async () => (await store.openFor('one', 'oauth'))?.fields['clientSecret'],
      )
      const [report, ...read] = await Promise.all([store.rotate('one'), ...reading])
      expect(report).toEqual({ resealed: 2, unreadable: 0 })
      expect(new Set(read)).toEqual(new Set([`${CANARY}-4`]))
      expect((await store.openFor('one', 'CRM robot'))?.fields['password']).toBe(`${CANARY}-3`)
      expect(await metadata.db.selectFrom('vault_keys').selectAll().where('tenant', '=', 'one').execute()).toHaveLength(
        1,
      )
    })

    it('takes a name once, and keeps a bound', async () => {
      const twice = store.create('one', { ...basic, name: 'oauth' }, by)
      await expect(twice).rejects.toThrow('There is a credential named oauth already')
      for (let index = 0; index < 500; index++) await store.create('full', { ...basic, name: `c${index}` }, by)
      await expect(store.create('full', { ...basic, name: 'more' }, by)).rejects.toMatchObject({ code: 'rate_limited' })
      expect(await store.list('full')).toHaveLength(500)
    })

    const wrong: [string, object, string][] = [
      ['no hosts', { hosts: [] }, 'hosts: Name at least one host'],
      ['a host that is an address of a page', { hosts: ['https://crm.example/'] }, 'hosts.0'],
      ['all hosts', { hosts: ['*'] }, 'hosts.0'],
      ['a name that is none', { name: `../${CANARY}\n` }, 'name'],
      ['a kind that is none', { kind: 'magic' }, 'kind'],
      ['a secret that is missing', { fields: { username: 'x' } }, 'fields.password: is needed'],
      ['a field that is none', { fields: { ...basic.fields, extra: CANARY } }, 'fields.extra: is no field'],
      ['a line break', { fields: { username: 'x', password: `${CANARY}\r\nX: y` } }, 'fields.password'],
      ['a colon in the user', { fields: { username: 'x:y', password: CANARY } }, 'fields.username'],
      ['a token with a line break', { kind: 'bearer', fields: { token: `${CANARY}\n` } }, 'fields.token'],
      [
        'an address with a password in it',
        { kind: 'oauth2', fields: { tokenUrl: `https://u:${CANARY}@x.example/`, clientId: 'c', clientSecret: 's' } },
        'fields.tokenUrl',
      ],
      [
        'no certificate',
        { kind: 'client_certificate', fields: { certificate: CANARY, key: CANARY } },
        'fields.certificate',
      ],
      ['no key', { kind: 'ssh_key', fields: { username: 'x', privateKey: CANARY } }, 'fields.privateKey'],
      ['a header that is none', { kind: 'api_key', fields: { name: 'a b', value: CANARY } }, 'fields.name'],
    ]
    it.each(wrong)('refuses %s without repeating values', async (_, draft, expected) => {
      const error = await store.create('one', { name: 'draft', ...basic, ...draft }, by).catch((thrown) => thrown)
      expect(error).toBeInstanceOf(AppError)
      expect(error).toMatchObject({ code: 'value_invalid', message: expect.stringContaining(expected) })
      expect(inspect(error, { depth: 9 })).not.toContain(CANARY)
    })
  })
}
