import { format, type Quantity } from '../format.ts'

/** How the values of a chart are read. `cores` are shown as `top` does: 1 core is 100 %. */
export type ChartUnit =
  | 'cores'
  | 'share'
  | 'bytes'
  | 'byteRate'
  | 'count'
  | 'rate'
  | 'milliseconds'
  | 'seconds'
  | 'number'
  /** A value of its own unit, as people write it: `in mm/s`. Its axis need not begin at zero. */
  | `in ${string}`

/** One value with its unit. */
export function quantityOf(unit: ChartUnit, value: number | null | undefined): Quantity | null {
  if (value === null || value === undefined || !Number.isFinite(value)) return null
  switch (unit) {
    case 'cores':
      return format.cpu(value)
    case 'share':
      return format.share(value)
    case 'bytes':
      return format.bytes(value)
    case 'byteRate':
      return format.byteRate(value)
    case 'rate':
      return format.rate(value)
    case 'milliseconds':
      return splitLast(format.duration(value))
    case 'seconds':
      return splitLast(format.seconds(value))
    case 'count':
      return { value: format.count(Math.round(value)), unit: '' }
    default:
      return ownUnit(unit) === null
        ? format.number(value, '', Math.abs(value) < 10 ? 2 : 1)
        : measured(ownUnit(unit) ?? '', value)
  }
}

/** Units that people write otherwise than UCUM does. */
const written: Readonly<Record<string, string>> = { Cel: '°C', '[degF]': '°F', Ohm: 'Ω', um: 'µm', us: 'µs', '1': '' }

/** The chart unit of a UCUM unit. */
export function chartUnitOf(ucum: string): ChartUnit {
  if (ucum === 'By') return 'bytes'
  if (ucum === 'By/s') return 'byteRate'
  if (ucum === '{cpu}') return 'cores'
  return `in ${written[ucum] ?? ucum.replace(/[{}]/g, '')}`
}

/** What stands behind `in `; null for units that are read in their own way. */
const ownUnit = (unit: ChartUnit): string | null => (unit.startsWith('in ') ? unit.slice(3) : null)

/** Durations in the unit that reads best, all else with three digits that mean something. */
function measured(unit: string, value: number): Quantity | null {
  if (unit === 's' || unit === 'ms') return splitLast(format.duration(unit === 's' ? value * 1000 : value))
  const rounded = Math.abs(value) >= 99.95 ? Math.round(value) : Number(value.toPrecision(3))
  return format.number(rounded, unit, Math.min(3, String(rounded).split('.')[1]?.length ?? 0))
}

/** `212 ms` becomes value and unit; `2 h 42 min` keeps its words and has no unit of its own. */
function splitLast(text: string | null): Quantity | null {
  if (text === null) return null
  const parts = text.split(' ')
  return parts.length === 2 ? { value: parts[0]!, unit: parts[1]! } : { value: text, unit: '' }
}

export interface AxisUnit {
  /** Ticks are multiples of 1, 2, 2.5 or 5 of this. */
  readonly scale: number
  readonly unit: string
}

const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const decimal = ['B/s', 'KB/s', 'MB/s', 'GB/s', 'TB/s']

function stepped(top: number, base: number, units: readonly string[]): AxisUnit {
  let scale = 1
  let index = 0
  while (top / scale >= base && index < units.length - 1) {
    scale *= base
    index += 1
  }
  return { scale, unit: units[index]! }
}

const timeUnits: readonly AxisUnit[] = [
  { scale: 1, unit: 'ms' },
  { scale: 1000, unit: 's' },
  { scale: 60_000, unit: 'min' },
  { scale: 3_600_000, unit: 'h' },
  { scale: 86_400_000, unit: 'd' },
]

/** The unit that an axis reaching `top` is labelled in: one for all its ticks, so that they compare at sight. */
export function axisUnit(unit: ChartUnit, top: number): AxisUnit {
  switch (unit) {
    case 'cores':
    case 'share':
      return { scale: 0.01, unit: '%' }
    case 'bytes':
      return stepped(top, 1024, binary)
    case 'byteRate':
      return stepped(top, 1000, decimal)
    case 'rate':
      return top >= 1 ? { scale: 1, unit: '/s' } : { scale: 1 / 60, unit: '/min' }
    case 'milliseconds':
      return timeUnits.findLast((u) => top >= u.scale * 2) ?? timeUnits[0]!
    case 'seconds': {
      const found = timeUnits.findLast((u) => top * 1000 >= u.scale * 2) ?? timeUnits[1]!
      return { scale: found.scale / 1000, unit: found.unit }
    }
    default:
      return ownAxis(ownUnit(unit) ?? '', top)
  }
}

/** Durations step through their units; all else stands in its own. */
function ownAxis(unit: string, top: number): AxisUnit {
  if (unit !== 's' && unit !== 'ms') return { scale: 1, unit }
  const factor = unit === 's' ? 1000 : 1
  const found = timeUnits.findLast((one) => Math.abs(top) * factor >= one.scale * 2) ?? timeUnits[0]!
  return { scale: found.scale / factor, unit: found.unit }
}
