import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { expect } from 'vitest'
import { eventually, type RunningChild, runScript } from '../child.ts'
import { type CountingAgentOptions, startCountingAgent } from './counting-agent.ts'
import { counterSeries, STORED_WITHIN_MS } from './history.ts'
import { READY_WITHIN_MS } from './product.ts'

const SCRIPT = 'services/all-in-one/e2e/faults/counting-agent-child.ts'
/** More than one run counts to: a number tells the run and the scan. */
const RUN = 1_000_000
const LAST_RUN_SCANS = 10

/** An agent as a process of its own that is killed and started again on the same spool; its runs are numbered. */
export interface MortalAgent {
  /** Starts the next run and resolves when it has made a batch. */
  run(): Promise<RunningChild>
  /** Runs once more until everything of all runs is acknowledged. */
  finish(): Promise<void>
  /** Every batch that a run made is in the store, once; answers how many. */
  expectWhole(store: AnalyticsStore): Promise<number>
  remove(): Promise<void>
}

export function createMortalAgent(options: Omit<CountingAgentOptions, 'first' | 'onScan'>, cwd: string): MortalAgent {
  const runs: RunningChild[] = []
  let lastRunScans = 0

  /** The scan that a run began last: all before it were in the spool, and it may have been. */
  const lastBegun = (run: RunningChild): number => Number(/scan (\d+)\n(?!.*\n)/s.exec(run.output())?.[1] ?? 0)

  return {
    async run() {
      const given = JSON.stringify({ ...options, first: runs.length * RUN })
      const child = runScript('agent', [SCRIPT, given], { NODE_OPTIONS: '--import=tsx' }, cwd)
      runs.push(child)
      await child.prints(/scan 2\n/, READY_WITHIN_MS)
      return child
    },
    async finish() {
      const agent = await startCountingAgent({ ...options, first: runs.length * RUN })
      await eventually('some scans', READY_WITHIN_MS, async () => agent.scans() >= LAST_RUN_SCANS || undefined)
      agent.pause()
      lastRunScans = agent.scans()
      await eventually('acknowledging what the killed runs left', STORED_WITHIN_MS, async () =>
        agent.acknowledged() >= lastRunScans ? true : undefined,
      )
      await agent.stop()
    },
    async expectWhole(store) {
      const series = counterSeries(options.host)
      const last = runs.length * RUN + lastRunScans
      const inStore = (): Promise<{ run: number; last: number; samples: number; numbers: number }[]> =>
        store.query(
          `SELECT toFloat64(intDiv(toUInt64(value), ${RUN})) AS run, toFloat64(max(toUInt64(value) % ${RUN})) AS last,
             toFloat64(count()) AS samples, toFloat64(uniqExact(value)) AS numbers
           FROM samples WHERE series = {series: UInt64} GROUP BY run ORDER BY run`,
          { series },
        )
      await eventually('storing what the last run made', STORED_WITHIN_MS, async () => {
        const row = (await inStore()).at(-1)
        return row !== undefined && row.run * RUN + row.last >= last ? true : undefined
      })
      const found = await inStore()
      // None is missing between the first and the last of a run, and none is there twice.
      expect(found).toEqual(found.map((row) => ({ ...row, samples: row.last, numbers: row.last })))
      expect(found.map(({ run }) => run)).toEqual(Array.from({ length: runs.length + 1 }, (_, run) => run))
      for (const [run, child] of runs.entries()) {
        const begun = lastBegun(child)
        expect([begun - 1, begun], `scans of run ${run}`).toContain(found[run]?.last)
      }
      expect(found.at(-1)?.last).toBe(lastRunScans)
      return found.reduce((sum, { samples }) => sum + samples, 0)
    },
    async remove() {
      await Promise.all(runs.map((run) => run.end('SIGKILL')))
    },
  }
}
