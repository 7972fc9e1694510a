import { expect, test } from 'vitest'
import { createLogger } from './logger.ts'

function logged(write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  const lines: string[] = []
  write(createLogger('info', { write: (line) => void lines.push(line) }))
  return JSON.parse(lines[0] ?? '{}') as Record<string, unknown>
}

test('a line is JSON with level, time and message', () => {
  const line = logged((logger) => logger.info({ rows: 3 }, 'inserted'))
  expect(line).toMatchObject({ level: 'info', message: 'inserted', rows: 3 })
  expect(new Date(line['time'] as string).getTime()).toBeGreaterThan(0)
})

test.each(['password', 'token', 'secret', 'apiKey', 'authorization', 'cookie'])('%s is censored', (key) => {
  const line = logged((logger) => logger.info({ [key]: 'canary', request: { [key]: 'canary' } }, 'x'))
  expect(JSON.stringify(line)).not.toContain('canary')
})

test('an error brings its cause', () => {
  const line = logged((logger) => logger.info({ error: new Error('outer', { cause: new Error('inner') }) }, 'x'))
  expect(JSON.stringify(line)).toMatch(/outer.*inner/)
})
