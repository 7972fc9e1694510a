import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createStoreRig, createStoreTools, failureOf, type StoreRig } from '../sql/testing/store-rig.ts'
import { createFileType } from './file-type.ts'

describeWithServer('sftp', 'file at an SFTP server', (server) => {
  let rig: StoreRig
  let base: string
  let directory: string
  let hostKey: string

  beforeAll(() => {
    const at = new URL(server().url)
    directory = `${at.pathname}/checker`
    mkdirSync(directory)
    hostKey = at.searchParams.get('hostKey')!
    base = `sftp://${at.host}${directory}`
    writeFileSync(`${directory}/a-1.json`, '{"n": 1}')
    writeFileSync(`${directory}/a-2.json`, '{"n": 2}')
    writeFileSync(`${directory}/large`, Buffer.alloc(5_000_000, 'x'))
    writeFileSync(`${directory}/private`, 'x', { mode: 0o600 })
    utimesSync(`${directory}/a-1.json`, new Date(), new Date())
    utimesSync(`${directory}/a-2.json`, new Date(Date.now() - 90_000), new Date(Date.now() - 90_000))
    const privateKey = readFileSync(at.searchParams.get('key')!, 'utf8')
    const key = (fields: Record<string, string>) =>
      ({ kind: 'ssh_key', fields: { username: at.username, privateKey, ...fields } }) as const
    const credentials = {
      key: key({ hostKey }),
      bare: key({}),
      stranger: key({ username: 'nobody-at-all' }),
      broken: key({ privateKey: 'no key' }),
      password: { kind: 'basic', fields: { username: at.username, password: 'wrong-password' } },
      s3: { kind: 's3', fields: {} },
    } as const
    rig = createStoreRig('file', createFileType, createStoreTools({ credentials }))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it('tells what there is of files', async () => {
    const answer = await rig.run({ url: `${base}/a-*.json`, credential: 'key' })
    expect([answer.fact('count'), answer.fact('name'), answer.fact('size')]).toEqual([2, 'a-1.json', 8])
    expect(await answer.fact('json', 'n')).toBe(1)
    expect(await answer.fact('sha256')).toMatch(/^[0-9a-f]{64}$/)
    await answer.close?.()
    const other = await rig.run({ url: `${base}/a-2.json`, credential: 'bare', hostKey })
    expect(other.fact('age')).toBeGreaterThan(88)
    expect(await other.fact('line', 'last')).toBe('{"n": 2}')
    await other.close?.()
    const large = await rig.run({ url: `${base}/large`, credential: 'key' })
    expect(((await large.fact('content')) as string).length).toBe(5_000_000)
    await large.close?.()
    const missing = await rig.run({ url: `${base}/nothing`, credential: 'key' })
    expect(missing.faults?.[0]?.failure.reason).toBe('file_missing')
    await missing.close?.()
  })

  it('says what is wrong', async () => {
    const reason = async (config: Record<string, unknown>): Promise<string> => {
      const failure = await failureOf(rig.run({ url: `${base}/a-1.json`, credential: 'key', ...config }))
      expect(failure.hint).not.toBe('')
      return `${failure.reason}: ${failure.message}`
    }
    const unknown = await reason({ credential: 'bare' })
    expect(unknown).toMatch(/^host_key_refused: .*none is known here/)
    expect(unknown).toContain(hostKey)
    expect(await reason({ hostKey: 'SHA256:AAAA' })).toMatch(/^host_key_refused: .*expected was SHA256:AAAA/)
    expect(await reason({ credential: 'stranger', hostKey })).toMatch(/^credentials_refused: .*"nobody-at-all"/)
    expect(await reason({ credential: 'password', hostKey })).toMatch(/^credentials_refused: /)
    expect(await reason({ credential: 'broken', hostKey })).toMatch(/^config_invalid: The private key/)
    expect(await reason({ credential: 's3' })).toMatch(/^config_invalid: /)
    expect(await reason({ url: base })).toMatch(/^path_not_allowed: .*no regular file/)
    expect(await reason({ url: 'sftp://127.0.0.1:1/x' })).toMatch(/^connection_refused: /)
  })

  it.each([
    ['silence', () => {}, 'timeout'],
    ['a closed door', (socket: Socket) => socket.destroy(), 'connection_lost'],
    ['another service', (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'connection_lost'],
  ])('meets %s', async (_, answer, reason) => {
    const [fake, port] = await listen(answer)
    const url = `sftp://127.0.0.1:${port}/x`
    const failure = await failureOf(rig.run({ url, credential: 'key' }, { timeoutMs: 1000 }))
    fake.close()
    expect(failure.reason).toBe(reason)
  })
})

async function listen(answer: (socket: Socket) => void): Promise<[Server, number]> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    answer(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return [server, (server.address() as { port: number }).port]
}
