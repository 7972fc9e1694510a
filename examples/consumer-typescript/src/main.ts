/**
 * Reads the samples that Driftline measures from Kafka and prints one line for each:
 *
 *     2026-01-01T12:00:00.250Z default host:web-1 system.cpu.utilization {"cpu":"0"} 0.42 1
 *
 * Start it with `KAFKA_BROKERS=127.0.0.1:9092 npm start`. It runs until it is interrupted, and goes on where it was
 * when it is started again.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { Kafka, type KafkaMessage, logLevel } from 'kafkajs'
import { type SampleBatch, SampleBatchSchema } from '../gen/driftline/v1/samples_pb.ts'
import type { Series } from '../gen/driftline/v1/series_pb.ts'
import { createRepeats } from './repeats.ts'
import { followSeries, type SeriesNames } from './series-names.ts'

const brokers = (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',')
/** Set only when the Driftline installation shares its cluster and puts a prefix in front of its topics. */
const prefix = process.env.KAFKA_TOPIC_PREFIX ?? ''
/** Consumers with the same group share the work; another group reads everything for itself. */
const groupId = process.env.KAFKA_GROUP ?? 'example-consumer'

const kafka = new Kafka({ clientId: 'example-consumer', brokers, logLevel: logLevel.ERROR })

// The names come first: samples carry only the ids of their series.
const names = await followSeries(kafka, `${prefix}driftline.series.v1`)

const repeats = createRepeats()
// A fetch without news is answered after this time, and stopping waits for it; news come at once.
const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 250 })
await consumer.connect()
await consumer.subscribe({ topic: `${prefix}driftline.samples.v1`, fromBeginning: true })
await consumer.run({
  // The offset is committed after this function is done, so a crash repeats records but loses none.
  eachMessage: async ({ partition, message }) => {
    // The header says what the value is. Skip what you do not know: later versions may add messages to a topic.
    if (header(message, 'message') !== 'driftline.v1.SampleBatch' || message.value === null) return
    if (repeats.isRepeat(partition, header(message, 'source'), header(message, 'epoch'), header(message, 'sequence'))) {
      return
    }
    await print(fromBinary(SampleBatchSchema, message.value), names)
  },
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await consumer.disconnect()
    await names.stop()
  })
}

/** The arrays of a batch are parallel: element i of each belongs to sample i. */
async function print(batch: SampleBatch, seriesNames: SeriesNames): Promise<void> {
  for (const [index, id] of batch.series.entries()) {
    const time = new Date(Number(batch.baseTimeMs) + batch.timeOffsetMs[index]!).toISOString()
    const series = await seriesNames.find(id)
    process.stdout.write(
      `${time} ${series ? describe(series) : `series ${id}`} ${batch.value[index]}${unitOf(series)}\n`,
    )
  }
}

function describe({ tenant, process: id, metric, attributes }: Series): string {
  return `${tenant} ${id} ${metric} ${attributes}`
}

function unitOf(series: Series | undefined): string {
  return series === undefined || series.unit === '' ? '' : ` ${series.unit}`
}

function header(message: KafkaMessage, name: string): string {
  return message.headers?.[name]?.toString() ?? ''
}
