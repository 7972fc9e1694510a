import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { processMetrics } from '@driftline/proto'
import { afterEach, describe, expect, test } from 'vitest'
import { lettersOf, makeRoot, rowsOf, startTailer, sumOf, type TailerRig, TENANT } from './testing/tailer-rig.ts'

const places: ReturnType<typeof makeRoot>[] = []
const rigs: TailerRig[] = []

async function setUp() {
  const place = makeRoot()
  places.push(place)
  const rig = await startTailer({ root: place.root })
  rigs.push(rig)
  return { ...place, rig }
}

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop()
  for (const place of places.splice(0)) place.remove()
})

function combined(number: number, status = 200): string {
  const time = new Date().toISOString()
  const day = new Date().toUTCString().slice(5, 7)
  const month = new Date().toUTCString().slice(8, 11)
  const stamp = `${day}/${month}/${time.slice(0, 4)}:${time.slice(11, 19)} +0000`
  return `10.0.0.${number % 250} - - [${stamp}] "GET /item/${number} HTTP/1.1" ${status} 512 "-" "curl/8"\n`
}

const eventually = async <T>(what: () => Promise<T>, expected: T): Promise<void> => {
  await expect.poll(what, { timeout: 30_000, interval: 50 }).toEqual(expected)
}

describe('files', () => {
  test('lines become rows and metrics; what is appended follows; what does not fit is told', async () => {
    const { rig, logs } = await setUp()
    const path = join(logs, 'access.log')
    writeFileSync(path, Array.from({ length: 50 }, (_, i) => combined(i, i < 5 ? 503 : 200)).join(''))
    const id = await rig.add('file', 'web', { paths: [join(logs, '*.log')], from: 'beginning' })
    await eventually(async () => (await rowsOf(rig.bus)).length, 50)
    appendFileSync(path, `${combined(50)}this is no access line\n`)
    await eventually(async () => (await rowsOf(rig.bus)).length, 52)
    const rows = await rowsOf(rig.bus)
    expect(rows.map(({ body }) => /item\/(\d+)/.exec(body)?.[1])).toEqual(
      [...Array(51).keys(), undefined].map((n) => n?.toString()),
    )
    expect(rows[3]).toMatchObject({ process: 'log:web', source: id, origin: path })
    expect(JSON.parse(rows[3]!.attributes)).toMatchObject({ 'http.response.status_code': 503 })
    await eventually(() => sumOf(rig.bus, processMetrics.events.name), 52)
    expect(await sumOf(rig.bus, processMetrics.failedEvents.name)).toBe(5)
    await eventually(async () => (await lettersOf(rig.bus)).map(({ reason }) => reason), ['not_combined'])
    await eventually(async () => (await rig.status(id))?.state, 'receiving')
    await eventually(
      async () => (await rig.status(id))?.parts.map(({ name, failed }) => ({ name, failed })),
      [{ name: path, failed: false }],
    )
  })

  test('a letter that is replayed is read as the source reads lines now', async () => {
    const { rig, logs } = await setUp()
    const path = join(logs, 'app.log')
    writeFileSync(path, '{"level":"info","message":"one"}\nno object\n')
    const id = await rig.add('file', 'app', { paths: [path], from: 'beginning', reading: { format: 'json' } })
    await eventually(async () => (await lettersOf(rig.bus)).map(({ reason }) => reason), ['not_json'])
    const [letter] = await lettersOf(rig.bus)
    expect(letter).toMatchObject({ service: 'tailer', source: id, subject: path, replayable: true })
    const replay = (bytes: Uint8Array) =>
      rig.tailer.find(TENANT, id)!.replay({ subject: path, bytes: Buffer.from(bytes), receivedMs: Date.now() })
    expect(await replay(letter!.payload)).toMatchObject({ outcome: 'refused', reason: 'not_json' })
    expect(await replay(Buffer.from('{"level":"error","message":"two"}'))).toMatchObject({
      outcome: 'accepted',
      rows: 1,
    })
    await eventually(async () => (await rowsOf(rig.bus)).map(({ severity }) => severity).sort(), [0, 17, 9])
  })

  test('a definition that changes goes on where the one before it ended, and one that is removed is silent', async () => {
    const { rig, logs } = await setUp()
    const path = join(logs, 'app.log')
    writeFileSync(path, 'one\n')
    const paths = [path]
    const id = await rig.add('file', 'app', { paths, from: 'beginning', reading: { format: 'plain' } })
    await eventually(async () => (await rowsOf(rig.bus)).map(({ body }) => body), ['one'])
    const stored = await rig.store.get(TENANT, id)
    const definition = { paths, from: 'beginning', process: 'log:other', reading: { format: 'plain' } }
    await rig.store.update(TENANT, id, stored.version, { definition }, 'test')
    appendFileSync(path, 'two\n')
    // Which of the two definitions read the second line depends on the moment.
    await eventually(async () => (await rowsOf(rig.bus)).map(({ body }) => body).sort(), ['one', 'two'])
    await rig.store.remove(TENANT, id, 'test')
    await eventually(async () => await rig.status(id), null)
  })

  test('records of many lines stay together', async () => {
    const { rig, logs } = await setUp()
    const path = join(logs, 'java.log')
    writeFileSync(path, 'ERROR boom\n  at a\n  at b\nINFO next\n')
    await rig.add('file', 'java', {
      paths: [path],
      from: 'beginning',
      multiline: { indented: true },
      reading: { format: 'plain' },
    })
    await eventually(
      async () => (await rowsOf(rig.bus)).map(({ body }) => body),
      ['ERROR boom\n  at a\n  at b', 'INFO next'],
    )
  })
})
