import { execFile, execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lettersOf, makeRoot, rowsOf, startTailer, type TailerRig } from '../testing/tailer-rig.ts'

const run = promisify(execFile)
const ends: (() => Promise<unknown> | unknown)[] = []
const MIB = 1024 * 1024

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function setUp() {
  const place = makeRoot()
  ends.push(place.remove)
  const rig = await startTailer({ root: place.root })
  ends.push(() => rig.stop())
  return { ...place, rig }
}

const bodies = async (rig: TailerRig): Promise<string[]> => (await rowsOf(rig.bus)).map(({ body }) => body)
const plain = { from: 'beginning', reading: { format: 'plain', patterns: false } }

test('what is no log file is refused and said, and others do not notice', async () => {
  const { root, logs, rig } = await setUp()
  execFileSync('mkfifo', [join(logs, 'fifo.log')])
  symlinkSync('/dev/zero', join(logs, 'zero.log'))
  writeFileSync(join(root, 'secret'), 'secret\n')
  symlinkSync(join(root, 'secret'), join(logs, 'out.log'))
  mkdirSync(join(root, 'elsewhere'))
  writeFileSync(join(root, 'elsewhere', 'far.log'), 'far\n')
  symlinkSync(join(root, 'elsewhere'), join(logs, 'link'))
  mkdirSync(join(logs, 'directory.log'))
  writeFileSync(join(logs, 'good.log'), 'good\n')
  const paths = [
    join(logs, '*.log'),
    join(logs, '*', '*.log'),
    '/dev/zero',
    '/proc/self/environ',
    join(root, 'data', 'tailer', '*'),
  ]
  const id = await rig.add('file', 'mixed', { paths, ...plain })
  await expect.poll(() => bodies(rig), { timeout: 30_000 }).toEqual(['good'])
  const refused = async () =>
    Object.fromEntries(
      (await rig.status(id))?.parts.filter(({ failed }) => failed).map((part) => [part.name, part.detail]) ?? [],
    )
  await expect.poll(refused, { timeout: 30_000 }).toMatchObject({
    [join(logs, 'fifo.log')]: 'not_a_regular_file',
    [join(logs, 'zero.log')]: 'symlink_outside',
    [join(logs, 'out.log')]: 'symlink_outside',
    [join(logs, 'link', 'far.log')]: 'symlink_outside',
    '/dev/zero': 'not_a_regular_file',
    '/proc/self/environ': 'outside_allowed_roots',
    [join(root, 'data', 'tailer', 'identity')]: 'outside_allowed_roots',
  })
  expect(Object.keys(await refused())).not.toContain(join(logs, 'directory.log'))
  // Each is told once, however often it is looked for.
  const letters = async () => (await lettersOf(rig.bus)).map(({ subject, reason }) => `${subject} ${reason}`).sort()
  const parts = Object.entries(await refused()).map((part) => part.join(' '))
  await expect.poll(letters, { timeout: 30_000 }).toEqual(parts.sort())
})

test('a line of 200 MB without a newline takes no memory, and the lines around it are read', async () => {
  const { logs, rig } = await setUp()
  const path = join(logs, 'app.log')
  writeFileSync(path, 'before\n')
  const descriptor = openSync(path, 'a')
  const block = Buffer.alloc(MIB, 'x')
  const before = process.memoryUsage().rss
  for (let i = 0; i < 200; i++) writeSync(descriptor, block)
  writeSync(descriptor, '\nafter\n')
  await rig.add('file', 'app', { paths: [path], ...plain })
  await expect.poll(async () => (await bodies(rig)).length, { timeout: 60_000 }).toBe(3)
  expect((await bodies(rig)).map((body) => body.length)).toEqual([6, 262_144, 5])
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * MIB)
  await expect
    .poll(async () => (await lettersOf(rig.bus)).map(({ reason }) => reason), { timeout: 20_000 })
    .toEqual(['line_too_long'])
})

test('NUL bytes, a byte order mark, what is not UTF-8, carriage returns, and a last line without its end', async () => {
  const { logs, rig } = await setUp()
  const path = join(logs, 'app.log')
  writeFileSync(path, Buffer.from('\ufeffone\r\n\0\0\0two\r\nthr\0ee\n'))
  appendFileSync(path, Buffer.from([0x66, 0xff, 0xfe, 0x67, 10]))
  appendFileSync(path, 'last')
  await rig.add('file', 'app', { paths: [path], ...plain })
  await expect.poll(() => bodies(rig), { timeout: 30_000 }).toEqual(['one', 'two', 'thr\0ee', 'f\ufffd\ufffdg', 'last'])
  appendFileSync(path, '\nnext\n')
  await expect.poll(async () => (await bodies(rig)).slice(5), { timeout: 30_000 }).toEqual(['next'])
})

describe('logrotate', () => {
  beforeEach(({ skip }) => {
    if (!existsSync('/usr/sbin/logrotate')) skip('logrotate is not installed')
  })

  test.each([
    ['create', 'create 0600'],
    ['copytruncate', 'copytruncate'],
    ['create and compress', 'create 0600\n  compress'],
    ['copytruncate and compress', 'copytruncate\n  compress'],
    ['delayed compression', 'create 0600\n  compress\n  delaycompress'],
  ])('%s: every line once', async (_, how) => {
    const { root, logs, rig } = await setUp()
    const path = join(logs, 'app.log')
    const config = join(root, 'logrotate.conf')
    writeFileSync(config, `"${path}" {\n  size 1\n  rotate 50\n  missingok\n  ${how}\n}\n`, { mode: 0o600 })
    let written = 0
    const write = (lines: number): void => {
      let text = ''
      for (let i = 0; i < lines; i++) text += `line ${written++}\n`
      appendFileSync(path, text)
    }
    write(500)
    await rig.add('file', 'app', { paths: [path], ...plain })
    await expect.poll(async () => (await bodies(rig)).length, { timeout: 30_000 }).toBe(written)
    for (let round = 0; round < 6; round++) {
      write(200)
      await run('/usr/sbin/logrotate', ['--force', '--state', join(root, 'state'), config])
      write(100)
    }
    await expect.poll(async () => (await bodies(rig)).length, { timeout: 60_000 }).toBeGreaterThanOrEqual(written)
    const numbers = (await bodies(rig)).map((body) => Number(/line (\d+)/.exec(body)?.[1])).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: written }, (_, index) => index))
  })
})
