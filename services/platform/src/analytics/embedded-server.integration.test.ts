import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { identityOf } from './child-record.ts'
import { ask } from './embedded-probe.ts'
import { createEmbeddedServer, type EmbeddedServer } from './embedded-server.ts'
import { quietLogger, testConfig } from './testing/store-test-kit.ts'

const cleanUps: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function serverIn(dir = testConfig().dir, healthIntervalMs = 300): EmbeddedServer & { dir: string } {
  const config = {
    dir,
    database: 'driftline',
    memoryBytesMax: 400 * 1024 * 1024,
    startTimeoutMs: 20_000,
    healthIntervalMs,
  }
  const server = createEmbeddedServer(config, { logger: quietLogger })
  cleanUps.push(
    () => rmSync(dir, { recursive: true, force: true }),
    () => server.stop(),
  )
  return { ...server, dir }
}

async function childAfter(server: EmbeddedServer, killed: number | null): Promise<number> {
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 20) {
    const pid = server.childPid()
    const answer = pid !== null && pid !== killed ? await asWriter(server, 'SELECT 1').catch(() => null) : null
    if (answer?.ok && pid !== null) return pid
    await sleep(20)
  }
  throw new Error('the server did not come back')
}

const asWriter = (server: EmbeddedServer, sql: string) => ask(server.endpoint().url, server.endpoint().writer, sql)
const asReader = (server: EmbeddedServer, sql: string) => ask(server.endpoint().url, server.endpoint().reader, sql)

it('lets go of parts a minute after a merge has replaced them', async () => {
  const server = serverIn()
  await server.start()
  const sql = "SELECT value FROM system.merge_tree_settings WHERE name = 'old_parts_lifetime'"
  expect(await asWriter(server, sql)).toMatchObject({ ok: true, text: '60\n' })
})

describe('users', () => {
  it('keep everyone in their place', async () => {
    const server = serverIn()
    await server.start()
    const { url, writer } = server.endpoint()
    const setUp = ['CREATE DATABASE driftline', 'CREATE TABLE driftline.t (n UInt8) ENGINE = MergeTree ORDER BY n']
    for (const sql of setUp) expect(await asWriter(server, sql)).toMatchObject({ ok: true })

    const nobody = { username: 'default', password: '' }
    const outside = [
      "SELECT * FROM file('/etc/passwd', 'LineAsString')",
      "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
    ]
    const writes = ['INSERT INTO driftline.t VALUES (1)', 'DROP TABLE driftline.t', 'TRUNCATE TABLE driftline.t']
    for (const sql of [
      ...outside,
      ...writes,
      'SELECT * FROM driftline.t',
      'SELECT * FROM system.processes',
      'SYSTEM SHUTDOWN',
    ]) {
      expect(await ask(url, nobody, sql)).toMatchObject({ ok: false })
    }
    for (const sql of [...outside, ...writes, 'SELECT * FROM system.processes', 'SET readonly = 0']) {
      expect(await asReader(server, sql)).toMatchObject({ ok: false })
    }
    for (const sql of [
      ...outside,
      'SYSTEM SHUTDOWN',
      'SYSTEM KILL',
      'CREATE USER x',
      "SELECT * FROM remote('a', b.c)",
    ]) {
      expect(await asWriter(server, sql)).toMatchObject({ ok: false })
    }
    expect(await asReader(server, 'SELECT count() FROM driftline.t')).toEqual({ ok: true, text: '0\n' })
    expect((await ask(url, { ...writer, password: 'wrong' }, 'SELECT 1')).text).toContain('AUTHENTICATION_FAILED')
    expect(await asReader(server, 'SELECT 1 SETTINGS max_execution_time = 0')).toMatchObject({ ok: false })
    expect(await asReader(server, 'SELECT 1 SETTINGS max_memory_usage = 100000000000')).toMatchObject({ ok: false })
  })

  it('have passwords that change with each start and stand nowhere in the clear', async () => {
    const server = serverIn()
    await server.start()
    const { writer, reader } = server.endpoint()
    const users = readFileSync(join(server.dir, 'users.xml'), 'utf8')
    expect(users).not.toContain(writer.password)
    expect(users).not.toContain(reader.password)
    expect(statSync(join(server.dir, 'users.xml')).mode & 0o077).toBe(0)
    expect(statSync(server.dir).mode & 0o077).toBe(0)
    const other = serverIn()
    expect(other.endpoint().writer.password).not.toBe(writer.password)
  })
})

describe('supervision', () => {
  it('starts a killed server again, with its data', async () => {
    const server = serverIn()
    await server.start()
    await asWriter(server, 'CREATE DATABASE driftline')
    await asWriter(server, 'CREATE TABLE driftline.t (n UInt8) ENGINE = MergeTree ORDER BY n')
    await asWriter(server, 'INSERT INTO driftline.t VALUES (1)')
    for (let kill = 0; kill < 3; kill++) {
      const pid = server.childPid()!
      process.kill(pid, 'SIGKILL')
      await childAfter(server, pid)
    }
    expect((await asReader(server, 'SELECT count() FROM driftline.t')).text).toBe('1\n')
  })

  it('kills a server that hangs', async () => {
    const server = serverIn()
    await server.start()
    const pid = server.childPid()!
    process.kill(pid, 'SIGSTOP')
    expect(await childAfter(server, pid)).not.toBe(pid)
  })

  it('starts again what a local user could stop', async () => {
    const server = serverIn()
    await server.start()
    const pid = server.childPid()!
    await ask(server.endpoint().url, { username: 'default', password: '' }, 'SYSTEM STOP LISTEN HTTP').catch(
      () => undefined,
    )
    expect(await childAfter(server, pid)).not.toBe(pid)
  })

  it('is not moved by a signal to the process group', async () => {
    const server = serverIn()
    await server.start()
    const pid = server.childPid()!
    process.kill(pid, 'SIGINT')
    process.kill(pid, 'SIGTERM')
    await sleep(200)
    expect(await asWriter(server, 'SELECT 1')).toMatchObject({ ok: true })
    expect(server.childPid()).toBe(pid)
  })

  it('leaves no process behind when it stops', async () => {
    const server = serverIn()
    await server.start()
    const identity = identityOf(server.childPid()!)!
    await server.stop()
    expect(identityOf(identity.pid)).toBeNull()
  })
})

describe('the directory', () => {
  it('serves one owner at a time', async () => {
    const first = serverIn()
    await first.start()
    await expect(serverIn(first.dir).start()).rejects.toMatchObject({ code: 'data_dir_locked' })
    expect(await asWriter(first, 'SELECT 1')).toMatchObject({ ok: true })
  })

  it('is refused when another process holds the store, and its child stays', async () => {
    const owner = await startOwner()
    await expect(serverIn(owner.dir).start()).rejects.toMatchObject({ code: 'data_dir_locked' })
    expect(identityOf(owner.childPid)).not.toBeNull()
  })

  it('is taken over at once from an owner that was killed, whose child is gone with it', async () => {
    const owner = await startOwner()
    await owner.kill()
    const server = serverIn(owner.dir)
    await server.start()
    expect(identityOf(owner.childPid)).toBeNull()
    expect(await asWriter(server, 'SELECT 1')).toMatchObject({ ok: true })
  })

  it('keeps its hands off a process that only has the pid of a leftover', async () => {
    const server = serverIn()
    await server.start()
    await server.stop()
    const innocent = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    const record = { child: { pid: innocent.pid, started: 'another boot/1' }, owner: { pid: 1, started: 'x' } }
    writeFileSync(join(server.dir, 'child.json'), JSON.stringify(record))
    await server.start()
    expect(identityOf(innocent.pid!)).not.toBeNull()
    innocent.kill('SIGKILL')
    await once(innocent, 'exit')
  })

  it('is served by no child that could not be put on record', async () => {
    const server = serverIn()
    mkdirSync(join(server.dir, 'child.json.new'))
    await expect(server.start()).rejects.toThrow('EISDIR')
    expect(server.childPid()).toBeNull()
    rmSync(join(server.dir, 'child.json.new'), { recursive: true })
    await server.start()
    expect(server.childPid()).not.toBeNull()
  })

  it('must be a directory that can be written to', async () => {
    const { dir } = testConfig()
    const file = join(dir, 'file')
    writeFileSync(file, '')
    await expect(serverIn(join(file, 'store')).start()).rejects.toMatchObject({ code: 'data_dir_unusable' })
    chmodSync(dir, 0o700)
    rmSync(dir, { recursive: true, force: true })
  })
})

/** A server owned by another process. */
async function startOwner(): Promise<{ dir: string; childPid: number; kill(): Promise<void> }> {
  const { dir } = testConfig()
  const rig = fileURLToPath(new URL('./testing/embedded-server-rig.ts', import.meta.url))
  const owner = fork(rig, [`--serve=${dir}`], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = once(owner, 'exit')
  const kill = async (): Promise<void> => {
    owner.kill('SIGKILL')
    await gone
  }
  cleanUps.push(kill)
  const [childPid] = (await once(owner, 'message')) as [number]
  return { dir, childPid, kill }
}
