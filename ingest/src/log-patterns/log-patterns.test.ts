import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLogPatterns, type FoundPattern, type LogPatterns } from './log-patterns.ts'
import { RATED_MAX, RATED_PER_DAY_MAX } from './rates.ts'
import { patternHex, patternId } from './templates.ts'

const NOON = Date.UTC(2024, 4, 1, 12)

const create = (templatesMax?: number): LogPatterns =>
  createLogPatterns({ tenant: 'acme', process: 'log:shop', ...(templatesMax === undefined ? {} : { templatesMax }) })

function add(patterns: LogPatterns, line: string | Uint8Array, timeMs = NOON, severity = 9): number {
  const bytes = typeof line === 'string' ? Buffer.from(line) : line
  const around = Buffer.concat([Buffer.from('before '), bytes, Buffer.from(' behind 12')])
  return patterns.message(around, 7, 7 + bytes.length, severity, timeMs)
}

function request(patterns: LogPatterns, line: string, timeMs = NOON): number {
  const [method = '', path = '', status = '0'] = line.split(' ')
  const bytes = Buffer.from(`${method}${path}`)
  return patterns.request(bytes, 0, method.length, method.length, bytes.length, Number(status), 9, timeMs)
}

interface Flushed {
  readonly found: FoundPattern[]
  readonly counts: [string, number, number][]
}

function flush(patterns: LogPatterns): Flushed {
  const flushed: Flushed = { found: [], counts: [] }
  patterns.flush({
    pattern: (found) => flushed.found.push(found),
    count: (id, timeMs, lines) => flushed.counts.push([id, (timeMs - NOON) / 1_000, lines]),
  })
  return flushed
}

const templates = (flushed: Flushed): string[] => flushed.found.map(({ template }) => template)
const templateOf = (line: string): string | undefined => {
  const patterns = create()
  add(patterns, line)
  return templates(flush(patterns))[0]
}

describe('what is left open at once', () => {
  test.each([
    ['numbers', 'job 42 took 3.5ms', 'job <*> took <*>'],
    ['punctuation stays', 'job 42, (took 3.5): [w-1] done.', 'job <*>, (took <*>): [<*>] done.'],
    ['addresses', 'from 10.0.0.1:80 to [::1]:443', 'from <*> to [<*>'],
    ['UUIDs', 'order 7f9c24e8-3b12-4fef-91e0-5a1d2c0b6a33 paid', 'order <*> paid'],
    ['hexadecimal words without digits', 'commit deadbeef is beef', 'commit <*> is beef'],
    ['paths', 'open /var/log/x failed', 'open <*> failed'],
    ['Windows paths', 'open C:\\temp\\x failed', 'open <*> failed'],
    ['URLs', 'GET https://example.com/a done', 'GET <*> done'],
    ['mail addresses', 'sent to a@example.com now', 'sent to <*> now'],
    ['quoted text', 'user "John Smith" said \'no way\', twice', 'user <*> said <*>, twice'],
    ['quotes with escapes', 'said "a \\" b" now', 'said <*> now'],
    ['an apostrophe is no quote', "can't open it, won't try", "can't open it, won't try"],
    ['a quote that does not end', 'said "hello there', 'said "hello there'],
    ['values of keys', 'user=bob status=ok count=3', 'user=<*> status=<*> count=<*>'],
    ['quoted values', 'msg="a b c" x', 'msg=<*> x'],
    ['long words', `token ${'x'.repeat(60)} used`, 'token <*> used'],
    ['white space is one space', 'a   b\tc ', 'a b c'],
    ['the first line alone', 'Error: no\n  at main (x.js:1)', 'Error: no'],
    ['letters beyond ASCII', 'Größe überschritten für 5', 'Größe überschritten für <*>'],
    ['dates', '2024-05-01 12:00:00,123 INFO started', '<*> <*>, INFO started'],
  ])('%s', (name, line, expected) => {
    if (name === 'dates') expect(templateOf(line)).toBe('<*> <*> INFO started')
    else if (name === 'addresses') expect(templateOf(line)).toMatch(/^from <\*> to \[?<\*>/)
    else expect(templateOf(line)).toBe(expected)
  })

  test('nothing makes no pattern', () => {
    expect(add(create(), '')).toBe(0)
    expect(add(create(), '  \t ')).toBe(0)
  })
})

describe('lines that are alike', () => {
  test('words that differ in long lines are left open, and the id stays', () => {
    const patterns = create()
    const line = (user: string): string => `user ${user} has logged in from the web page with a new device`
    const numbers = ['alice', 'bob', 'carol'].map((user) => add(patterns, line(user)))
    expect(new Set(numbers).size).toBe(1)
    const { found } = flush(patterns)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ template: line('<*>'), example: line('alice'), learning: true })
    expect(found[0]!.id).toBe(patternId('acme', 'log:shop', line('alice')))
  })

  test('short lines that differ in one word stay apart until there are many of them', () => {
    const patterns = create()
    const states = ['started', 'stopped', 'failed', 'paused', 'ready', 'gone']
    const numbers = states.map((state) => add(patterns, `service nginx ${state}`))
    expect(new Set(numbers).size).toBe(6)
    const seventh = add(patterns, 'service nginx reloaded')
    expect(seventh).toBe(numbers[0])
    expect(states.map((state) => add(patterns, `service nginx ${state}`))).toEqual(states.map(() => seventh))
    expect(patterns.size).toBe(1)
    const { found, counts } = flush(patterns)
    expect(templates({ found, counts })).toEqual(['service nginx <*>'])
    expect(counts).toEqual([[patternHex(found[0]!.id), 0, 13]])
  })

  test('an error is not like what is none', () => {
    const patterns = create()
    const good = add(patterns, 'the payment of order 5 was handled by the bank and it succeeded', NOON, 9)
    const bad = add(patterns, 'the payment of order 5 was handled by the bank and it failed', NOON, 17)
    expect(good).not.toBe(bad)
  })

  test('numbers that were given up are not given anew while lines may still mean them', () => {
    const patterns = create()
    for (const state of ['a', 'b', 'c', 'd', 'e', 'f']) add(patterns, `service nginx ${state}`)
    const folded = add(patterns, 'service nginx g')
    const fresh = add(patterns, 'something else entirely')
    expect(add(patterns, 'service nginx c')).toBe(folded)
    expect(add(patterns, 'something else entirely')).toBe(fresh)
    flush(patterns)
    expect(add(patterns, 'service nginx c')).toBe(folded)
    expect(add(patterns, 'something else entirely')).toBe(fresh)
  })
})

describe('requests', () => {
  test.each([
    ['GET /api/users/42 200', 'GET /api/users/<*> 200'],
    ['GET /api/v2/users/42/orders/7 404', 'GET /api/v2/users/<*>/orders/<*> 404'],
    ['GET / 200', 'GET / 200'],
    ['GET /static/app.3f2a.js 304', 'GET /static/<*> 304'],
    ['POST /pay/7f9c24e8-3b12-4fef-91e0-5a1d2c0b6a33 500', 'POST /pay/<*> 500'],
    ['GET /a//b/ 200', 'GET /a//b/ 200'],
    ['PRI * 400', 'PRI * 400'],
    ['GET index.html 200', 'GET index.html 200'],
  ])('%s', (line, expected) => {
    const patterns = create()
    request(patterns, line)
    expect(templates(flush(patterns))).toEqual([expected])
  })

  test('parts of a path that differ much are left open, a status never', () => {
    const patterns = create()
    const word = (i: number): string => `post-${String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26))}-title`
    for (let i = 0; i < 60; i++) request(patterns, `GET /blog/${word(i)} 200`)
    for (let status = 400; status < 430; status++) request(patterns, `GET /blog ${status}`)
    const texts = templates(flush(patterns))
    expect(texts.filter((text) => text.startsWith('GET /blog/'))).toEqual(['GET /blog/<*> 200'])
    expect(texts.filter((text) => text.startsWith('GET /blog '))).toHaveLength(30)
  })
})

describe('generated logs with known templates', () => {
  const KNOWN = [
    'connection from <*> port <*> opened',
    'user <*> logged in after <*> attempts',
    'cache miss for key <*> in region <*>',
    'payment <*> of <*> accepted for order <*>',
    'payment <*> of <*> refused for order <*>',
    'worker <*> picked job <*> from queue <*>',
    'disk <*> is <*> full',
    'request <*> timed out after <*>',
    'config reloaded',
    'shutting down',
    'GC pause <*> heap <*> of <*>',
    'retry <*> of <*> for <*>',
  ]
  test('are found, each once, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(KNOWN.length - 1), fc.nat(1_000_000)), { minLength: 300, maxLength: 600 }),
        (lines) => {
          const patterns = create()
          const byNumber = new Map<number, Set<string>>()
          for (const [index, seed] of lines) {
            let n = seed
            const line = KNOWN[index]!.replace(/<\*>/g, () => `${(n++).toString(16)}x${seed % 10}`)
            const number = add(patterns, line)
            byNumber.set(number, (byNumber.get(number) ?? new Set()).add(KNOWN[index]!))
          }
          for (const found of byNumber.values()) expect(found.size).toBe(1)
          const used = new Set(lines.map(([index]) => KNOWN[index]))
          expect(new Set(templates(flush(patterns)))).toEqual(used)
        },
      ),
      { numRuns: 20 },
    )
  })
})

describe('telling', () => {
  const learn = (patterns: LogPatterns): void => {
    for (let i = 0; i < 400; i++) add(patterns, `request ${i} done`, NOON + i * 1_000)
    flush(patterns)
  }

  test('what comes after learning is news, once', () => {
    const patterns = create()
    learn(patterns)
    add(patterns, 'database connection 5 lost', NOON + 500_000, 17)
    add(patterns, 'database connection 6 lost', NOON + 500_000, 17)
    expect(flush(patterns).found).toEqual([
      {
        id: patternId('acme', 'log:shop', 'database connection <*> lost'),
        template: 'database connection <*> lost',
        example: 'database connection 5 lost',
        severity: 17,
        firstSeenMs: NOON + 500_000,
        learning: false,
      },
    ])
    add(patterns, 'database connection 7 lost', NOON + 600_000, 17)
    expect(flush(patterns).found).toEqual([])
  })

  test('few lines in five minutes are not enough to have learnt', () => {
    const patterns = create()
    for (let i = 0; i < 20; i++) add(patterns, `request ${i} done`, NOON + i * 60_000)
    add(patterns, 'something new', NOON + 3_600_000)
    expect(flush(patterns).found.every(({ learning }) => learning)).toBe(true)
  })

  test('a template that is worded anew is told as nothing new', () => {
    const patterns = create()
    learn(patterns)
    add(patterns, 'the user alice has been removed from the group of all admins', NOON + 500_000)
    const [first] = flush(patterns).found
    add(patterns, 'the user bob has been removed from the group of all admins', NOON + 501_000)
    const [second] = flush(patterns).found
    expect(first).toMatchObject({ learning: false })
    expect(second).toMatchObject({
      id: first!.id,
      learning: true,
      template: 'the user <*> has been removed from the group of all admins',
    })
  })

  test('an example has at most 1,024 bytes', () => {
    const patterns = create()
    add(patterns, Buffer.concat([Buffer.from('bad '), Buffer.alloc(5_000, 0xff)]))
    add(patterns, `long ${'é '.repeat(3_000)}`)
    for (const { example, template } of flush(patterns).found) {
      expect(Buffer.byteLength(example)).toBeLessThanOrEqual(1_024)
      expect(template.length).toBeLessThanOrEqual(410)
    }
  })
})

describe('rates', () => {
  test('lines of a template by second', () => {
    const patterns = create()
    for (let i = 0; i < 10; i++) add(patterns, `job ${i} done`, NOON + (i % 3) * 1_000)
    add(patterns, 'idle', NOON)
    const { found, counts } = flush(patterns)
    const job = patternHex(found.find(({ template }) => template === 'job <*> done')!.id)
    expect(counts.filter(([id]) => id === job)).toEqual([
      [job, 0, 4],
      [job, 1, 3],
      [job, 2, 3],
    ])
    expect(flush(patterns).counts).toEqual([])
  })

  test('series are bounded, and one that explodes gets one', () => {
    const patterns = create()
    const word = (i: number): string => `${String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26))} happened`
    for (let i = 0; i < 200; i++) add(patterns, word(i))
    const { counts } = flush(patterns)
    expect(counts).toHaveLength(RATED_MAX)
    for (let i = 0; i < 150; i++) add(patterns, word(199), NOON + 1_000)
    expect(flush(patterns).counts).toEqual([[expect.stringMatching(/^[0-9a-f]{16}$/), 1, 150]])

    const series = new Set<string>(counts.map(([id]) => id))
    for (let i = 0; i < 200; i++) {
      for (let n = 0; n < 200 + i; n++) add(patterns, word(i), NOON + 2_000)
      for (const [id] of flush(patterns).counts) series.add(id)
    }
    expect(series.size).toBeLessThanOrEqual(RATED_PER_DAY_MAX)
  })
})

describe('bounds', () => {
  test('templates are bounded, the rest is counted as other', () => {
    const patterns = create(50)
    const word = (i: number): string =>
      i.toString(36).replace(/\d/g, (digit) => String.fromCharCode(103 + Number(digit)))
    for (let i = 0; i < 20_000; i++) {
      add(patterns, `${word(i)}z ${word(i * 7)}z ${word(i * 13)}z`)
      if (i % 1_000 === 0) flush(patterns)
    }
    expect(patterns.size).toBeLessThanOrEqual(50)
    expect(patterns.other).toBeGreaterThan(15_000)
    const number = add(patterns, 'qqq www eee')
    expect((BigInt(patterns.idHigh[number]!) << 32n) | BigInt(patterns.idLow[number]!)).toBe(
      patternId('acme', 'log:shop', '<other>'),
    )
    expect(patterns.save()!.length).toBeLessThan(50_000)
  })

  test('what is stale gives way', () => {
    const patterns = create(20)
    const letters = 'abcdefghijklmnopqrstuvw'
    for (const letter of letters) add(patterns, `${letter} begins`)
    flush(patterns)
    expect(patterns.size).toBe(20)
    add(patterns, 'a begins', NOON + 4 * 3_600_000)
    flush(patterns)
    expect(patterns.size).toBe(1)
    expect(add(patterns, 'z begins', NOON + 4 * 3_600_000)).toBeGreaterThan(1)
  })

  test('arbitrary bytes never throw, and ids are never those of another', () => {
    const patterns = create(100)
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.boolean(), (lines, requests) => {
        for (const line of lines) {
          const number = requests
            ? patterns.request(line, 0, line.length >> 1, line.length >> 1, line.length, 200, 9, NOON)
            : add(patterns, line)
          expect(number).toBeLessThan(102)
        }
        flush(patterns)
      }),
      { numRuns: 300 },
    )
    expect(patterns.size).toBeLessThanOrEqual(100)
  })

  test('1 MiB without a space, and of spaces', () => {
    const patterns = create()
    for (const fill of ['a', ' ', '"', '=', '(', '\u0000', 'a ', '1 ']) add(patterns, Buffer.alloc(1 << 20, fill))
    expect(patterns.size).toBeLessThan(10)
  })
})

describe('going on after a restart', () => {
  const lines = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, i) => {
      const n = from + i
      return [`job ${n} done`, `user ${'abcdefgh'[n % 8]} came in`, `disk sd${n % 3} is full`, `x${n % 5} y z`][n % 4]!
    })

  test('the same lines make the same numbers, ids and rates', () => {
    const first = create()
    for (const line of lines(0, 500)) add(first, line)
    flush(first)
    const saved = first.save()
    const second = create()
    second.restore(saved)
    expect(second.save()).toBe(saved)
    for (const patterns of [first, second]) for (const line of lines(500, 900)) add(patterns, line, NOON + 400_000)
    expect(flush(second)).toEqual(flush(first))
    expect(second.save()).toBe(first.save())
  })

  test('requests, too', () => {
    const first = create()
    for (let i = 0; i < 30; i++) request(first, `GET /a/${'bcdefghij'[i % 9]}/${i} ${200 + (i % 3)}`)
    flush(first)
    const second = create()
    second.restore(first.save())
    request(second, 'GET /a/b/77 200')
    expect(flush(second).found).toEqual([])
  })

  test.each([null, '', '{', '[]', '{"version":2}', '{"version":1,"templates":[["zz"]]}', 'x'.repeat(1_000)])(
    'nonsense begins anew: %j',
    (text) => {
      const patterns = create()
      patterns.restore(text)
      expect(patterns.save()).toBeNull()
      expect(add(patterns, 'hello there')).toBeGreaterThan(1)
    },
  )

  test('what did not change is not written again', () => {
    const patterns = create()
    for (let i = 0; i < 300; i++) add(patterns, `job ${i} done`)
    flush(patterns)
    const saved = patterns.save()
    add(patterns, 'job 7 done')
    flush(patterns)
    expect(patterns.save()).toBe(saved)
  })
})
