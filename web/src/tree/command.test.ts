import { expect, it } from 'vitest'
import { argumentsOf } from './command.ts'

it.each([
  ['nginx', 'nginx: worker process', 'worker process'],
  ['npm exec vitest', 'npm exec vitest run --project unit', 'run --project unit'],
  ['redis-server', '/usr/bin/redis-server *:6379', '*:6379'],
  ['node', 'nodemon app.js', 'app.js'],
  ['bash', 'bash', ''],
  ['kthreadd', '', ''],
])('%s of %s', (name, command, rest) => {
  expect(argumentsOf(name, command)).toBe(rest)
})
