import type { MqttPayload, Role, TimeFormat } from '../../api/source-types.ts'
import type { Format, Quantity } from '../../format.ts'

/** What a value is used as, as people say it. */
export const roleChoices: readonly { readonly value: Role; readonly name: string }[] = [
  { value: 'level', name: 'drift' },
  { value: 'executionTime', name: 'execution time' },
  { value: 'success', name: 'success rate' },
  { value: 'events', name: 'throughput' },
  { value: 'ignore', name: 'nothing, dropped' },
]

export const payloadChoices: readonly { readonly value: MqttPayload; readonly name: string }[] = [
  { value: 'auto', name: 'Found by itself' },
  { value: 'json', name: 'JSON' },
  { value: 'number', name: 'One number' },
  { value: 'csv', name: 'CSV' },
  { value: 'text', name: 'Text, as lines' },
  { value: 'sparkplug', name: 'Sparkplug B' },
]

export const timeChoices: readonly { readonly value: TimeFormat; readonly name: string }[] = [
  { value: 'auto', name: 'found by itself' },
  { value: 'iso', name: 'ISO 8601' },
  { value: 's', name: 's since 1970' },
  { value: 'ms', name: 'ms since 1970' },
  { value: 'us', name: 'µs since 1970' },
  { value: 'ns', name: 'ns since 1970' },
]

const silences: readonly (readonly [number, string])[] = [
  [30, '30 s'],
  [60, '1 min'],
  [300, '5 min'],
  [900, '15 min'],
  [3600, '1 h'],
  [21_600, '6 h'],
  [86_400, '1 d'],
]

/** Choices of silence; one that somebody set in another way stands among them. */
export function silenceChoices(now: number): { value: number; name: string }[] {
  const known = silences.map(([value, name]) => ({ value, name: `${name} without a message` }))
  if (known.some((one) => one.value === now)) return known
  return [...known, { value: now, name: `${now} s without a message` }].sort((a, b) => a.value - b.value)
}

const namedMetrics: Readonly<Record<string, string>> = {
  'process.execution.time': 'Execution time',
  'process.success': 'Success',
  'process.events': 'Events',
  'process.events.failed': 'Failed events',
}
const shortWords = new Set(['rms', 'cpu', 'rpm', 'ph', 'co2', 'id', 'http', 'io'])

/** A metric as people read it: `device.vibration.rms` is `Vibration RMS`. */
export function metricWords(metric: string): string {
  const known = namedMetrics[metric]
  if (known) return known
  const parts = metric
    .replace(/^(device|process|system|log|service)\.(?=.)/, '')
    .split(/[._\s/]+/)
    .filter(Boolean)
    .map((word) => (shortWords.has(word.toLowerCase()) ? word.toUpperCase() : word))
  const text = parts.join(' ')
  return text === '' ? metric : (text[0]?.toUpperCase() ?? '') + text.slice(1)
}

/** Units as people write them, and as UCUM has them. */
const writtenUnits: readonly (readonly [string, string])[] = [
  ['Cel', '°C'],
  ['[degF]', '°F'],
  ['Ohm', 'Ω'],
  ['um', 'µm'],
  ['us', 'µs'],
]
export const unitShown = (unit: string): string => writtenUnits.find(([ucum]) => ucum === unit)?.[1] ?? unit
export const unitTyped = (text: string): string =>
  writtenUnits.find(([, written]) => written === text.trim())?.[0] ?? text.trim()

/** Process ids are shown with `/` between their names and stored with `:`. */
export const idShown = (id: string): string => id.replaceAll(':', '/')
export const idTyped = (text: string): string => text.trim().replaceAll('/', ':')

/** A value as it was produced: durations in the unit that reads best, else at most four digits that mean something. */
export function producedQuantity(unit: string, value: number | null, format: Format): Quantity | null {
  if (value === null || !Number.isFinite(value)) return null
  if (unit === 's' || unit === 'ms') {
    const text = format.duration(unit === 's' ? value * 1000 : value) ?? ''
    const parts = text.split(' ')
    return parts.length === 2 ? { value: parts[0] ?? '', unit: parts[1] ?? '' } : { value: text, unit: '' }
  }
  if (unit === 'By') return format.bytes(value)
  const rounded = Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
  const digits = Math.min(3, String(rounded).split('.')[1]?.length ?? 0)
  const shown = unit === '1' ? '' : unitShown(unit.replace(/^\{(.*)\}$/, '$1'))
  return format.number(rounded, shown, digits)
}

/** A stable reason as people read it; the word itself stands in its title. */
export const reasonWords = (reason: string): string => reason.replaceAll('_', ' ')
