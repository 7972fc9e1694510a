import type { MqttDefinition, SourceDetail, SourceInstance } from '../../api/source-types.ts'
import type { Format } from '../../format.ts'
import { plain } from '../../format.ts'
import { matchTopic, placeholdersOf } from './template.ts'

/** What a source does, in a sentence with numbers, and what asks for attention after it. */
export interface Finding {
  readonly say: string
  readonly more: string
}

const count = (number: number, one: string, many: string, format: Format): string =>
  `${format.count(number)} ${number === 1 ? one : many}`

/** Process ids that mapped topics become, as far as the status lists them. */
export function processesOf(definition: Pick<MqttDefinition, 'mappings'>, topics: readonly string[]): Set<string> {
  const found = new Set<string>()
  for (const topic of topics) {
    for (const { topic: template, process } of definition.mappings) {
      const pieces = matchTopic(template, topic, placeholdersOf(template))
      if (!pieces) continue
      found.add(
        process.replace(
          /\{([\w-]+)(\.\.\.)?\}/g,
          (whole, name: string) => pieces.find((piece) => piece.name === name)?.text ?? whole,
        ),
      )
      break
    }
  }
  return found
}

const escaped = (text: string) => text.replace(/[.*+?^$()|[\]\\]/g, '\\$&')

/** Process ids among those that are known which the mappings could have made. */
export function processesLike(definition: Pick<MqttDefinition, 'mappings'>, ids: readonly string[]): Set<string> {
  const shapes = definition.mappings.map(({ process }) => {
    const parts = process.split(/\{[\w-]+(\.\.\.)?\}/g).filter((_, at) => at % 2 === 0)
    return new RegExp(`^${parts.map(escaped).join('[^:]+')}$`)
  })
  return new Set(ids.filter((id) => shapes.some((shape) => shape.test(id))))
}

const sum = (instances: readonly SourceInstance[], of: (one: SourceInstance) => number): number =>
  instances.filter((one) => !one.stale).reduce((total, one) => total + of(one), 0)

function ofBroker(detail: SourceDetail, format: Format, ids: readonly string[]): Finding {
  const definition = detail.definition as unknown as MqttDefinition
  const mappings = definition.mappings.length
  const parts = detail.instances.flatMap((one) => one.parts)
  // A part is a mapping, which says itself for how many it stands only through what it made.
  const topics = parts.map((part) => part.name).filter((name) => !name.includes('{'))
  const heard = parts.some((part) => part.last !== null)
  const made = heard ? processesLike(definition, ids).size : 0
  const machines = Math.max(processesOf(definition, topics).size, made, heard ? 1 : 0)
  const rate = plain(format.rate(detail.eventsPerSecond, 'messages'))
  const unmapped = detail.unmapped
  const more = unmapped === 0 ? '' : `${count(unmapped, 'topic matches', 'topics match', format)} nothing.`
  const sparkplug = definition.sparkplug ? 'Sparkplug B' : ''
  if (mappings === 0 && !sparkplug)
    return {
      say: unmapped === 0 ? 'Nothing has been heard yet.' : `Heard ${rate}; nothing is mapped yet.`,
      more,
    }
  const who = [mappings > 0 ? count(mappings, 'mapping', 'mappings', format) : '', sparkplug]
    .filter(Boolean)
    .join(' and ')
  const verb = mappings === 1 || (mappings === 0 && sparkplug) ? 'turns' : 'turn'
  if (machines === 0)
    return { say: `${who}, and no message that ${mappings === 1 ? 'it takes' : 'they take'} yet.`, more }
  return { say: `${who} ${verb} ${rate} into ${count(machines, 'machine', 'machines', format)}.`, more }
}

function ofLines(detail: SourceDetail, format: Format): Finding {
  const rows = sum(detail.instances, (one) => one.rows)
  const files = detail.instances.flatMap((one) => one.parts)
  const failed = files.filter((file) => file.failed).length
  const lines = plain(format.rate(detail.eventsPerSecond, 'lines'))
  const from = detail.kind === 'file' ? ` from ${count(files.length, 'file', 'files', format)}` : ''
  const kept = rows > 0 ? `, ${format.count(rows)} searchable since it started` : ''
  const more = failed > 0 ? `${count(failed, 'file cannot', 'files cannot', format)} be read.` : ''
  if (detail.lastEvent === null)
    return {
      say: detail.kind === 'file' && files.length === 0 ? 'No file fits its paths yet.' : 'No line has come yet.',
      more,
    }
  return { say: `${lines}${from}${kept}.`, more }
}

function ofPush(detail: SourceDetail, format: Format): Finding {
  if (detail.lastEvent === null) return { say: 'Nothing has come yet.', more: detail.limitExceeded ?? '' }
  const series = count(detail.series, 'series', 'series', format)
  return {
    say: `${plain(format.rate(detail.samplesPerSecond, 'samples'))} into ${series}.`,
    more: detail.limitExceeded ?? '',
  }
}

/** The page says its finding first: what is wrong, else what it does in numbers. */
export function findingOfSource(detail: SourceDetail, format: Format, ids: readonly string[] = []): Finding {
  if (detail.definitionProblems.length > 0)
    return { say: 'It is not read: its definition no longer fits.', more: detail.definitionProblems[0]?.reason ?? '' }
  if (!detail.active) return { say: 'It is switched off; nothing of it is read.', more: '' }
  if ((detail.status === 'failed' || detail.status === 'stopped') && detail.message)
    return { say: detail.message, more: '' }
  const found =
    detail.kind === 'mqtt'
      ? ofBroker(detail, format, ids)
      : detail.kind === 'push'
        ? ofPush(detail, format)
        : ofLines(detail, format)
  if (found.more) return found
  return {
    ...found,
    more: detail.limitExceeded ?? (detail.message && !found.say.includes(detail.message) ? detail.message : ''),
  }
}
