import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { State } from '../table.ts'
import { createProcessStat, decodeName, isKernelThread, parseProcessIo, parseProcessStat } from './stat-parser.ts'

const REST =
  'S 12170 12166 6617 0 -1 4194304 116 0 1 0 31 7 0 0 20 0 3 0 148874 2990080 419 18446744073709551615 93930579705856 93930579723785 140736388369072 0 0 0 0 0 0 1 0 0 17 1 0 0 0 0 0 93930579737872 93930579739136 93930743984128 140736388373181 140736388373191 140736388373191 140736388374505 256\n'

function parse(line: string | Buffer) {
  const stat = createProcessStat()
  const buffer = Buffer.from(line)
  const ok = parseProcessStat(buffer, buffer.length, stat)
  return { ok, stat, name: decodeName(buffer, stat.nameStart, stat.nameEnd) }
}

describe('/proc/<pid>/stat', () => {
  it('reads the fields that are used', () => {
    const { ok, stat, name } = parse(`12181 (sleep) ${REST}`)
    expect(ok).toBe(true)
    expect(name).toBe('sleep')
    expect(stat).toMatchObject({
      pid: 12181,
      state: State.sleeping,
      parentPid: 12170,
      userTicks: 31,
      systemTicks: 7,
      threads: 3,
      startTicks: 148874,
      virtualBytes: 2990080,
      residentPages: 419,
      argumentsAddress: 140736388373181,
      exitCode: 256,
    })
    expect(isKernelThread(stat)).toBe(false)
  })

  it.each([
    ['parentheses', 'a) R 1 (b', 'a) R 1 (b'],
    ['closing only', ')))', ')))'],
    ['blanks', '  x  ', '  x  '],
    ['empty', '', ''],
    ['markup', '<img src=x>', '<img src=x>'],
    ['newline, as the kernel escapes it', 'a\\nb', 'a\nb'],
    ['backslash, as the kernel escapes it', 'a\\\\nb', 'a\\nb'],
    ['newline of old kernels', 'a\nb', 'a\nb'],
    ['text of many bytes', 'naïve-日本', 'naïve-日本'],
  ])('finds the end of a name with %s', (_, written, expected) => {
    const { ok, stat, name } = parse(`7 (${written}) ${REST}`)
    expect({ ok, name, parentPid: stat.parentPid }).toEqual({ ok: true, name: expected, parentPid: 12170 })
  })

  it('replaces bytes that are not text', () => {
    const line = Buffer.concat([Buffer.from('7 (a'), Buffer.from([0xff, 0xfe]), Buffer.from(`b) ${REST}`)])
    expect(parse(line).name).toBe('a\ufffd\ufffdb')
  })

  it.each([
    ['R', 1],
    ['D', 3],
    ['T', 4],
    ['t', 4],
    ['Z', 5],
    ['I', 6],
    ['?', 0],
  ])('state %s', (letter, state) => {
    expect(parse(`7 (x) ${letter}${REST.slice(1)}`).stat.state).toBe(state)
  })

  it('knows kernel threads by their flag', () => {
    expect(isKernelThread(parse('2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0 0 0').stat)).toBe(
      true,
    )
  })

  it.each(['', '7', '7 (', '7 (x', '7 (x)', '7 (x) ', '7 (x) S', '7 (x) S 1 2 3', 'no such process'])(
    'refuses what is cut or something else: %j',
    (text) => {
      expect(parse(text).ok).toBe(false)
    },
  )

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        parseProcessStat(bytes, bytes.length, createProcessStat())
      }),
    )
  })
})

describe('/proc/<pid>/io', () => {
  const text = 'rchar: 9\nwchar: 9\nsyscr: 1\nsyscw: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n'
  it('reads storage bytes', () => {
    const io = { readBytes: 0, writeBytes: 0 }
    expect(parseProcessIo(Buffer.from(text), text.length, io)).toBe(true)
    expect(io).toEqual({ readBytes: 4096, writeBytes: 8192 })
    expect(parseProcessIo(Buffer.from(text), 20, io)).toBe(false)
  })
})
