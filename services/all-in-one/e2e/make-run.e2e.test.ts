import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, afterEach, expect, test } from 'vitest'
import { openWindow, signIn, type Window } from './browser.ts'
import { eventually, freePort, observe, type RunningChild, root } from './child.ts'
import { findInThePast, watchALife } from './life.ts'

const MAKE = 'make'
const READY = /ready at (\S+)/
const READY_WITHIN_MS = 180_000
const READY_AGAIN_WITHIN_MS = 60_000

const dataDir = mkdtempSync(join(tmpdir(), 'driftline-e2e-'))
const running: RunningChild[] = []
const windows: Window[] = []

afterEach(async () => {
  await Promise.all(windows.splice(0).map((window) => window.close()))
  await Promise.all(running.splice(0).map((child) => child.end('SIGKILL')))
})
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

function makeRun(httpPort: number): RunningChild {
  const child = spawn(MAKE, ['run'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DRIFTLINE_DATA_DIR: dataDir,
      DRIFTLINE_HTTP_PORT: String(httpPort),
      DRIFTLINE_GRPC_PORT: '0',
      DRIFTLINE_MQTT_PORT: '0',
      DRIFTLINE_MONITOR_GRPC_PORT: '0',
    },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const observed = observe('make run', child)
  running.push(observed)
  return observed
}

describeWithServer('chromium', 'make run on an empty data directory', (browser) => {
  test('shows this machine live, rewinds it, and keeps its history through SIGKILL', async () => {
    const port = await freePort()
    const first = makeRun(port)
    const [, address = ''] = await first.prints(READY, READY_WITHIN_MS)
    const [, password = ''] = await first.prints(/Password {2}(\S+)/, 1000)

    const window = await openWindow(browser().url)
    windows.push(window)
    await signIn(window.page, address, password)
    await window.page.getByText('This machine is on the air').waitFor({ timeout: 15_000 })
    const life = await watchALife(window)
    await findInThePast(window, address, life)

    await first.end('SIGKILL')
    const second = makeRun(port)
    await second.prints(READY, READY_AGAIN_WITHIN_MS)
    await findInThePast(window, address, life)
    expect(window.problems).toEqual([])

    // Its children die with it, and nothing is left of it after SIGTERM.
    const before = Date.now()
    await second.end('SIGTERM')
    expect(Date.now() - before).toBeLessThan(10_000)
    await eventually('the port is free', 2000, async () => {
      const answered = await fetch(`${address}/livez`).then(
        () => true,
        () => false,
      )
      return answered ? undefined : true
    })
  })
})
