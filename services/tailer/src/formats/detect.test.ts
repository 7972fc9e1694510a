import { describe, expect, test } from 'vitest'
import { detectedFormat, detectFormat } from './detect.ts'
import type { FormatName } from './log-format.ts'
import { linesOf } from './testing/read-lines.ts'

const two = (value: number): string => String(value).padStart(2, '0')
const many = (line: (i: number) => string): string[] => Array.from({ length: 50 }, (_, i) => line(i))

const SAMPLES: [FormatName, string[]][] = [
  ['json', many((i) => `{"ts":"2024-05-01T11:59:${two(i)}Z","lvl":"info","msg":"m","n":${i}}`)],
  ['logfmt', many((i) => `time=2024-05-01T11:59:${two(i)}Z level=info msg="done it" took=${i}ms`)],
  ['common', many((i) => `10.0.0.${i} - - [01/May/2024:11:59:${two(i)} +0000] "GET /a HTTP/1.1" 200 ${i}`)],
  [
    'combined',
    many((i) => `10.0.0.${i} - - [01/May/2024:11:59:${two(i)} +0000] "GET /a HTTP/1.1" 200 ${i} "-" "curl"`),
  ],
  ['nginx-error', many((i) => `2024/05/01 11:59:${two(i)} [error] 1#1: *${i} open() failed, client: ::1`)],
  ['apache-error', many((i) => `[Wed May 01 11:59:${two(i)}.000000 2024] [core:error] [pid ${i}] AH00124: x`)],
  ['rfc3164', many((i) => `May  1 11:59:${two(i)} web-1 sshd[${i}]: Accepted key=value for root`)],
  ['rfc3164', many((i) => `2024-05-01T11:59:${two(i)}.123456+00:00 web-1 systemd[1]: Started a unit`)],
  ['rfc5424', many((i) => `<165>1 2024-05-01T11:59:${two(i)}Z h app ${i} - - message`)],
  ['plain', many((i) => `2024-05-01 11:59:${two(i)},123 INFO [main] com.example.Service - handled ${i}`)],
  ['plain', many((i) => `user=${i} has logged in from a place that is far away from here`)],
  ['plain', many(() => '')],
]

describe('the format of a sample', () => {
  test.each(SAMPLES)('%s', (format, lines) => {
    const [first, ...others] = detectFormat(linesOf(lines))
    expect(first).toMatchObject({ format })
    expect(first!.reason).toMatch(/lines/)
    for (const other of others) expect(other.confidence).toBeLessThanOrEqual(Math.max(first!.confidence, 0.5))
  })

  test('traces between objects do not hide JSON', () => {
    const lines = many((i) =>
      i % 3 === 0 ? '  at main (index.js:1:2)' : `{"level":30,"time":17145647${two(i)}000,"msg":"x"}`,
    )
    const [first] = detectFormat(linesOf(lines))
    expect(first).toMatchObject({ format: 'json', timeField: 'time', levelField: 'level' })
    expect(first!.confidence).toBeCloseTo(0.66, 1)
    expect(first!.reason).toBe(
      '33 of 50 lines fit: One JSON object per line: pino, bunyan, zap, logrus, Serilog, container logs',
    )
  })

  test('a pattern of the settings is tried', () => {
    const lines = many((i) => `${i}|done|${i * 3}`)
    expect(detectFormat(linesOf(lines))[0]).toMatchObject({ format: 'plain' })
    const [first] = detectFormat(linesOf(lines), { pattern: '^(?P<id>\\d+)\\|(?P<what>\\w+)\\|(?P<took_ms>\\d+)$' })
    expect(first).toMatchObject({ format: 'pattern', duration: { field: 'took_ms', unit: 'ms' } })
  })

  test('no lines: nothing is proposed', () => {
    expect(detectFormat(linesOf([]))).toEqual([])
  })
})

describe('what fields are', () => {
  test('JSON of a shop', () => {
    const lines = many((i) =>
      JSON.stringify({
        when: `2024-05-01T11:59:${two(i)}Z`,
        sev: i % 5 ? 'INFO' : 'ERROR',
        order: { amount: i * 100 + 0.5, currency: 'INR' },
        http: { responseTimeMs: i, bytes: 500 + i },
        queue: { latency: `${i}ms` },
        count: i,
        customer: `c-${i}`,
      }),
    )
    const [first] = detectFormat(linesOf(lines))
    expect(first).toMatchObject({
      format: 'json',
      timeField: 'when',
      levelField: 'sev',
      duration: { field: 'http.responseTimeMs', unit: 'ms' },
    })
    expect(first!.metrics).toEqual([
      { field: 'queue.latency', metric: 'queue.latency', unit: 's', aggregation: 'quantiles' },
      { field: 'order.amount', metric: 'order.amount', unit: 'INR', aggregation: 'sum' },
      { field: 'http.bytes', metric: 'http.bytes', unit: 'By', aggregation: 'sum' },
    ])
    const looks = Object.fromEntries(
      detectedFormat(first!).fields.map((field) => [field.name, `${field.looksLike} ${field.unit}`.trim()]),
    )
    expect(looks).toEqual({
      when: 'time',
      sev: 'level',
      'order.amount': 'amount INR',
      'order.currency': 'text',
      'http.responseTimeMs': 'duration ms',
      'http.bytes': 'size By',
      'queue.latency': 'duration s',
      count: 'number',
      customer: 'text',
    })
    const amount = first!.fields.find(({ name }) => name === 'order.amount')
    expect(amount).toMatchObject({ share: 1, numbers: 1, min: 0.5, max: 4900.5, example: '0.5', distinct: 20 })
  })

  test('a duration without a unit is guessed by its values', () => {
    const whole = detectFormat(linesOf(many((i) => `a=b duration=${i * 7}`)))[0]
    const small = detectFormat(linesOf(many((i) => `a=b duration=0.${two(i)}`)))[0]
    expect([whole!.duration?.unit, small!.duration?.unit]).toEqual(['ms', 's'])
  })

  test('a number of an epoch is a time only under a name that says so', () => {
    const lines = many((i) => `{"id":17145647${two(i)},"ts":17145647${two(i)},"x":1}`)
    expect(detectFormat(linesOf(lines))[0]).toMatchObject({ timeField: 'ts' })
    expect(detectFormat(linesOf(many((i) => `{"id":17145647${two(i)}}`)))[0]!.timeField).toBeUndefined()
  })

  test('sizes of access logs', () => {
    const [first] = detectFormat(linesOf(SAMPLES[3]![1]))
    expect(first!.metrics).toEqual([
      { field: 'http.response.body.size', metric: 'http.response.body.size', unit: 'By', aggregation: 'sum' },
    ])
  })
})
