import { pino } from 'pino'
import { beforeAll, describe, expect, it } from 'vitest'
import { AppError } from '../errors.ts'
import type { HotState } from '../hot-state/hot-state.ts'
import { createInProcessHotState } from '../hot-state/in-process-hot-state.ts'
import type { Metadata } from '../metadata/metadata.ts'
import { type Access, accessDefaults, createAccess } from './access.ts'
import type { KeyRole, Principal, Role } from './permissions.ts'

const PASSWORD = 'correct horse battery staple'
const ADDRESS = '192.0.2.7'

interface World {
  readonly access: Access
  readonly metadata: Metadata
  readonly admin: Principal
  readonly adminToken: string
  pass(ms: number): void
  /** Another server over the same metadata; with `hotState` a shared one. */
  another(hotState?: HotState): Access
}

/** What accounts do, over any metadata store. `open` answers a started store with empty tables. */
export function describeAccess(title: string, open: () => Promise<Metadata>): void {
  // Passwords are slow by intent, and slower on a busy machine.
  describe(title, { timeout: 60_000 }, () => {
    let world: World
    beforeAll(async () => {
      world = await createWorld(await open())
      return () => world.metadata.stop()
    })
    describeFirstAdmin(() => world, open)
    describeSignIn(() => world)
    describeSessions(() => world)
    describeUsers(() => world)
    describeApiKeys(() => world)
    describeAuditLog(() => world)
  })
}

async function createWorld(metadata: Metadata): Promise<World> {
  let nowMs = Date.parse('2026-03-01T12:00:00Z')
  const clock = { nowMs: () => nowMs }
  const logger = pino({ level: 'silent' })
  const another = (hotState: HotState = createInProcessHotState({ maxKeys: 10_000 }, { clock })): Access =>
    createAccess(accessDefaults, { metadata, hotState, clock, logger })
  const access = another()
  await access.ensureFirstAdmin({ password: PASSWORD })
  const { principal: admin, token: adminToken } = await signIn(access, 'admin')
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { access, metadata, admin, adminToken, pass, another }
}

function signIn(access: Access, username: string, password = PASSWORD, address = ADDRESS) {
  return access.signIn({ username, password, address })
}

async function createUser({ access, admin }: World, username: string, role: Role = 'viewer') {
  const user = await access.users.create(admin, { username, password: PASSWORD, role })
  return { user, ...(await signIn(access, username)) }
}

const failsWith = (code: AppError['code']) => expect.objectContaining({ name: 'AppError', code })

function describeFirstAdmin(world: () => World, open: () => Promise<Metadata>): void {
  it('makes one administrator with a random password, shown once, however many servers start', async () => {
    const metadata = await open()
    const deps = { metadata, clock: { nowMs: () => Date.now() }, logger: pino({ level: 'silent' }) }
    const servers = Array.from({ length: 4 }, () =>
      createAccess(accessDefaults, { ...deps, hotState: createInProcessHotState({ maxKeys: 100 }, deps) }),
    )
    const made = await Promise.all(servers.map((server) => server.ensureFirstAdmin({})))
    const first = made.filter((each) => each !== null)
    expect(first).toEqual([{ username: 'admin', password: expect.stringMatching(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/) }])
    const session = await signIn(servers[1]!, 'admin', first[0]!.password!)
    expect(session.principal).toMatchObject({ tenant: 'default', kind: 'user', name: 'admin', role: 'admin' })
    expect(await servers[0]!.ensureFirstAdmin({ password: 'another password' })).toBeNull()
    await expect(signIn(servers[0]!, 'admin', 'another password')).rejects.toEqual(failsWith('unauthenticated'))
    await metadata.stop()
  })

  it('refuses a given password that is too short, and makes nobody', async () => {
    const metadata = await open()
    const clock = { nowMs: () => Date.now() }
    const hotState = createInProcessHotState({ maxKeys: 100 }, { clock })
    const access = createAccess(accessDefaults, { metadata, hotState, clock, logger: pino({ level: 'silent' }) })
    await expect(access.ensureFirstAdmin({ password: 'admin' })).rejects.toEqual(failsWith('config_invalid'))
    expect(await metadata.db.selectFrom('users').selectAll().execute()).toEqual([])
    await metadata.stop()
  })

  it('does not tell a password that was given', async () => {
    expect(await world().access.ensureFirstAdmin({ password: PASSWORD })).toBeNull()
  })
}

function describeSignIn(world: () => World): void {
  it.each([
    ['a wrong password', 'admin', 'not the password'],
    ['an empty password', 'admin', ''],
    ['a password of 1 MB', 'admin', 'x'.repeat(1_048_576)],
    ['an unknown user', 'nobody', PASSWORD],
    ['no username', '', PASSWORD],
    ['SQL', `' or 1=1; --`, `' or 1=1; --`],
    ['NUL', 'admin\0', `${PASSWORD}\0`],
    ['half a surrogate pair', 'admin\ud800', '\udfff'.repeat(10)],
    ['a username of 1 MB', 'x'.repeat(1_048_576), PASSWORD],
  ])('refuses %s with the same words', async (title, username, password) => {
    const refused = signIn(world().access, username, password, title)
    await expect(refused).rejects.toMatchObject({ code: 'unauthenticated', message: 'Wrong username or password' })
  })

  it('knows the username in any case, and the password however it is composed', async () => {
    const { access, admin } = world()
    await access.users.create(admin, { username: 'Ana.Ruiz', password: 'contrase\u00f1a segura', role: 'viewer' })
    const session = await signIn(access, 'ANA.ruiz', 'contrasen\u0303a segura')
    expect(session.principal.name).toBe('ana.ruiz')
  })

  it('keeps tenants apart', async () => {
    const elsewhere = world().access.signIn({ tenant: 'other', username: 'admin', password: PASSWORD, address: 'a' })
    await expect(elsewhere).rejects.toEqual(failsWith('unauthenticated'))
  })

  it('lets nobody guess on, and everybody else in', async () => {
    const current = world()
    await createUser(current, 'guessed')
    const guesses = Array.from({ length: 15 }, () => signIn(current.access, 'guessed', 'wrong password', 'attacker'))
    const codes = (await Promise.allSettled(guesses)).map((each) => (each as PromiseRejectedResult).reason.code)
    expect(codes.filter((code) => code === 'unauthenticated')).toHaveLength(10)
    expect(codes.filter((code) => code === 'rate_limited')).toHaveLength(5)
    await expect(signIn(current.access, 'guessed', PASSWORD, 'attacker')).rejects.toEqual(failsWith('rate_limited'))
    expect((await signIn(current.access, 'guessed')).principal.name).toBe('guessed')
    current.pass(15 * 60_000)
    expect((await signIn(current.access, 'guessed', PASSWORD, 'attacker')).principal.name).toBe('guessed')
  })

  it('lets many sign in at once with the right password', async () => {
    const sessions = await Promise.all(Array.from({ length: 15 }, () => signIn(world().access, 'admin')))
    expect(new Set(sessions.map((session) => session.token)).size).toBe(15)
  })
}

function describeSessions(world: () => World): void {
  it.each([
    '',
    'x',
    '\0',
    'dl_',
    'dls_',
    `dls_${'a'.repeat(42)}`,
    `dls_${'a'.repeat(43)}`,
    `dl_${'a'.repeat(43)}`,
    'x'.repeat(1e6),
  ])('knows nobody by the token %.50j', async (token) => {
    expect(await world().access.authenticate(token)).toBeNull()
    await world().access.signOut(token)
  })

  it('stores no token, and knows it after a restart of the server', async () => {
    const { access, metadata, another } = world()
    const { token, principal, expiresAt } = await signIn(access, 'admin')
    expect(principal.expiresAt).toEqual(expiresAt)
    const stored = JSON.stringify(await metadata.db.selectFrom('sessions').selectAll().execute())
    expect(stored).not.toContain(token.slice(4))
    expect(await another().authenticate(token)).toEqual(principal)
  })

  it('ends when nobody uses it, and at the end of its life however much it is used', async () => {
    const current = world()
    const idle = await signIn(current.access, 'admin')
    current.pass(accessDefaults.sessionIdleMs - 1)
    expect(await current.access.authenticate(idle.token)).not.toBeNull()
    current.pass(accessDefaults.sessionIdleMs)
    expect(await current.access.authenticate(idle.token)).toBeNull()

    const busy = await signIn(current.access, 'admin')
    const endsInMs = accessDefaults.sessionLifetimeMs
    for (let passedMs = 0; passedMs < endsInMs; passedMs += accessDefaults.sessionIdleMs / 2) {
      expect(await current.access.authenticate(busy.token)).not.toBeNull()
      current.pass(accessDefaults.sessionIdleMs / 2)
    }
    expect(await current.access.authenticate(busy.token)).toBeNull()
  })

  it('ends at sign-out: at once here, within seconds on a server with a cache of its own', async () => {
    const current = world()
    const far = current.another()
    const { token } = await signIn(current.access, 'admin')
    expect(await far.authenticate(token)).not.toBeNull()
    expect(await current.access.authenticate(token)).not.toBeNull()
    await current.access.signOut(token)
    expect(await current.access.authenticate(token)).toBeNull()
    current.pass(accessDefaults.cacheMs)
    expect(await far.authenticate(token)).toBeNull()
  })

  it('goes on without hot state, but lets nobody sign in', async () => {
    const { token } = await signIn(world().access, 'admin')
    const away = async (): Promise<never> => {
      throw new AppError('hot_state_unavailable', 'away', { retryable: true })
    }
    const hotState = { name: 'away', start: away, stop: away, get: away, set: away, delete: away }
    const access = world().another({ ...hotState, increment: away, acquireLease: away, releaseLease: away })
    expect((await access.authenticate(token))?.name).toBe('admin')
    await access.signOut(token)
    expect(await access.authenticate(token)).toBeNull()
    await expect(signIn(access, 'admin')).rejects.toEqual(failsWith('hot_state_unavailable'))
  })
}

function describeUsers(world: () => World): void {
  it('lists, finds, changes and removes; ends sessions with each change that matters', async () => {
    const current = world()
    const { access, admin } = current
    const { user, token } = await createUser(current, 'bela', 'viewer')
    expect(await access.users.get(admin, user.id)).toMatchObject({ username: 'bela', role: 'viewer', active: true })
    const names = (await access.users.list(admin, { limit: 1000 })).map(({ username }) => username)
    expect(names).toEqual([...names].sort())
    const [next] = await access.users.list(admin, { limit: 1, after: 'admin' })
    expect(next?.username).toBe(names[names.indexOf('admin') + 1])

    expect((await access.users.update(admin, user.id, { role: 'operator' })).role).toBe('operator')
    expect(await access.authenticate(token)).toBeNull()
    const second = await signIn(access, 'bela')
    expect(second.principal.permissions.has('process:write')).toBe(true)
    await access.users.update(admin, user.id, { password: 'another password' })
    expect(await access.authenticate(second.token)).toBeNull()
    await expect(signIn(access, 'bela')).rejects.toEqual(failsWith('unauthenticated'))
    const third = await signIn(access, 'bela', 'another password')
    await access.users.update(admin, user.id, { active: false })
    expect(await access.authenticate(third.token)).toBeNull()
    await expect(signIn(access, 'bela', 'another password')).rejects.toEqual(failsWith('unauthenticated'))
    await access.users.remove(admin, user.id)
    await expect(access.users.get(admin, user.id)).rejects.toEqual(failsWith('not_found'))
    await expect(access.users.remove(admin, user.id)).rejects.toEqual(failsWith('not_found'))
  })

  it('changes the own password: the session goes on, the others end', async () => {
    const current = world()
    const { access } = current
    const { principal, token } = await createUser(current, 'own')
    const other = await signIn(access, 'own')
    const change = { newPassword: 'a new password', token, address: ADDRESS }
    const wrong = access.users.changeOwnPassword(principal, { ...change, currentPassword: 'wrong password' })
    await expect(wrong).rejects.toEqual(failsWith('forbidden'))
    const short = access.users.changeOwnPassword(principal, {
      ...change,
      newPassword: 'short',
      currentPassword: PASSWORD,
    })
    await expect(short).rejects.toEqual(failsWith('value_invalid'))
    await access.users.changeOwnPassword(principal, { ...change, currentPassword: PASSWORD })
    expect(await access.authenticate(token)).not.toBeNull()
    expect(await access.authenticate(other.token)).toBeNull()
    await signIn(access, 'own', 'a new password')
  })

  it.each([
    ['a short password', { username: 'x', password: '123456789', role: 'viewer' }, 'value_invalid'],
    ['half a surrogate pair', { username: 'x', password: `${PASSWORD}\ud800`, role: 'viewer' }, 'value_invalid'],
    ['a username with a space', { username: 'a b', password: PASSWORD, role: 'viewer' }, 'value_invalid'],
    ['NUL in the username', { username: 'a\0', password: PASSWORD, role: 'viewer' }, 'value_invalid'],
    ['a taken username', { username: 'ADMIN', password: PASSWORD, role: 'viewer' }, 'metadata_conflict'],
    ['a role of keys', { username: 'x', password: PASSWORD, role: 'ingest' as Role }, 'value_invalid'],
    ['a role that is none', { username: 'x', password: PASSWORD, role: '__proto__' as Role }, 'value_invalid'],
  ] as const)('does not create a user with %s', async (_title, user, code) => {
    await expect(world().access.users.create(world().admin, user)).rejects.toEqual(failsWith(code))
  })

  it('keeps the last administrator, also when two take each other away', async () => {
    const current = world()
    const { access, admin } = current
    for (const change of [{ role: 'viewer' }, { active: false }] as const) {
      await expect(access.users.update(admin, admin.id, change)).rejects.toEqual(failsWith('forbidden'))
    }
    await expect(access.users.remove(admin, admin.id)).rejects.toEqual(failsWith('forbidden'))
    const second = await createUser(current, 'second', 'admin')
    const attempts = await Promise.allSettled([
      access.users.update(admin, second.user.id, { role: 'viewer' }),
      access.users.update(second.principal, admin.id, { role: 'viewer' }),
    ])
    expect(attempts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const [lost] = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []))
    const winner = lost?.id === admin.id ? second.principal : admin
    await access.users.update(winner, lost!.id, { role: 'admin' })
  })
}

function describeApiKeys(world: () => World): void {
  it('shows a key once, knows it by its hash, and forgets it when it is revoked', async () => {
    const { access, admin, metadata, pass } = world()
    pass(1)
    const { apiKey, key } = await access.apiKeys.create(admin, { name: 'agent of web-1', role: 'ingest' })
    expect(key).toMatch(/^dl_[A-Za-z0-9_-]{43}$/)
    expect(key.startsWith(apiKey.prefix)).toBe(true)
    expect(JSON.stringify(await metadata.db.selectFrom('api_keys').selectAll().execute())).not.toContain(key)
    const principal = await access.authenticate(key)
    expect(principal).toMatchObject({ tenant: 'default', kind: 'api-key', id: apiKey.id, name: 'agent of web-1' })
    expect([...principal!.permissions]).toEqual(['ingest'])
    expect(await access.authenticate(key)).toEqual(principal)

    await access.apiKeys.revoke(admin, apiKey.id)
    await access.apiKeys.revoke(admin, apiKey.id)
    expect(await access.authenticate(key)).toBeNull()
    const [newest] = await access.apiKeys.list(admin, { limit: 1 })
    expect(newest).toMatchObject({ id: apiKey.id, role: 'ingest', revokedAt: expect.any(Date) })
    await expect(access.apiKeys.revoke(admin, 'none')).rejects.toEqual(failsWith('not_found'))
  })

  it('says when a key was last used, and writes that at most once a minute', async () => {
    const current = world()
    const { access, admin } = current
    current.pass(1)
    const { key } = await access.apiKeys.create(admin, { name: 'used', role: 'viewer' })
    const lastUsed = async () => (await access.apiKeys.list(admin, { limit: 1 }))[0]?.lastUsedAt
    expect(await lastUsed()).toBeNull()
    await access.authenticate(key)
    const first = await lastUsed()
    current.pass(59_999)
    await access.authenticate(key)
    expect(await lastUsed()).toEqual(first)
    current.pass(accessDefaults.cacheMs)
    await access.authenticate(key)
    expect(await lastUsed()).toEqual(new Date(first!.getTime() + 59_999 + accessDefaults.cacheMs))
  })

  it('replaces the key of a part of the installation', async () => {
    const { access, admin } = world()
    const part = { tenant: 'default', name: 'agent beside the server', role: 'ingest' } as const
    const before = await access.apiKeys.issueSystemKey(part)
    const after = await access.apiKeys.issueSystemKey(part)
    expect(await access.authenticate(before)).toBeNull()
    expect((await access.authenticate(after))?.name).toBe(part.name)
    const listed = await access.apiKeys.list(admin, { limit: 100 })
    expect(listed.filter(({ name }) => name === part.name)).toMatchObject([{ createdBy: 'system' }])
  })

  it.each([
    ['an empty name', { name: ' ', role: 'viewer' }],
    ['a long name', { name: 'x'.repeat(101), role: 'viewer' }],
    ['NUL', { name: 'a\0', role: 'viewer' }],
    ['an unknown role', { name: 'x', role: 'root' as KeyRole }],
  ] as const)('does not create a key with %s', async (_title, key) => {
    await expect(world().access.apiKeys.create(world().admin, key)).rejects.toEqual(failsWith('value_invalid'))
  })
}

function describeAuditLog(world: () => World): void {
  it('tells of every change, newest first, and no secret', async () => {
    const { access, admin, pass } = world()
    pass(1)
    const password = 'the secret of the audited'
    const user = await access.users.create(admin, { username: 'audited', password, role: 'viewer' })
    pass(1)
    await access.users.update(admin, user.id, { password: `${password}!`, role: 'operator' })
    pass(1)
    const { key, apiKey } = await access.apiKeys.create(admin, { name: 'audited', role: 'viewer' })
    pass(1)
    await access.apiKeys.revoke(admin, apiKey.id)
    pass(1)
    await access.users.remove(admin, user.id)
    const entries = await access.auditLog.list(admin, { limit: 5 })
    const [removed, revoked, created, updated, first] = entries
    const actor = `user:${admin.id}`
    expect(removed).toMatchObject({ actor, action: 'user.remove', subject: `user:${user.id}` })
    expect(revoked).toMatchObject({ actor, action: 'key.revoke', subject: `key:${apiKey.id}` })
    expect(created).toMatchObject({ action: 'key.create', detail: { name: 'audited', role: 'viewer' } })
    expect(updated).toMatchObject({ action: 'user.update', detail: { password: 'changed', role: 'operator' } })
    expect(first).toMatchObject({ action: 'user.create', detail: { username: 'audited', role: 'viewer' } })
    const all = JSON.stringify(await access.auditLog.list(admin, { limit: 1000 }))
    for (const secret of [password, key, PASSWORD, world().adminToken]) expect(all).not.toContain(secret)
    const page = await access.auditLog.list(admin, { limit: 2, before: entries[1]!.id })
    expect(page).toEqual(entries.slice(2, 4))
  })

  it('denies to each role what it may not, and to everyone what is another tenant’s', async () => {
    const current = world()
    const { access, admin, metadata } = current
    const operator = await createUser(current, 'plain', 'operator')
    const denied = [
      access.users.create(operator.principal, { username: 'y', password: PASSWORD, role: 'admin' }),
      access.users.list(operator.principal, { limit: 1 }),
      access.users.get(operator.principal, admin.id),
      access.users.update(operator.principal, operator.user.id, { role: 'admin' }),
      access.users.remove(operator.principal, admin.id),
      access.apiKeys.create(operator.principal, { name: 'n', role: 'admin' }),
      access.apiKeys.list(operator.principal, { limit: 1 }),
      access.apiKeys.revoke(operator.principal, 'any'),
      access.auditLog.list(operator.principal, { limit: 1 }),
    ]
    for (const attempt of await Promise.allSettled(denied)) {
      expect(attempt).toMatchObject({ status: 'rejected', reason: { code: 'forbidden' } })
    }
    const tenant = { tenant: 'other', name: 'Other', created_at: new Date() }
    await metadata.db.insertInto('tenants').values(tenant).execute()
    const stranger: Principal = { ...admin, tenant: 'other' }
    expect(await access.users.list(stranger, { limit: 10 })).toEqual([])
    expect(await access.apiKeys.list(stranger, { limit: 10 })).toEqual([])
    expect(await access.auditLog.list(stranger, { limit: 10 })).toEqual([])
    await expect(access.users.get(stranger, admin.id)).rejects.toEqual(failsWith('not_found'))
    await expect(access.users.update(stranger, admin.id, { role: 'viewer' })).rejects.toEqual(failsWith('not_found'))
    await expect(access.users.remove(stranger, operator.user.id)).rejects.toEqual(failsWith('not_found'))
  })
}
