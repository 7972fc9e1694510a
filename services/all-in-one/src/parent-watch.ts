import type { Component } from '@driftline/platform/lifecycle'

const LOOK_EVERY_MS = 500

/**
 * Stops this process when the one that started it is gone. `make run` asks for it: a killed `make` cannot pass a
 * signal on, and a server that nobody sees would keep the ports and the data directory.
 */
export function createParentWatch(): Component {
  const parent = process.ppid
  let timer: NodeJS.Timeout | undefined
  return {
    name: 'parent watch',
    async start() {
      timer = setInterval(() => {
        if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
      }, LOOK_EVERY_MS).unref()
    },
    async stop() {
      clearInterval(timer)
    },
  }
}
