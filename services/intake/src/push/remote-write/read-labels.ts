import { processId } from '@driftline/proto'
import type { Refused, SeriesText } from '../point-sink.ts'
import { BYTES, expectType, readLength, readTag, skip, textOf, type Wire } from '../wire/wire.ts'
import type { WriteContext } from './decode-write-request.ts'

/** Many more than a series may have as attributes; a body of nothing but labels is not read further. */
const LABELS_MAX = 128
const NAME = '__name__'
const JOB = 'job'
const PROCESS = 'driftline_process'

/** Labels of a series seen for the first time, as process, metric and attributes. Leaves the place anywhere. */
export function readLabels(wire: Wire, start: number, end: number, context: WriteContext): SeriesText | Refused {
  const labels: Record<string, string> = Object.create(null) as Record<string, string>
  let count = 0
  wire.at = start
  while (wire.at < end) {
    const tag = readTag(wire)
    if (tag >>> 3 !== 1) {
      skip(wire, tag)
      continue
    }
    count += 1
    if (count > LABELS_MAX)
      return { reason: 'attributes_invalid', detail: `a series has more than ${LABELS_MAX} labels` }
    const refused = readLabel(wire, readLength(wire), labels)
    if (refused !== null) return refused
  }
  return seriesOf(labels, context)
}

function readLabel(wire: Wire, end: number, labels: Record<string, string>): Refused | null {
  const outer = wire.end
  wire.end = end
  let name: string | null = ''
  let value: string | null = ''
  while (wire.at < end) {
    const tag = readTag(wire)
    const field = tag >>> 3
    if (field !== 1 && field !== 2) {
      skip(wire, tag)
      continue
    }
    expectType(tag, BYTES)
    const textEnd = readLength(wire)
    const text = textOf(wire, wire.at, textEnd)
    wire.at = textEnd
    if (field === 1) name = text
    else value = text
  }
  wire.end = outer
  if (name === null || value === null) return { reason: 'text_invalid', detail: 'a label is not UTF-8' }
  if (name === '') return { reason: 'attributes_invalid', detail: 'a label has no name' }
  if (Object.hasOwn(labels, name)) return { reason: 'attributes_invalid', detail: `the label ${name} is there twice` }
  // In Prometheus an empty value is the same as no label.
  if (value !== '') labels[name] = value
  return null
}

function seriesOf(labels: Record<string, string>, context: WriteContext): SeriesText | Refused {
  const { [NAME]: metric, [JOB]: job, [PROCESS]: explicit } = labels
  if (metric === undefined) return { reason: 'metric_invalid', detail: 'a series without __name__' }
  const process = explicit === undefined ? processId('service', job ?? 'unknown_service') : context.processOf(explicit)
  if (process === null) {
    return { reason: 'process_invalid', detail: `the sender may not name the process ${explicit?.slice(0, 200)}` }
  }
  delete labels[NAME]
  delete labels[JOB]
  delete labels[PROCESS]
  return { process, metric, attributes: labels, ...context.families.readingOf(metric) }
}
