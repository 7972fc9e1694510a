import { timeUp } from '../net/connect-failures.ts'

/**
 * Work that several wait for and that is done once: it ends when it is done, or when nobody waits for it any longer.
 * Each waiter leaves when its own signal aborts, without ending it for the others.
 */
export interface SharedWork<T> {
  readonly done: Promise<T>
  wait(signal: AbortSignal): Promise<T>
  /** Everybody left before it was done: it comes to nothing. */
  isLeft(): boolean
}

/** `doing` is for the message when a waiter's time is over: `asking id.example for a token`. */
export function shareWork<T>(doing: string, work: (signal: AbortSignal) => Promise<T>): SharedWork<T> {
  const abort = new AbortController()
  const done = work(abort.signal)
  // Whoever waits hears of a failure; without anybody it is nobody's.
  let isDone = false
  done.then(
    () => {
      isDone = true
    },
    () => {},
  )
  let waiting = 0
  return {
    done,
    isLeft: () => abort.signal.aborted,
    async wait(signal) {
      const startedMs = performance.now()
      if (signal.aborted) throw timeUp(doing, startedMs, signal.reason)
      waiting++
      let leave = (): void => {}
      const left = new Promise<never>((_, reject) => {
        leave = () => reject(timeUp(doing, startedMs, signal.reason))
        signal.addEventListener('abort', leave, { once: true })
      })
      try {
        return await Promise.race([done, left])
      } finally {
        signal.removeEventListener('abort', leave)
        waiting--
        if (waiting === 0 && !isDone) abort.abort()
      }
    },
  }
}
