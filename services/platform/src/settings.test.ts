import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { AppError } from './errors.ts'
import {
  environmentName,
  readSettings,
  readTogether,
  refuseUnknownKeys,
  type SettingsSource,
  setting,
} from './settings.ts'
import { durationMs, port, share } from './units.ts'

const spec = {
  httpPort: setting('http_port', port, 8080, 'Port of the web app and the API'),
  rawRetentionMs: setting(
    'process_monitor.real_time_monitoring.raw_retention',
    durationMs,
    '48h',
    'Life of raw samples',
  ),
  limit: setting('process_monitor.limit', share, '20%', 'A share'),
}
const source = (yaml: unknown, env: Record<string, string> = {}): SettingsSource => ({
  env,
  yaml,
  file: 'driftline.yaml',
})
const problemsOf = (run: () => unknown): string[] => {
  try {
    run()
  } catch (error) {
    if (error instanceof AppError && error.code === 'config_invalid') return error.message.split('\n')
    throw error
  }
  return []
}

describe('reading settings', () => {
  test('takes the default, then the file, then the environment', () => {
    expect(readSettings(source({}), spec)).toEqual({ httpPort: 8080, rawRetentionMs: 172_800_000, limit: 0.2 })
    expect(readSettings(source({ http_port: 9000 }), spec).httpPort).toBe(9000)
    expect(readSettings(source({ http_port: 9000 }, { DRIFTLINE_HTTP_PORT: '0' }), spec).httpPort).toBe(0)
  })

  test('an empty variable counts as not set', () => {
    expect(readSettings(source({}, { DRIFTLINE_HTTP_PORT: '' }), spec).httpPort).toBe(8080)
  })

  test('reports all problems at once, each with the name that set it', () => {
    const yaml = { process_monitor: { real_time_monitoring: { raw_retention: 48 }, limit: '140%' } }
    const problems = problemsOf(() => readSettings(source(yaml, { DRIFTLINE_HTTP_PORT: 'eighty' }), spec))
    expect(problems).toHaveLength(3)
    expect(problems[0]).toMatch(/^DRIFTLINE_HTTP_PORT: /)
    expect(problems[1]).toMatch(/^process_monitor\.real_time_monitoring\.raw_retention: /)
    expect(problems[2]).toMatch(/^process_monitor\.limit: "140%" is not a share/)
  })

  test('a variable holds a list as the file does; text that only looks like one stays text', () => {
    const lists = {
      names: setting('names', z.array(z.string()), ['x'], 'Names'),
      rules: setting('rules', z.array(z.strictObject({ name: z.string(), count: z.number() })), [], 'Rules'),
      password: setting('password', z.string(), '', 'A password'),
    }
    const env = {
      DRIFTLINE_NAMES: '[a, b]',
      DRIFTLINE_RULES: '[{"name": "a", "count": 2}]',
      DRIFTLINE_PASSWORD: '[secret',
    }
    expect(readSettings(source({}, env), lists)).toEqual({
      names: ['a', 'b'],
      rules: [{ name: 'a', count: 2 }],
      password: '[secret',
    })
    const wrong = { ...env, DRIFTLINE_RULES: '[{name: a, count: many}]' }
    expect(problemsOf(() => readSettings(source({}, wrong), lists))).toEqual([
      expect.stringMatching(/^DRIFTLINE_RULES\.0\.count: /),
    ])
  })

  test('is frozen', () => {
    expect(Object.isFrozen(readSettings(source({}), spec))).toBe(true)
  })

  test('does not read inherited properties', () => {
    const proto = setting('__proto__.polluted', z.string().optional(), undefined, 'Nothing')
    expect(readSettings(source({}), { proto }).proto).toBeUndefined()
  })
})

describe('several configurations', () => {
  test('their problems are joined, each once', () => {
    const bad = () => readSettings(source({}, { DRIFTLINE_HTTP_PORT: '-1' }), spec)
    expect(problemsOf(() => readTogether({ one: bad, two: bad }))).toHaveLength(1)
  })
})

describe('unknown keys', () => {
  const known = ['http_port', 'process_monitor.alerting.alert_channels', 'process_monitor.alerting.enabled']
  test.each<[string, unknown, string[]]>([
    ['nothing', {}, []],
    ['known keys', { http_port: 1, process_monitor: { alerting: { enabled: true } } }, []],
    [
      'what stands below a known key is its own business',
      { process_monitor: { alerting: { alert_channels: [{ a: 1 }] } } },
      [],
    ],
    ['a misspelt key', { htp_port: 1 }, ['htp_port: no such setting']],
    ['a misspelt section', { process_monitor: { alert: { enabled: 1 } } }, ['process_monitor.alert: no such setting']],
    ['a value where a section belongs', { process_monitor: 5 }, ['process_monitor: must be a section with keys']],
    ['an empty section', { process_monitor: null }, []],
  ])('%s', (_, yaml, problems) => {
    expect(problemsOf(() => refuseUnknownKeys(source(yaml), known))).toEqual(problems)
  })
})

test.each([
  ['http_port', 'DRIFTLINE_HTTP_PORT'],
  ['process_monitor.real_time_monitoring.raw_retention', 'DRIFTLINE_REAL_TIME_MONITORING_RAW_RETENTION'],
  ['agent.api_key', 'DRIFTLINE_AGENT_API_KEY'],
])('%s is overridden by %s', (key, name) => {
  expect(environmentName(key)).toBe(name)
})

describe('units', () => {
  test.each([
    ['500ms', 500],
    ['1s', 1000],
    ['1.5h', 5_400_000],
    ['30d', 2_592_000_000],
    ['1.1h', 3_960_000],
    ['0.5ms', 1],
  ])('%s is %d ms', (text, expected) => expect(durationMs.parse(text)).toBe(expected))
  test.each(['5', '', '-1s', '1 s', '1w', 'Infinitys'])('"%s" is not a duration', (text) => {
    expect(durationMs.safeParse(text).success).toBe(false)
  })
  test.each(['101%', '-1%', 'abc', '', 'NaN'])('"%s" is not a share', (text) => {
    expect(share.safeParse(text).success).toBe(false)
  })
})
