/** Work that is done again and again, never twice at once. */
export interface Repeating {
  start(): void
  /** Resolves when what was under way is done. */
  stop(): Promise<void>
}

export interface RepeatingConfig {
  /** From one beginning to the next; longer when the work takes longer. Milliseconds. */
  readonly everyMs: number
  work(): Promise<void>
  /** `isFirst` since it last succeeded. */
  failed(error: unknown, isFirst: boolean): void
}

export function createRepeating({ everyMs, work, failed }: RepeatingConfig): Repeating {
  let timer: NodeJS.Timeout | undefined
  let busy: Promise<void> | null = null
  let failing = false
  const turn = (): void => {
    busy ??= work()
      .then(
        () => {
          failing = false
        },
        (error: unknown) => {
          failed(error, !failing)
          failing = true
        },
      )
      .finally(() => {
        busy = null
      })
  }
  return {
    start() {
      timer = setInterval(turn, everyMs)
    },
    async stop() {
      clearInterval(timer)
      await busy
    },
  }
}
