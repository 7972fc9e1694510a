/**
 * The process that the crash test kills: publishes to an embedded bus as fast as it is acknowledged, from several
 * publishers at once, and prints each acknowledged text on a line. Arguments: data directory, prefix of the texts.
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../clock.ts'
import { createLogger } from '../../logger.ts'
import { createSelfMetrics } from '../../metrics.ts'
import { testTopics, textRecord, wide } from '../bus-test-kit.ts'
import { createEmbeddedBus } from '../embedded-bus.ts'

const [dataDir, prefix] = process.argv.slice(2)
const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
const SEGMENT_BYTES = 256 * 1024 // small, so that segments are closed while it runs
const PUBLISHERS = 6

const bus = createEmbeddedBus({ dataDir: dataDir!, topics: testTopics, segmentBytes: SEGMENT_BYTES }, deps)
await bus.start()
writeSync(1, 'started\n')

async function publishForever(publisher: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const text = `${prefix}/${publisher}/${index}`
    const padding = 'x'.repeat((index * 7919) % 5000)
    await bus.publish([textRecord(wide, `${text} ${padding}`, { partition: publisher % 4 })])
    writeSync(1, `${text}\n`)
  }
}
await Promise.all(Array.from({ length: PUBLISHERS }, (_, publisher) => publishForever(publisher)))
