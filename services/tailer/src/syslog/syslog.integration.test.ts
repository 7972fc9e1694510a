import { execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SyslogSource } from '../sources/syslog-source.ts'
import { lettersOf, makeRoot, rowsOf, startTailer, type TailerRig, TENANT } from '../testing/tailer-rig.ts'

const run = promisify(execFile)
const ends: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function setUp(definition: object = {}) {
  const place = makeRoot()
  ends.push(place.remove)
  const rig = await startTailer({ root: place.root })
  ends.push(() => rig.stop())
  const id = await rig.add('syslog', 'net', { udpPort: 0, tcpPort: 0, ...definition })
  const portsOf = () => (rig.tailer.find(TENANT, id) as SyslogSource | null)?.ports()
  await expect.poll(() => portsOf()?.tcp ?? portsOf()?.udp ?? 0, { timeout: 20_000 }).toBeGreaterThan(0)
  return { ...place, rig, id, ...portsOf()! }
}

const bodies = async (rig: TailerRig): Promise<string[]> => (await rowsOf(rig.bus)).map(({ body }) => body)
const have = (program: string): boolean => ['/usr/bin', '/usr/sbin'].some((path) => existsSync(join(path, program)))

describe('logger of the system', () => {
  beforeEach(({ skip }) => {
    if (!have('logger')) skip('logger is not installed')
  })

  test.each([
    ['RFC 5424 over UDP', ['--udp', '--rfc5424'], 'udp'],
    ['RFC 3164 over UDP', ['--udp', '--rfc3164'], 'udp'],
    ['lines over TCP', ['--tcp', '--rfc5424'], 'tcp'],
    ['counted over TCP', ['--tcp', '--rfc5424', '--octet-count'], 'tcp'],
  ] as const)('%s', async (_, args, protocol) => {
    const { rig, udp, tcp, id } = await setUp()
    const port = String(protocol === 'udp' ? udp : tcp)
    for (let i = 0; i < 5; i++) {
      const text = `payment ${i} failed: ünicode`
      await run('logger', ['--server', '127.0.0.1', '--port', port, ...args, '-t', 'shop', '-p', 'daemon.err', text])
    }
    await expect.poll(async () => (await bodies(rig)).length, { timeout: 30_000 }).toBe(5)
    const rows = await rowsOf(rig.bus)
    expect(rows.map(({ body }) => /payment (\d)/.exec(body)?.[1])).toEqual(['0', '1', '2', '3', '4'])
    expect(rows[0]).toMatchObject({ process: 'log:net', source: id, severity: 17, origin: `${protocol}:127.0.0.1` })
    expect(rows[0]!.body).toContain('ünicode')
    expect(await lettersOf(rig.bus)).toEqual([])
  })
})

test('rsyslog forwards over TCP, counted and by lines', async ({ skip }) => {
  if (!have('rsyslogd') || !have('logger')) skip('rsyslogd and logger are not installed')

  const { root, rig, tcp } = await setUp()
  const work = join(root, 'rsyslog')
  mkdirSync(work)
  const socket = join(work, 'log.sock')
  const forward = (framing: string): string =>
    `action(type="omfwd" target="127.0.0.1" port="${tcp}" protocol="tcp" TCP_Framing="${framing}" template="RSYSLOG_SyslogProtocol23Format")`
  writeFileSync(
    join(work, 'rsyslog.conf'),
    `global(workDirectory="${work}")\nmodule(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="${socket}")\n${forward('octet-counted')}\n${forward('traditional')}\n`,
  )
  const daemon = spawn('/usr/sbin/rsyslogd', ['-n', '-f', join(work, 'rsyslog.conf'), '-i', join(work, 'pid')], {
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => daemon.once('exit', resolve))
  ends.push(async () => {
    daemon.kill('SIGKILL')
    await ended
  })
  await expect.poll(() => existsSync(socket), { timeout: 30_000 }).toBe(true)
  for (let i = 0; i < 20; i++) await run('logger', ['--socket', socket, '-t', 'shop', `order ${i}`])
  await expect.poll(async () => (await bodies(rig)).length, { timeout: 60_000 }).toBe(40)
  const numbers = (await bodies(rig)).map((body) => Number(/order (\d+)/.exec(body)?.[1])).sort((a, b) => a - b)
  expect(numbers).toEqual(Array.from({ length: 40 }, (_, i) => Math.floor(i / 2)))
})

test('senders that are not allowed, broken framing and lines too long are counted; others go on', async () => {
  const { rig, tcp, udp, id } = await setUp({ allow: ['127.0.0.0/8'] })
  const broken = connect(tcp!, '127.0.0.1')
  broken.on('error', () => {})
  const closed = new Promise((resolve) => broken.once('close', resolve))
  broken.write(`${'9'.repeat(30)} `)
  await closed
  const good = connect(tcp!, '127.0.0.1')
  good.write(`<14>${'x'.repeat(100_000)}\n<14>fine\n`)
  const sender = createSocket('udp4')
  sender.send('<14>datagram\n', udp!, '127.0.0.1')
  await expect.poll(async () => (await bodies(rig)).length, { timeout: 30_000 }).toBe(3)
  good.end()
  sender.close()
  expect((await bodies(rig)).map((body) => body.length).sort((a, b) => a - b)).toEqual([8, 12, 65_536])
  await expect
    .poll(async () => (await rig.status(id))?.refused.map(({ reason }) => reason).sort(), { timeout: 20_000 })
    .toEqual(expect.arrayContaining(['framing_broken', 'line_too_long']))
})

test('a network that is not listed is turned away', async () => {
  const { rig, tcp, id } = await setUp({ allow: ['10.0.0.0/8'] })
  const stranger = connect(tcp!, '127.0.0.1')
  stranger.on('error', () => {})
  await new Promise((resolve) => stranger.once('close', resolve))
  await expect
    .poll(async () => (await rig.status(id))?.refused.map(({ reason }) => reason), { timeout: 20_000 })
    .toEqual(['sender_not_allowed'])
})
