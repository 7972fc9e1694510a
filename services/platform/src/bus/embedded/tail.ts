import type { Logger } from '../../logger.ts'
import type { Subscription, TailOptions } from '../bus.ts'
import { createCursor } from './cursor.ts'
import type { PartitionLog } from './partition-log.ts'

const MAX_RECORDS = 1000
const MAX_BYTES = 4 * 1024 * 1024

/** Passes on what is stored from now on, in the same turn in which its commit is known. */
export function startTail(logs: readonly PartitionLog[], options: TailOptions, logger: Logger): Subscription {
  const stops = logs.map((log) => {
    const cursor = createCursor(log, log.endOffset())
    return log.onAppended(() => {
      try {
        for (;;) {
          const records = cursor.next(MAX_RECORDS, MAX_BYTES)
          if (records.length === 0) break
          options.handle(records)
        }
      } catch (error) {
        logger.error({ error, topic: log.topic, partition: log.partition }, 'a tail failed on some records')
      }
    })
  })
  return {
    async stop() {
      for (const stop of stops) stop()
    },
  }
}
