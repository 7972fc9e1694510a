import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

/**
 * A process of its own that runs `components`, an expression, and says `started` on standard output. `before` runs
 * first in it.
 */
function run(
  components: string,
  stopDeadlineMs: number,
  before = '',
  stderr: 'inherit' | 'pipe' = 'inherit',
): ChildProcess {
  const program = `
    ${before}
    import { runProcess } from ${JSON.stringify(new URL('./lifecycle.ts', import.meta.url).href)}
    import { pino } from 'pino'
    const say = (text) => process.stdout.write(text + '\\n')
    const named = (name, start) => ({ name, start, stop: async () => say('stopped ' + name) })
    setInterval(() => {}, 1000)
    const options = { logger: pino({ level: 'silent' }), stopDeadlineMs: ${stopDeadlineMs} }
    await runProcess(${components}, { ...options, onReady: () => say('ready') })`
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', stderr],
  })
}

/** Sends the signal once the process has said something; answers its exit status and all that it said. */
async function endAfterFirstWord(child: ChildProcess, signal: NodeJS.Signals | null) {
  let said = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    if (said === '' && signal !== null) child.kill(signal)
    said += text
  })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, said: said.trim().split('\n') }
}

test('a signal ends a start that waits for something that never comes', async () => {
  const waiting = `[named('a', async () => say('started a')), named('b', () => new Promise(() => {})), named('c', async () => say('started c'))]`
  expect(await endAfterFirstWord(run(waiting, 300), 'SIGTERM')).toEqual({ status: 1, said: ['started a'] })
})

test('a signal during a start stops what has started and starts nothing more', async () => {
  const slow = `[named('a', async () => { say('started a'); await new Promise((resolve) => setTimeout(resolve, 300)) }), named('b', async () => say('started b'))]`
  expect(await endAfterFirstWord(run(slow, 5000), 'SIGTERM')).toEqual({ status: 0, said: ['started a', 'stopped a'] })
})

test('errors that nobody caught stop everything in order, also when a second one follows', async () => {
  const failing = `[named('a', async () => { setTimeout(() => { Promise.reject(new Error('first')); Promise.reject(new Error('second')) }, 50) })]`
  expect(await endAfterFirstWord(run(failing, 5000), null)).toEqual({ status: 1, said: ['ready', 'stopped a'] })
})

test.each([
  [true, 'Driftline could not start: 127.0.0.1:80 is taken\n'],
  [false, ''],
])('why it could not start is said in plain at a terminal (%s) only', async (isTerminal, expected) => {
  const failing = `[named('a', async () => { throw new Error('127.0.0.1:80 is taken') })]`
  const child = run(failing, 5000, `process.stderr.isTTY = ${isTerminal}`, 'pipe')
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  expect((await endAfterFirstWord(child, null)).status).toBe(1)
  expect(said).toBe(expected)
})
