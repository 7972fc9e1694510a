import type { MqttPayload, Role, TimeFormat } from '../../api/source-types.ts'

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

/** A stable reason as people read it; the word itself stands in its title. */
export const reasonWords = (reason: string): string => reason.replaceAll('_', ' ')
