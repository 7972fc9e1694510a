import { createContext, Script } from 'node:vm'

/** Runs work that may take too long on some inputs; it is ended, wherever it is, when its time is over. */
export type TimeLimit = <T>(work: () => T) => T

/** What the work threw when its time was over. */
export class TimeIsOver extends Error {}

/**
 * Paths, schemas and selectors are other people's, and so are the documents: their product may take hours, and one
 * thread serves all checks. V8 ends a script at its time limit, and the library called by it, loops and regular
 * expressions alike. Costs about 0.1 ms each time.
 */
export function createTimeLimit(timeMs: number): TimeLimit {
  const script = new Script('work()')
  const place: { work: (() => unknown) | null } = { work: null }
  const context = createContext(place)
  return <T>(work: () => T): T => {
    let result: { readonly value: T } | { readonly error: unknown } | undefined
    place.work = () => {
      try {
        result = { value: work() }
      } catch (error) {
        result = { error }
      }
    }
    try {
      script.runInContext(context, { timeout: timeMs })
    } catch {
      throw new TimeIsOver(`It took more than ${timeMs} ms`)
    } finally {
      place.work = null
    }
    if (result === undefined) throw new TimeIsOver(`It took more than ${timeMs} ms`)
    if ('error' in result) throw result.error
    return result.value
  }
}
