/**
 * Appends lines to a file at a steady rate: `fork`ed with its path, lines a second and seconds. Says at the end how many
 * it wrote and the CPU it took for them.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { BLOCK_LINES, linesAt } from './lines.ts'

export interface WriterReport {
  readonly lines: number
  readonly cpuSeconds: number
}

/** Like a server with a small buffer; whole blocks when there is much to write. */
const TICK_MS = 10

const [path, perSecond, seconds] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])]
const descriptor = openSync(path, 'a')
const before = process.cpuUsage()
const startedMs = performance.now()
let lines = 0

const tick = (): void => {
  const elapsed = Math.min((performance.now() - startedMs) / 1000, seconds)
  const due = Math.floor(elapsed * perSecond)
  while (lines < due) {
    const count = Math.min(BLOCK_LINES, due - lines)
    writeSync(descriptor, linesAt(Date.now(), count))
    lines += count
  }
  if (elapsed < seconds) return
  clearInterval(timer)
  closeSync(descriptor)
  const { user, system } = process.cpuUsage(before)
  process.send!({ lines, cpuSeconds: (user + system) / 1e6 } satisfies WriterReport)
  process.disconnect()
}
const timer = setInterval(tick, TICK_MS)
