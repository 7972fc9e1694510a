import type { ExpressionReading } from '@driftline/proto'
import { quantity } from '../../detection/quantities.ts'

/** Numbers that are told; the rest is counted. */
const TOLD_MAX = 5

/**
 * The numbers that made an expression true, for people: `cpu_share 97 %, avg(memory, 5m) 2 GiB`. `units`: UCUM by name.
 */
export function tellReadings(readings: readonly ExpressionReading[], units: ReadonlyMap<string, string>): string {
  const known = readings.filter(({ value }) => Number.isFinite(value))
  const told = known.slice(0, TOLD_MAX).map(({ text, input, value }) => {
    // A count has no unit, whatever it counts.
    const unit = text.startsWith('count(') ? '' : (units.get(input.name) ?? '')
    if (unit.endsWith('/s') && text.startsWith('delta(')) return `${text} ${quantity(value, unit.slice(0, -2), false)}`
    const per = text.startsWith('rate(') && !unit.endsWith('/s') ? ' per second' : ''
    return `${text} ${quantity(value, unit, unit === '1')}${per}`
  })
  const more = known.length - told.length
  return told.join(', ') + (more > 0 ? ` and ${more} more` : '')
}
