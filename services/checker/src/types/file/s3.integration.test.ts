import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { AwsClient } from 'aws4fetch'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createGuardedHttp, type GuardedHttp } from '../../net/guarded-http.ts'
import { createStoreRig, createStoreTools, failureOf, type StoreRig } from '../sql/testing/store-rig.ts'
import { createFileType } from './file-type.ts'

describeWithServer('s3', 'file in S3-compatible storage', (server) => {
  let rig: StoreRig
  let http: GuardedHttp
  let endpoint: string

  beforeAll(async () => {
    const at = new URL(server().url)
    endpoint = at.origin
    const { username: accessKeyId, password: secretAccessKey } = at
    const client = new AwsClient({ accessKeyId, secretAccessKey, service: 's3', region: 'us-east-1' })
    const put = async (path: string, body?: string): Promise<void> => {
      const answer = await client.fetch(`${endpoint}${path}`, {
        method: 'PUT',
        ...(body === undefined ? {} : { body }),
      })
      expect(answer.status).toBe(200)
    }
    await put('/checker')
    await put('/checker/in/a%20%281%29.json', '{"n": 1}')
    for (let number = 0; number < 3; number++) await put(`/checker/in/orders-${number}.csv`, `id\n${number}\n`)
    await put('/checker/in/deeper/orders-9.csv', 'x')
    await put('/checker/large', 'x'.repeat(9_000_000))
    const key = (fields: object) => ({ kind: 's3', fields: { accessKeyId, secretAccessKey, ...fields } }) as const
    const tools = createStoreTools({
      credentials: {
        key: key({}),
        wrong: key({ secretAccessKey: 'wrong-secret' }),
        stranger: key({ accessKeyId: 'no' }),
      },
    })
    http = createGuardedHttp({ version: '0.0.0' }, tools)
    rig = createStoreRig('file', createFileType, { ...tools, http })
  })
  afterAll(() => http?.stop())

  const look = (url: string, more: Record<string, unknown> = {}) =>
    rig.run({ url, endpoint, credential: 'key', ...more })

  it('tells what there is of objects', async () => {
    const one = await look('s3://checker/in/a (1).json')
    expect([one.fact('exists'), one.fact('size'), one.fact('name')]).toEqual([true, 8, 'a (1).json'])
    expect(await one.fact('json', 'n')).toBe(1)
    expect(one.fact('age')).toBeLessThan(600)
    const many = await look('s3://checker/in/orders-*.csv')
    expect(many.fact('count')).toBe(3)
    expect(await many.fact('line', '1')).toBe('id')
    const large = await look('s3://checker/large')
    expect(await large.fact('sha256')).toMatch(/^[0-9a-f]{64}$/)
    expect(((await large.fact('content')) as string).length).toBe(9_000_000)
    expect((await look('s3://checker/nothing')).faults?.[0]?.failure.reason).toBe('file_missing')
    expect((await look('s3://checker/nothing-*')).fact('count')).toBe(0)
  })

  it('says what is wrong', async () => {
    const reason = async (url: string, config: Record<string, unknown>): Promise<string> => {
      const failure = await failureOf(look(url, config))
      return `${failure.reason}: ${failure.message}`
    }
    const object = 's3://checker/large'
    expect(await reason(object, { credential: 'wrong' })).toMatch(/^credentials_refused: .*SignatureDoesNotMatch/)
    expect(await reason(object, { credential: 'stranger' })).toMatch(/^credentials_refused: /)
    expect(await reason(object, { credential: undefined })).toMatch(/^credentials_refused: .*AccessDenied/)
    expect(await reason('s3://no-such-bucket/x', {})).toBe('file_missing: There is no bucket no-such-bucket')
    expect(await reason('s3://no-such-bucket/*', {})).toBe('file_missing: There is no bucket no-such-bucket')
    expect(await reason(object, { endpoint: 'http://127.0.0.1:1' })).toMatch(/^connection_refused: /)
    expect(await reason(object, { endpoint: 'ftp://127.0.0.1' })).toMatch(/^config_invalid: /)
    expect(await reason('s3://checker', {})).toMatch(/^config_invalid: /)
    expect(rig.lines.join('\n')).not.toContain('driftline-secret')
  })
})
