import { createBackoff } from '../backoff.ts'

const ATTEMPTS = 6

/** A broker that has just become the leader, or has just lost it, says so; kafkajs gives up on some of these answers. */
export async function askAgain<T>(ask: () => Promise<T>): Promise<T> {
  const backoff = createBackoff()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask()
    } catch (error) {
      if ((error as { retriable?: boolean }).retriable !== true || attempt === ATTEMPTS) throw error
      await backoff.wait()
    }
  }
}
