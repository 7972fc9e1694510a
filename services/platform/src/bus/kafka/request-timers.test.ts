import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { mendRequestTimers } from './request-timers.ts'

interface Queue {
  readonly pending: unknown[]
  readonly throttleCheckTimeoutId: NodeJS.Timeout | null
  scheduleCheckPendingRequests(): void
  destroy(): void
}

test('kafkajs sets a timer for requests that wait, and none when nothing does', () => {
  const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
    options: object,
  ) => Queue
  mendRequestTimers()
  mendRequestTimers()
  const queue = new RequestQueue({ maxInFlightRequests: null, requestTimeout: 1000, clientId: 'test', broker: 'test' })
  queue.scheduleCheckPendingRequests()
  expect(queue.throttleCheckTimeoutId).toBeNull()
  queue.pending.push({})
  queue.scheduleCheckPendingRequests()
  expect(queue.throttleCheckTimeoutId).not.toBeNull()
  queue.destroy()
})
