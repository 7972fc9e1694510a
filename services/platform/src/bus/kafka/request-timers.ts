import { createRequire } from 'node:module'

interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(): void
}

const mended = new WeakSet<object>()

/**
 * After every answer kafkajs 2.2.4 sets a timer to look after requests that wait, also when none does, and then with a
 * negative time: Node.js from 22 on warns of that, and each answer costs a timer. With this it sets one only when
 * something waits.
 */
export function mendRequestTimers(): void {
  const load = createRequire(import.meta.url)
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue }
  if (mended.has(prototype)) return
  mended.add(prototype)
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this)
  }
}
