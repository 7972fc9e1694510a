import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { History } from './history.ts'

/** The writer stores frames within about a second; by then the store has what the live feed missed. */
const DELAY_MS = 3000

export interface Rebuilder extends Component {
  /** Asks for a rebuild of a host's table; many askings before it are one. */
  ask(tenant: string, host: string): void
}

/** Rebuilds tables of hosts with missing frames from the store, one after the other. */
export function createRebuilder(deps: {
  history: History
  logger: Logger
  onRebuilt: (tenant: string, host: string) => void
}): Rebuilder {
  const waiting = new Map<string, NodeJS.Timeout>()
  let tail: Promise<void> = Promise.resolve()
  let stopped = false

  const rebuild = async (tenant: string, host: string): Promise<void> => {
    if (stopped) return
    try {
      if (await deps.history.rebuild(tenant, host)) deps.onRebuilt(tenant, host)
    } catch (error) {
      deps.logger.warn({ error, host }, 'could not rebuild the process table of a host; the next key frame will')
    }
  }

  return {
    name: 'gateway-rebuilder',
    async start() {
      stopped = false
    },
    async stop() {
      stopped = true
      for (const timer of waiting.values()) clearTimeout(timer)
      waiting.clear()
      await tail
    },
    ask(tenant, host) {
      const key = `${tenant}\n${host}`
      if (stopped || waiting.has(key)) return
      const timer = setTimeout(() => {
        waiting.delete(key)
        tail = tail.then(() => rebuild(tenant, host))
      }, DELAY_MS)
      timer.unref()
      waiting.set(key, timer)
    },
  }
}
