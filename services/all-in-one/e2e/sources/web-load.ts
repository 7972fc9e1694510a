/** What a visitor asks a web server for; each request has a number of its own, so that its line can be found. */
export interface WebLoad {
  /** Paths that were asked for, with their number, and what was answered. */
  readonly asked: readonly { readonly path: string; readonly status: number }[]
  stop(): Promise<void>
}

const PATHS = ['/', '/missing', '/', '/broken', '/']
const EVERY_MS = 40

/** Asks one after the other until it is stopped. */
export function startWebLoad(address: string): WebLoad {
  const asked: { path: string; status: number }[] = []
  let isOver = false
  const run = async (): Promise<void> => {
    for (let number = 0; !isOver; number++) {
      const path = `${PATHS[number % PATHS.length]}?visitor=${number}`
      const { status } = await fetch(`${address}${path}`)
      asked.push({ path, status })
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }
  const running = run()
  return {
    asked,
    async stop() {
      isOver = true
      await running
    },
  }
}
