import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { describeWithServer } from '../../services/platform/src/testing/real-servers.ts'

/** Asking for the shared broker first says whether this machine can run one at all. */
describeWithServer('kafka', 'a Kafka of our own', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)('ends with the process that started it, by %s', async (signal) => {
    const script = fileURLToPath(new URL('kafka.ts', import.meta.url))
    const parent = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const port = Number(line.toString().trim().split(':')[1])
    expect(await accepts(port)).toBe(true)
    const ended = once(parent, 'exit')
    parent.kill(signal)
    await ended
    await vi.waitFor(async () => expect(await accepts(port)).toBe(false), { timeout: 30_000, interval: 100 })
  })
})

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
