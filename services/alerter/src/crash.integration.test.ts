import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import type { CrashRigArguments, CrashRigOrder, CrashRigReport } from './testing/crash-rig.ts'
import { type Receiver, startReceiver } from './testing/receiver.ts'

/** Where a process dies: at a step of its own, while the receiver has its message, or when it has been answered. */
type Death = number | 'received' | 'answered'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

interface Rig {
  /** Resolves once all that is left from before has been done. */
  readonly drained: Promise<void>
  /** Gives the order; resolves, when the process is gone, with whether the end of the excursion had been stored. */
  die(order: CrashRigOrder): Promise<boolean>
  kill(): void
}

function startRig(args: CrashRigArguments): Rig {
  const script = fileURLToPath(new URL('./testing/crash-rig.ts', import.meta.url))
  const child = fork(script, [JSON.stringify(args)], { execArgv: ['--import', 'tsx'] })
  const gone = once(child, 'exit')
  let closed = false
  const drained = new Promise<void>((resolve, reject) => {
    child.on('message', (message: CrashRigReport) => {
      if (message === 'drained') resolve()
      else if (message === 'closed') closed = true
    })
    void gone.then(() => reject(new Error('the rig ended before it had drained')))
  })
  drained.catch(() => {})
  stops.push(async () => {
    child.kill('SIGKILL')
    await gone
  })
  return {
    drained,
    async die(order) {
      child.send(order)
      await gone
      return closed
    },
    kill: () => child.kill('SIGKILL'),
  }
}

/** Lets one process after the other die, the next finishing what the last one began; answers whose ends were stored. */
async function chain(receiver: Receiver, dir: string, deaths: readonly Death[]): Promise<string[]> {
  const stored: string[] = []
  for (const death of deaths) {
    const rig = startRig({ dir, url: receiver.url })
    await rig.drained
    const name = `excursion-${death}`
    receiver.answer = (response, { processId }) => {
      const isIts = processId.endsWith(name)
      if (isIts && death === 'received') return rig.kill()
      response.writeHead(204).end(() => {
        if (isIts && death === 'answered') rig.kill()
      })
    }
    if (await rig.die({ name, steps: typeof death === 'number' ? death : 0 })) stored.push(name)
    receiver.answer = (response) => response.writeHead(204).end()
  }
  const last = startRig({ dir, url: receiver.url })
  await last.drained
  last.kill()
  return stored
}

/** How often each message about an excursion came, by its id. */
function timesOf(receiver: Receiver, name: string, type: string): number[] {
  const own = receiver.received.filter((each) => each.processId.endsWith(`:${name}`) && each.type === type)
  const ids = [...new Set(own.map(({ id }) => id))]
  return ids.map((id) => own.filter((each) => each.id === id).length)
}

/** The work of an excursion is some twenty steps and more; the last deaths come when most of it is done. */
const deaths: Death[] = ['received', 'answered', ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20]]
const CHAINS = 2

it('misses no message, and repeats at most the one that was under way, wherever it is killed', async () => {
  const told = await Promise.all(
    Array.from({ length: CHAINS }, async (_, index) => {
      const dir = mkdtempSync(join(tmpdir(), 'driftline-alerter-crash-'))
      const receiver = await startReceiver()
      stops.push(async () => rmSync(dir, { recursive: true, force: true }))
      stops.push(() => receiver.stop())
      const own = deaths.filter((_death, place) => place % CHAINS === index)
      const stored = await chain(receiver, dir, own)
      return own.map((death) => {
        const name = `excursion-${death}`
        const times = ['alert.opened', 'alert.resolved'].map((type) => timesOf(receiver, name, type))
        return { death, stored: stored.includes(name), times }
      })
    }),
  )
  const all = told.flat()
  for (const { death, stored, times } of all) {
    const [opened, ended] = times as [number[], number[]]
    // One message of each event, once or twice, and at most one of them twice.
    const extra = times.flat().reduce((sum, count) => sum + count - 1, 0)
    expect({ death, opened: opened.length, ended: ended.length, few: extra <= 1 }).toEqual({
      death,
      opened: 1,
      ended: stored ? 1 : ended.length,
      few: true,
    })
  }
  expect(all.filter(({ stored }) => stored).length).toBeGreaterThan(1)
  expect(all.some(({ times }) => times.flat().includes(2))).toBe(true)
}, 300_000)
