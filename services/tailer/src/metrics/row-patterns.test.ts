import { createLogPatterns } from '@driftline/ingest/log-patterns/log-patterns'
import { expect, test } from 'vitest'
import type { FormatSettings } from '../formats/log-format.ts'
import { readColumns } from '../formats/testing/read-lines.ts'
import { assignPatterns } from './row-patterns.ts'

/** The template of each line; empty for none. */
function templatesOf(settings: FormatSettings, lines: readonly string[]): string[] {
  const patterns = createLogPatterns({ tenant: 'acme', process: 'log:x' })
  const columns = readColumns(settings, lines)
  const numbers = new Int32Array(lines.length)
  assignPatterns(columns, patterns, numbers)
  const texts = new Map<bigint, string>()
  patterns.flush({ pattern: ({ id, template }) => texts.set(id, template), count: () => {} })
  return [...numbers].map((number) => {
    const id = (BigInt(patterns.idHigh[number]!) << 32n) | BigInt(patterns.idLow[number]!)
    return number === 0 ? '' : texts.get(id)!
  })
}

const HEAD = '::1 - - [01/May/2024:11:59:58 +0000]'

test.each<[FormatSettings, string[], string[]]>([
  [
    { format: 'combined' },
    [
      `${HEAD} "GET /api/users/7?x=1 HTTP/1.1" 200 5 "-" "x"`,
      `${HEAD} "GET /api/users/8 HTTP/1.1" 200 5 "-" "x"`,
      `${HEAD} "GET /api/users/8 HTTP/1.1" 503 5 "-" "x"`,
      `${HEAD} "-" 400 5 "-" "x"`,
      'server 5 restarted',
    ],
    ['GET /api/users/<*> 200', 'GET /api/users/<*> 200', 'GET /api/users/<*> 503', '', 'server <*> restarted'],
  ],
  [
    { format: 'json' },
    ['{"msg":"paid order 5","n":1}', '{"n":1}', 'panic: index 5 out of range', '{"msg":""}'],
    ['paid order <*>', '', 'panic: index <*> out of range', ''],
  ],
  [{ format: 'logfmt' }, ['level=info msg="job 5 done"', 'a=5 b=x'], ['job <*> done', 'a=<*> b=<*>']],
  [
    { format: 'rfc3164' },
    ['<14>May  1 11:59:58 web-1 sshd[4]: Accepted key for root from 10.0.0.1'],
    ['Accepted key for root from <*>'],
  ],
  [
    { format: 'nginx-error' },
    ['2024/05/01 11:59:58 [error] 1#2: *3 open() "/a" failed (2: No such file), client: ::1'],
    ['open() <*> failed (<*>: No such file)'],
  ],
  [{ format: 'plain' }, ['2024-05-01 11:59:58,123 INFO done 5'], ['<*> <*> INFO done <*>']],
])('$format', (settings, lines, expected) => {
  expect(templatesOf(settings, lines)).toEqual(expected)
})
