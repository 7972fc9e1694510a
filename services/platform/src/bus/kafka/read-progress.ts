import { AppError } from '../../errors.ts'

/** Waits for something that comes in pieces, as long as they keep coming. */
export interface ReadProgress {
  /** A piece has come. */
  advance(): void
  finish(): void
  /** Resolves when it is finished. Errors: `timeout` (retryable) when nothing has come for `idleMs`. */
  readonly finished: Promise<void>
  /** Ends the waiting without an answer. */
  cancel(): void
}

export function createReadProgress(idleMs: number, what: string): ReadProgress {
  const { promise, resolve, reject } = withResolvers()
  const expire = (): void =>
    reject(new AppError('timeout', `${what}: nothing came for ${idleMs} ms`, { retryable: true }))
  const timer = setTimeout(expire, idleMs)
  return {
    advance: () => void timer.refresh(),
    finish: () => {
      clearTimeout(timer)
      resolve()
    },
    finished: promise,
    cancel: () => clearTimeout(timer),
  }
}

function withResolvers() {
  let resolve: () => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
