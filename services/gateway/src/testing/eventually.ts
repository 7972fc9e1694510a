const PATIENCE_MS = 8000
const PAUSE_MS = 50

/** Reads until the check passes; its last failure when it never does. */
export async function eventually<T>(
  read: () => Promise<T>,
  check: (value: T) => void,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const value = await read()
    try {
      check(value)
      return value
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}
