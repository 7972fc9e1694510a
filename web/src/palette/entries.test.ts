import { expect, it } from 'vitest'
import { type Entry, flowEntries, parseClock, search } from './entries.ts'

const entry = (group: Entry['group'], text: string, tags: string[] = []): Entry => ({
  id: text,
  group,
  icon: 'os',
  text,
  tags,
  run: () => undefined,
})
const all = [
  entry('Processes', 'os/web-1/nginx', ['edge']),
  entry('Processes', 'os/web-1/node'),
  entry('Pages', 'Sources'),
  entry('Actions', 'Sign out'),
]
const texts = (query: string) => search(query, all).flatMap((group) => group.found.map((found) => found.entry.text))

it('finds processes, pages and actions', () => {
  expect(texts('nginx')).toEqual(['os/web-1/nginx'])
  expect(texts('so')).toContain('Sources')
  expect(texts('')).toHaveLength(4)
})
it('looks among actions after > and among tags after #', () => {
  expect(texts('>n')).not.toContain('os/web-1/nginx')
  expect(texts('>sign')).toEqual(['Sign out'])
  expect(texts('#edge')).toEqual(['os/web-1/nginx'])
})
it('shows a few of each group only', () => {
  expect(
    search(
      'n',
      Array.from({ length: 50 }, (_, i) => entry('Processes', `n${i}`)),
    )[0]?.found,
  ).toHaveLength(8)
})
it('reads times as the last moment the clock said so', () => {
  const now = new Date(2026, 10, 17, 14, 40).getTime()
  expect(parseClock('@14:02', now)).toBe(new Date(2026, 10, 17, 14, 2).getTime())
  expect(parseClock('@23:59:59', now)).toBe(new Date(2026, 10, 16, 23, 59, 59).getTime())
  for (const bad of ['@25:00', '@12', '14:02', '@1:2']) expect(parseClock(bad, now)).toBeNull()
})
it('offers each flow once, and its check to those who may', () => {
  const flow = { id: 'flow:a', name: 'A', health: 'ok', category: 'Web', description: '', tags: [] } as const
  const done: string[] = []
  const run = { open: (id: string) => done.push(`open ${id}`), check: (id: string) => done.push(`check ${id}`) }
  const found = flowEntries(flow, { isProcess: false, mayRun: true }, run)
  expect(found.map((one) => one.text)).toEqual(['flow/a', 'Check A'])
  for (const one of found) one.run()
  expect(done).toEqual(['open flow:a', 'check flow:a'])
  expect(flowEntries(flow, { isProcess: true, mayRun: false }, run)).toEqual([])
})
