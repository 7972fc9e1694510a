import { expect, test } from 'vitest'
import { createMessageTray } from './message-tray.ts'

const drained = (tray: ReturnType<typeof createMessageTray>): [string, string[]][] => {
  const chunks: [string, string[]][] = []
  tray.drain(1, ({ buffer, count, starts, ends, subject }) => {
    const texts = Array.from({ length: count }, (_, i) => Buffer.from(buffer).toString('latin1', starts[i], ends[i]))
    chunks.push([subject, texts])
  })
  return chunks
}

test('messages come in the order of each sender, in chunks of bounded size', () => {
  const tray = createMessageTray({ bytesMax: 1000, messagesMax: 10, chunkMax: 2 })
  for (const [sender, text] of ['ax', 'by', 'az', 'aw', 'bv'].map((each) => [each[0]!, each[1]!] as const)) {
    expect(tray.add(sender, Buffer.from(text))).toBe(true)
  }
  expect(drained(tray)).toEqual([
    ['a', ['x', 'z']],
    ['a', ['w']],
    ['b', ['y', 'v']],
  ])
  expect([tray.count, tray.byteLength, drained(tray)]).toEqual([0, 0, []])
})

test('what has no room is not taken', () => {
  const tray = createMessageTray({ bytesMax: 5, messagesMax: 3, chunkMax: 10 })
  expect([
    tray.add('a', Buffer.from('abc')),
    tray.add('a', Buffer.from('abc')),
    tray.add('a', Buffer.from('d')),
  ]).toEqual([true, false, true])
  expect([tray.add('b', Buffer.from('e')), tray.add('b', Buffer.from(''))]).toEqual([true, false])
  expect(drained(tray)).toEqual([
    ['a', ['abc', 'd']],
    ['b', ['e']],
  ])
})
