import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSyslogFramer } from './framer.ts'

function framing(pieces: readonly (string | Buffer)[], max = 32) {
  const messages: string[] = []
  let cut = 0
  let ok = true
  const framer = createSyslogFramer(max, {
    message: (bytes) => messages.push(bytes.toString('latin1')),
    cut: () => {
      cut += 1
    },
  })
  for (const piece of pieces) ok = ok && framer.take(Buffer.from(piece as string))
  if (ok) framer.end()
  return { messages, cut, ok }
}

describe('framing', () => {
  test.each([
    ['lines', ['<34>a\n<34>b\n'], ['<34>a', '<34>b']],
    ['a line in pieces', ['<3', '4>a', '\n<34>b'], ['<34>a', '<34>b']],
    ['carriage returns and NUL', ['<34>a\r\n<34>b\0<34>c\n'], ['<34>a', '<34>b', '<34>c']],
    ['empty lines', ['\n\n<34>a\n'], ['<34>a']],
    ['counted', ['5 <34>a5 <34>b'], ['<34>a', '<34>b']],
    ['counted in pieces', ['5', ' <34', '>a5 <3', '4>b'], ['<34>a', '<34>b']],
    ['counted with newlines in them', ['7 <34>a\nb6 <34>b\n'], ['<34>a\nb', '<34>b']],
    ['half a counted message', ['9 <34>a'], []],
    ['nothing', [''], []],
  ])('%s', (_, pieces, messages) => {
    expect(framing(pieces)).toEqual({ messages, cut: 0, ok: true })
  })

  test.each([
    ['a count without end', ['1'.repeat(20)]],
    ['a count that is none', ['12x <34>a']],
    ['a count of zero', ['5 <34>a0 ']],
    ['something else after a counted message', ['5 <34>a<34>b\n']],
  ])('%s ends the connection', (_, pieces) => {
    expect(framing(pieces).ok).toBe(false)
  })

  test('messages that are too long are cut, and what follows them is read', () => {
    const long = 'x'.repeat(100)
    expect(framing([`${long}\n`, '<34>a\n'])).toEqual({ messages: ['x'.repeat(32), '<34>a'], cut: 1, ok: true })
    expect(framing([`<${long}`, long, '\n<34>a\n']).messages).toEqual([`<${'x'.repeat(31)}`, '<34>a'])
    expect(framing([`100 ${long}5 <34>a`])).toEqual({ messages: ['x'.repeat(32), '<34>a'], cut: 1, ok: true })
    expect(framing(['100 ', long.slice(0, 40), long.slice(40), '5 <34>a']).messages).toEqual(['x'.repeat(32), '<34>a'])
  })
})

test('property: however a stream is cut into pieces, the messages are the same', () => {
  const message = fc.string({ unit: fc.constantFrom('a', '<', '1', ' ', 'é'), minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 10 }),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 9 })),
      (all, counted, cuts) => {
        const texts = all.map((text) => `<${text}`)
        const stream = Buffer.from(
          texts.map((text) => (counted ? `${Buffer.byteLength(text)} ${text}` : `${text}\n`)).join(''),
        )
        const pieces: Buffer[] = []
        let at = 0
        for (const cut of cuts) {
          pieces.push(stream.subarray(at, at + cut))
          at += cut
        }
        pieces.push(stream.subarray(at))
        const { messages, ok } = framing(pieces, 1000)
        expect(ok).toBe(true)
        expect(messages).toEqual(texts.map((text) => Buffer.from(text).toString('latin1')))
      },
    ),
  )
})
