import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'
import { lineOf, openTree, parentPid, searchTree, type Window } from './browser.ts'

/** A process that a test starts, sees, ends, and finds again in the past. */
export interface ObservedLife {
  readonly host: string
  readonly pid: number
  readonly parentPid: number
  /** A moment at which it lived and had been seen. */
  readonly livedAt: Date
}

/** Longer than a scan, the way to the screen and the tree's own pace of five seconds. */
const SEEN_WITHIN_MS = 15_000

/** Starts a process under a shell, sees it under its parent in the live tree, ends it and sees it go. */
export async function watchALife({ page }: Window): Promise<ObservedLife> {
  const host = await openTree(page)
  const seconds = 700_000 + Math.floor(Math.random() * 99_999) // a command that no other process has
  const shell = spawn('sh', ['-c', `sleep ${seconds} & echo $!; wait`], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const pid = await firstNumber(shell)
    await searchTree(page, String(seconds))
    await lineOf(page, pid).waitFor({ timeout: SEEN_WITHIN_MS })
    expect(await parentPid(page, pid)).toBe(shell.pid)
    const livedAt = new Date()
    await new Promise((resolve) => setTimeout(resolve, 2000))

    const ended = once(shell, 'exit')
    process.kill(pid, 'SIGKILL')
    await ended
    await lineOf(page, pid).waitFor({ state: 'detached', timeout: SEEN_WITHIN_MS })
    return { host, pid, parentPid: shell.pid ?? 0, livedAt }
  } finally {
    shell.kill('SIGKILL')
  }
}

/** Opens the link to the moment at which it lived: it stands in the tree again, under the same parent. */
export async function findInThePast({ page }: Window, address: string, life: ObservedLife): Promise<void> {
  await page.goto(`${address}/hosts/${encodeURIComponent(life.host)}?at=${life.livedAt.toISOString()}`)
  await searchTree(page, String(life.pid))
  await lineOf(page, life.pid).waitFor({ timeout: SEEN_WITHIN_MS })
  expect(await parentPid(page, life.pid)).toBe(life.parentPid)
  await page.getByText('Tables, tree and charts show that moment').waitFor()
}

async function firstNumber(child: ChildProcess): Promise<number> {
  const [chunk] = (await once(child.stdout ?? child, 'data')) as [Buffer]
  return Number(chunk.toString().trim())
}
