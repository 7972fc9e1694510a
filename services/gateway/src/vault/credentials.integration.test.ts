import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GatewayKit, startGatewayKit } from '../testing/gateway-kit.ts'

const CANARY = 'canary-91cd'
let kit: GatewayKit
const answers: string[] = []

beforeAll(async () => {
  kit = await startGatewayKit({ DRIFTLINE_ALLOWED_PRIVATE_NETWORKS: '10.1.0.0/16, 192.168.7.0/24' })
})
afterAll(async () => {
  expect(answers.join('\n')).not.toContain(CANARY)
  await kit?.end()
})

async function ask(method: string, path: string, body?: unknown, token?: string) {
  const given = { ...(body === undefined ? {} : { body }), ...(token === undefined ? {} : { token }) }
  const answer = await kit.request(`/api/v1${path}`, { method, ...given })
  answers.push(answer.text)
  return answer
}

const crm = {
  name: 'CRM robot',
  kind: 'basic',
  hosts: ['CRM.example'],
  fields: { username: 'robot', password: `${CANARY}-1` },
}

describe('credentials over the API', () => {
  it('are made, changed and removed, and never answer a secret', async () => {
    const made = await ask('POST', '/credentials', crm)
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ hosts: ['crm.example'], shown: { username: 'robot' }, secretsSet: ['password'] })
    expect(made.body.updatedBy).toBe('admin')
    expect((await ask('POST', '/credentials', crm)).status).toBe(409)
    const path = `/credentials/${encodeURIComponent('CRM robot')}`
    const changed = await ask('PUT', path, { about: 'nightly', fields: { password: `${CANARY}-2` }, version: 1 })
    expect(changed.body).toMatchObject({ version: 2, about: 'nightly' })
    expect((await ask('PUT', path, { about: 'late', version: 1 })).status).toBe(409)
    const wider = await ask('PUT', path, { hosts: ['crm.example', 'evil.example'] })
    expect(wider.body.errors).toEqual([
      { parameter: 'fields.password', reason: expect.stringContaining('Type it again') },
    ])
    const wrong = await ask('POST', '/credentials', { ...crm, name: 'b', fields: { password: `${CANARY}\n` } })
    expect(wrong.status).toBe(400)
    expect(wrong.body.errors[0].parameter).toBe('fields.username')
    expect((await ask('GET', path)).body).toMatchObject({ usedBy: [], lastUsedAt: null, readable: true })
    expect((await ask('DELETE', path)).status).toBe(204)
    expect((await ask('GET', path)).status).toBe(404)
  })

  it('are named to operators, and to viewers not at all', async () => {
    await ask('POST', '/credentials', { ...crm, name: 'shared' })
    const { operator, viewer } = kit.access
    const seen = await ask('GET', '/credentials', undefined, operator)
    expect(seen.body.items).toEqual([{ name: 'shared', kind: 'basic', hosts: ['crm.example'] }])
    expect((await ask('GET', '/credentials', undefined, viewer)).status).toBe(403)
    expect((await ask('GET', '/credentials/shared', undefined, operator)).status).toBe(403)
    expect((await ask('POST', '/credentials', crm, operator)).status).toBe(403)
    expect((await ask('POST', '/credentials/rotation', {}, operator)).status).toBe(403)
  })

  it('are sealed anew by a rotation, with the passwords of sources', async () => {
    const source = { kind: 'mqtt', name: 'plant', definition: { broker: { url: 'mqtt://plant.example' } } }
    await ask('POST', '/sources', { ...source, secrets: { password: `${CANARY}-3` } })
    const sealedOf = async () => {
      const { db } = kit.metadata
      const row = await db.selectFrom('credentials').select('sealed').where('name', '=', 'shared').executeTakeFirst()
      return row!.sealed
    }
    const before = await sealedOf()
    const rotated = await ask('POST', '/credentials/rotation', {})
    expect(rotated.body).toEqual({
      ...{ key: 'made', sources: 1, requests: 0, dataKeys: 1, credentials: 1, unreadable: 0, previousKeys: 0 },
    })
    expect(await sealedOf()).not.toBe(before)
    const opened = await ask('GET', '/credentials/shared')
    expect(opened.body).toMatchObject({ readable: true, shown: { username: 'robot' } })
    const log = await ask('GET', '/audit-log')
    const actions = (log.body.items as { action: string }[]).map(({ action }) => action)
    expect(actions).toEqual(expect.arrayContaining(['credential.create', 'credential.remove', 'credential.rotate']))
  })

  it('refuse to go while a flow names them', async () => {
    const at = new Date()
    const value = { steps: [{ checkConfiguration: { credential: 'shared' } }] }
    const row = { tenant: 'default', id: 'flow:night', name: 'Night', category: '', active: true, value }
    const rest = { managed_by: 'user', version: 1, created_at: at, updated_at: at, updated_by: 'system' }
    await kit.metadata.db
      .insertInto('flows')
      .values({ ...row, ...rest })
      .execute()
    const refused = await ask('DELETE', '/credentials/shared')
    expect(refused.body).toMatchObject({ code: 'credential_in_use', detail: expect.stringContaining('Night') })
    expect((await ask('GET', '/credentials/shared')).body.usedBy).toHaveLength(1)
    expect((await ask('DELETE', '/credentials/shared?force=true')).status).toBe(204)
  })
})

describe('network settings over the API', () => {
  it('say what holds and what is preset, and are set by administrators', async () => {
    const first = await ask('GET', '/settings/network', undefined, kit.access.viewer)
    expect(first.body).toMatchObject({
      ...{ version: 0, presetNetworks: ['10.1.0.0/16', '192.168.7.0/24'], updatedAt: null, updatedBy: null },
      policy: { allowedNetworks: [], ownHosts: [], hosts: [], requestsPerSecond: 10, concurrent: 4 },
    })
    const policy = { allowedNetworks: ['172.16.0.0/12'], hosts: [{ host: 'crm.example', requestsPerSecond: 2 }] }
    const set = await ask('PUT', '/settings/network', { policy, version: 0 })
    expect(set.body).toMatchObject({ version: 1, updatedBy: 'admin' })
    expect(set.body.policy.hosts).toEqual([{ host: 'crm.example', requestsPerSecond: 2, concurrent: 4 }])
    expect((await ask('PUT', '/settings/network', { policy, version: 0 })).status).toBe(409)
    const wrong = await ask('PUT', '/settings/network', { policy: { allowedNetworks: ['ten'] } })
    expect(wrong.body.errors[0].parameter).toBe('allowedNetworks.0')
    expect((await ask('PUT', '/settings/network', { policy }, kit.access.operator)).status).toBe(403)
  })
})
