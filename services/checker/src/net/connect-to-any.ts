import { connect, type Socket } from 'node:net'
import type { CheckFailure } from '../check-type.ts'
import type { GuardedAddress } from './address-guard.ts'
import { connectFailure, timeUp } from './connect-failures.ts'

/** RFC 8305 recommends 250 ms before the next address is tried beside the one that has not answered. */
const NEXT_AFTER_MS = 250

/**
 * Connects to the first of these addresses that answers. Each is tried when the one before it failed or has not
 * answered for a quarter of a second; those that lose are closed. Errors: the first address's, as CheckFailure.
 */
export function connectToAny(
  addresses: readonly GuardedAddress[],
  port: number,
  where: string,
  signal: AbortSignal,
): Promise<Socket> {
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>()
    let next = 0
    let first: unknown
    let timer: NodeJS.Timeout | undefined

    const finish = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      for (const socket of open) socket.destroy()
      open.clear()
    }
    const fail = (failure: CheckFailure): void => {
      finish()
      reject(failure)
    }
    const onAbort = (): void => fail(timeUp(`Connecting to ${where}`, startedMs, signal.reason))
    const tryNext = (): void => {
      clearTimeout(timer)
      const target = addresses[next++]
      if (target === undefined) {
        if (open.size === 0) fail(connectFailure(first, where))
        return
      }
      const socket = connect({ host: target.address, port, family: target.family, noDelay: true })
      open.add(socket)
      socket.once('connect', () => {
        open.delete(socket)
        finish()
        // Whoever gets it listens; until then an error is no reason to end the process.
        socket.removeAllListeners('error').on('error', () => {})
        resolve(socket)
      })
      socket.once('error', (error) => {
        open.delete(socket)
        first ??= error
        tryNext()
      })
      if (next < addresses.length) timer = setTimeout(tryNext, NEXT_AFTER_MS)
    }

    if (signal.aborted) onAbort()
    else {
      signal.addEventListener('abort', onAbort, { once: true })
      tryNext()
    }
  })
}
