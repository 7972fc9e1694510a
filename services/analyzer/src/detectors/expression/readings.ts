import type { ExpressionReading } from '@driftline/proto'

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
/** Numbers that are told; the rest is counted. */
const TOLD_MAX = 5

/** The numbers that made an expression true, for people: `cpu_share 97 %, avg(memory, 5m) 2.1 GB`. `units`: UCUM by name. */
export function tellReadings(readings: readonly ExpressionReading[], units: ReadonlyMap<string, string>): string {
  const known = readings.filter(({ value }) => Number.isFinite(value))
  const told = known.slice(0, TOLD_MAX).map((reading) => {
    const isRate = reading.text.startsWith('rate(')
    return `${reading.text} ${tellNumber(reading.value, units.get(reading.input.name) ?? '')}${isRate ? ' per second' : ''}`
  })
  const more = known.length - told.length
  return told.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function tellNumber(value: number, unit: string): string {
  if (unit === '1') return `${digits(value * 100)} %`
  if (unit === 'By' || unit === 'By/s') {
    const size = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log10(Math.abs(value) || 1) / 3)))
    return `${digits(value / 1000 ** size)} ${SIZES[size]}${unit === 'By/s' ? '/s' : ''}`
  }
  const name = unit.replace(/^Cel$/, '°C').replace(/[{}]/g, '')
  return name === '' ? digits(value) : `${digits(value)} ${name === 'cpu' ? 'cores' : name}`
}

function digits(value: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size < 0.001 || size >= 1e15)) return value.toPrecision(3)
  return value.toLocaleString('en-US', { maximumFractionDigits: size >= 100 ? 1 : 3 })
}
