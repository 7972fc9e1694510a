import { create, toBinary } from '@bufbuild/protobuf'
import { type Series, SeriesBatchSchema, topics } from '@driftline/proto'
import type { OwnRecord } from './ordered-publisher.ts'

/** Definitions in one record: at the largest that one may be, about half of what the bus takes. */
const SERIES_PER_RECORD = 400

/** Records that define series of one routing key, each small enough for the bus. */
export function seriesRecords(origin: { tenant: string; key: string }, series: readonly Series[]): OwnRecord[] {
  const records: OwnRecord[] = []
  for (let first = 0; first < series.length; first += SERIES_PER_RECORD) {
    const batch = create(SeriesBatchSchema, { series: series.slice(first, first + SERIES_PER_RECORD) })
    records.push({
      topic: topics.series.name,
      tenant: origin.tenant,
      key: origin.key,
      message: topics.series.message.typeName,
      value: toBinary(SeriesBatchSchema, batch),
    })
  }
  return records
}
