import { createLogPatterns } from '../../ingest/src/log-patterns/log-patterns.ts'
import { createAttributeWriter } from '../../services/tailer/src/formats/attributes.ts'
import type { FormatName, LineBatch, LineParser } from '../../services/tailer/src/formats/log-format.ts'
import { parseLines } from '../../services/tailer/src/formats/parse-lines.ts'
import { createRecordColumns } from '../../services/tailer/src/formats/record-columns.ts'
import { createParser } from '../../services/tailer/src/formats/registry.ts'
import { createLogMetrics } from '../../services/tailer/src/metrics/log-metrics.ts'
import { assignPatterns } from '../../services/tailer/src/metrics/row-patterns.ts'

/**
 * CPU of the parsing half of the tailer on made-up lines in chunks of 4,096: fields alone; with metrics; with templates;
 * and with the JSON of the attributes, which is all but the copy into the batch of the bus.
 */
const LINES = 4_096
const ARRIVAL_MS = Date.UTC(2024, 4, 1, 12, 0, 5)

const digits = (value: number, length: number): string => String(value).padStart(length, '0')
const agents = Array.from(
  { length: 30 },
  (_, i) =>
    `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${100 + i}.0.0.0 Safari/537.36`,
)
const routes = ['users', 'orders', 'carts', 'invoices', 'payments', 'sessions', 'search', 'health']

const made: Partial<Record<FormatName, (i: number, second: string, ms: string) => string>> = {
  combined: (i, second, ms) =>
    `203.0.${i % 256}.${(i * 7) % 256} - - [01/May/2024:12:00:${second} +0000] "GET /api/${routes[i % 8]}/${i * 31}/items?page=${i % 9} HTTP/1.1" ${i % 50 === 0 ? 500 : 200} ${1_000 + i} "https://shop.example.com/catalog/list" "${agents[i % 30]}" 0.${ms}`,
  json: (i, second, ms) =>
    JSON.stringify({
      time: `2024-05-01T12:00:${second}.${ms}Z`,
      level: i % 50 ? 'info' : 'error',
      logger: 'payments.api',
      msg: `payment ${i} of ${routes[i % 8]} accepted`,
      http: { method: 'POST', path: `/pay/${i}`, status_code: 200 },
      duration_ms: (i % 977) / 7,
      amount: i * 3,
      user: { id: `u-${i}`, country: 'IN' },
    }),
  logfmt: (i, second, ms) =>
    `ts=2024-05-01T12:00:${second}.${ms}Z level=${i % 50 ? 'info' : 'error'} caller=main.go:${i} msg="request ${i} done" method=GET path=/api/${i} status=200 duration=${i % 977}ms bytes=${i}`,
  rfc5424: (i, second, ms) =>
    `<165>1 2024-05-01T12:00:${second}.${ms}Z web-1 app 1234 ID47 [ex@32473 iut="3" eventSource="Application" eventID="${i}"] An application event log entry ${i}`,
  rfc3164: (i, second) =>
    `<14>May  1 12:00:${second} web-1 sshd[${i}]: Accepted publickey for root from 10.0.0.${i % 256} port ${i}`,
  plain: (i, second, ms) =>
    `2024-05-01 12:00:${second},${ms} INFO [main] com.example.Service - handled ${routes[i % 8]} ${i} in ${i % 77} ms`,
  pattern: (i, second, ms) => `2024-05-01T12:00:${second}.${ms}Z [worker-${i % 8}] INFO job ${i} done in ${i % 977} ms`,
}
const PATTERN =
  '^(?P<time>\\S+) \\[(?P<worker>[^\\]]+)\\] (?P<level>[A-Z]+) job (?P<job>[0-9]+) done in (?P<took_ms>[0-9.]+) ms$'

function linesOf(format: FormatName): LineBatch {
  const texts = Array.from({ length: LINES }, (_, i) => made[format]!(i, digits(i >> 11, 2), digits(i % 1_000, 3)))
  const starts = new Uint32Array(LINES)
  const ends = new Uint32Array(LINES)
  let at = 0
  texts.forEach((text, row) => {
    starts[row] = at
    at += Buffer.byteLength(text)
    ends[row] = at
    at += 1
  })
  return { buffer: Buffer.from(texts.join('\n')), count: LINES, starts, ends, arrivalMs: ARRIVAL_MS }
}

function parserOf(format: FormatName): LineParser {
  const verdict = createParser({ format, ...(format === 'pattern' ? { pattern: PATTERN } : {}) })
  if ('problem' in verdict) throw new Error(verdict.detail)
  return verdict.parser
}

/** Lines per second of CPU, of all threads, after a warm-up. */
function linesPerSecond(work: () => void): number {
  for (const end = performance.now() + 500; performance.now() < end; ) work()
  const before = process.cpuUsage()
  let rounds = 0
  for (const end = performance.now() + 1_500; performance.now() < end; rounds++) work()
  const { user, system } = process.cpuUsage(before)
  return (rounds * LINES) / ((user + system) / 1e6)
}

const columns = createRecordColumns({ rowsMax: LINES })
const attributes = createAttributeWriter()
const numbers = new Int32Array(LINES)
const thousands = (value: number): string => `${Math.round(value / 1_000)}k`.padStart(8)

process.stdout.write('lines per second of one core    bytes    parse  metrics patterns attributes\n')
for (const format of Object.keys(made) as FormatName[]) {
  const lines = linesOf(format)
  const parser = parserOf(format)
  const metrics = createLogMetrics({ metrics: [] })
  const patterns = createLogPatterns({ tenant: 'bench', process: `log:${format}` })
  let values = 0
  const parse = (): void => parseLines(parser, lines, columns)
  const measure = (): void => {
    parse()
    metrics.add(columns)
    metrics.flush(() => {
      values += 1
    })
  }
  const group = (): void => {
    measure()
    assignPatterns(columns, patterns, numbers)
    patterns.flush({ pattern: () => {}, count: () => {} })
  }
  const write = (): void => {
    group()
    for (let row = 0; row < LINES; row++) values += attributes.write(columns, row)
  }
  const row = [parse, measure, group, write].map((work) => thousands(linesPerSecond(work))).join(' ')
  const bytes = String(Math.round(lines.buffer.length / LINES)).padStart(6)
  process.stdout.write(
    `${format.padEnd(28)} ${bytes} ${row}   (templates ${patterns.size}, refused ${columns.refused})\n`,
  )
  if (values === 0) throw new Error('nothing was measured')
}
