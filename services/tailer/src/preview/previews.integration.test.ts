import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { PreviewAnswer } from '@driftline/ingest/request-types'
import { systemClock } from '@driftline/platform/clock'
import { afterEach, expect, test } from 'vitest'
import { makeRoot, tailerConfig } from '../testing/tailer-rig.ts'
import { createPreviews } from './previews.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function look(kind: 'file' | 'syslog', definition: object) {
  const previews = createPreviews(tailerConfig(), {
    roots: { allowed: null, denied: [] },
    clock: systemClock,
    lend: () => null,
  })
  const abort = new AbortController()
  let answer: PreviewAnswer | null = null
  const task = { tenant: 'default', id: 'p1', kind, source: '', definition, secrets: {} }
  const done = previews.run(
    task,
    (next) => {
      answer = next
    },
    abort.signal,
  )
  ends.push(() => {
    abort.abort()
    return done.catch(() => {})
  })
  return { answer: () => answer, done }
}

test('a draft of files shows what their last lines would make', async () => {
  const { logs, remove } = makeRoot()
  ends.push(remove)
  const nowMs = Date.now()
  const lines = Array.from({ length: 30 }, (_, i) =>
    JSON.stringify({ time: new Date(nowMs + i).toISOString(), level: 'info', message: `paid ${i}`, amount: i * 1000 }),
  )
  writeFileSync(join(logs, 'app.log'), `${lines.join('\n')}\nno object\n`)
  const rules = [{ name: 'large', expression: 'amount > 25000' }]
  const { answer } = look('file', { paths: [logs], reading: { rules } })
  await expect.poll(() => answer()?.state, { timeout: 20_000 }).toBe('receiving')
  const { items, detected } = answer()!
  expect(items).toHaveLength(20)
  expect(items[0]).toMatchObject({ payload: 'no object', refusals: [{ reason: 'not_json' }] })
  expect(items[1]).toMatchObject({ timeMs: nowMs + 29, fields: { amount: 29_000 }, flagged: ['large'], refusals: [] })
  expect(items[1]!.produced.map(({ metric }) => metric)).toContain('process.events')
  expect(detected).toMatchObject({ format: 'json' })
})

test('a draft that matches nothing, and one that makes no sense, say so', async () => {
  const nothing = look('file', { paths: ['/nowhere/at/all/*.log'] })
  await expect
    .poll(() => nothing.answer(), { timeout: 20_000 })
    .toMatchObject({ state: 'waiting', message: 'No file matches yet.' })
  const wrong = look('file', { paths: [] })
  await wrong.done
  expect(wrong.answer()).toMatchObject({ state: 'failed' })
})

test('a draft of syslog shows what arrives on its port', async () => {
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const { answer } = look('syslog', { tcpPort: port, reading: { format: 'rfc5424' } })
  await expect.poll(() => answer()?.state, { timeout: 20_000 }).toBe('waiting')
  const socket = connect(port, '127.0.0.1')
  socket.end('<11>1 2026-01-01T00:00:00Z web shop - - - order failed\n')
  await expect.poll(() => answer()?.items.length, { timeout: 20_000 }).toBe(1)
  expect(answer()!.items[0]).toMatchObject({ subject: 'tcp:127.0.0.1', refusals: [] })
})
