/** Kinds of processes that a sender may name; hosts and their processes are what agents say they are. */
const PROCESS = /^(?:device|log|service|flow)(?::[A-Za-z0-9._~-]{1,255}){1,6}$/

/** A process id that a sender gives in an attribute, if it may; null otherwise. */
export function namedProcess(explicit: string): string | null {
  return explicit.length <= 500 && PROCESS.test(explicit) ? explicit : null
}
