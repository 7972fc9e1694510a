/** Numbers with units for sentences, in the style of the web: binary sizes, decimal rates, CPU as `top` shows it. */

const SECOND_OF: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86_400 }
/** Leaves room for the factors of units below the greatest number there is. */
const VALUE_MAX = 1e290
const SYMBOLS: Readonly<Record<string, string>> = { Cel: '°C', '[degF]': '°F', deg: '°', Ohm: 'Ω' }

/** At most three significant digits, without idle zeros, grouped by thousands: 0.25, 4.1, 370, 120,000. */
export function shortNumber(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e15 || size < 0.001) return Number(value.toPrecision(2)).toExponential().replace('e+', 'e')
  const digits = Math.max(0, Math.min(5, 2 - Math.floor(Math.log10(size))))
  const [whole = '', rest = ''] = Math.abs(Number(value.toFixed(digits)))
    .toString()
    .split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return `${value < 0 ? '−' : ''}${grouped}${rest === '' ? '' : `.${rest}`}`
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let step = 0
  let size = Math.abs(value)
  while (Math.round(size) >= base && step < units.length - 1) {
    size /= base
    step += 1
  }
  const number = step === 0 ? shortNumber(Math.round(size)) : shortNumber(size)
  return `${value < 0 ? '−' : ''}${number} ${units[step]}`
}

/** Milliseconds, short ones exact and long ones in two units: 212 ms, 5.18 s, 2 h 42 min. */
export function durationInWords(milliseconds: number): string {
  const size = Math.max(0, milliseconds)
  if (size < 999.5) return `${shortNumber(size)} ms`
  if (size < 59_995) return `${shortNumber(size / 1000)} s`
  return longDuration(Math.round(size / 1000))
}

/** Whole seconds as people say them: 12 s, 2 min 24 s, 41 d 6 h. */
export function lastingInWords(milliseconds: number): string {
  return longDuration(Math.max(1, Math.round(milliseconds / 1000)))
}

function longDuration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 600) return pair(seconds, 60, 'min', 1, 's')
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return pair(seconds, 3600, 'h', 60, 'min')
  return pair(seconds, 86_400, 'd', 3600, 'h')
}

function pair(seconds: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const whole = Math.floor(seconds / big)
  const rest = Math.floor((seconds % big) / small)
  return rest === 0 ? `${whole} ${bigUnit}` : `${whole} ${bigUnit} ${rest} ${smallUnit}`
}

function rate(perSecond: number, noun: string): string {
  const of = noun === '' ? '' : noun
  if (perSecond === 0 || Math.abs(perSecond) >= 1) return `${shortNumber(perSecond)} ${of}/s`
  if (Math.abs(perSecond) * 60 >= 1) return `${shortNumber(perSecond * 60)} ${of}/min`
  return `${shortNumber(perSecond * 3600)} ${of}/h`
}

const nounOf = (annotation: string): string => annotation.replaceAll('_', ' ')
const several = (noun: string, value: number): string =>
  value === 1 ? noun : /(s|x|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`

/** A value in its UCUM unit. `isShare` makes a plain number (unit `1`) a percentage. */
export function quantity(exact: number, unit: string, isShare: boolean): string {
  const value = Math.max(-VALUE_MAX, Math.min(VALUE_MAX, exact))
  if (unit === '{cpu}') return `${shortNumber(value * 100)} %`
  if (unit === 'By') return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'])
  if (unit === 'By/s') return Math.abs(value) < 0.5 ? '0' : scaled(value, 1000, ['B/s', 'KB/s', 'MB/s', 'GB/s', 'TB/s'])
  if (unit === '1' || unit === '') return isShare ? `${shareNumber(value)} %` : shortNumber(value)
  const second = SECOND_OF[unit]
  if (second !== undefined) return value === 0 ? '0' : durationWithSign(value * second * 1000)
  const annotated = /^\{([^{}]*)\}(\/s)?$/.exec(unit)
  if (unit === '/s' || annotated?.[2] !== undefined) return rate(value, several(nounOf(annotated?.[1] ?? ''), 1))
  if (annotated) return `${shortNumber(value)} ${several(nounOf(annotated[1]!), value)}`.trim()
  return `${shortNumber(value)} ${SYMBOLS[unit] ?? unit.replace(/\{[^{}]*\}/g, '')}`.trim()
}

const durationWithSign = (milliseconds: number): string =>
  milliseconds < 0 ? `−${durationInWords(-milliseconds)}` : durationInWords(milliseconds)

/** 100 and 0 are said only when they are exact. */
function shareNumber(share: number): string {
  const percent = share * 100
  if (percent > 0 && percent < 0.01) return '< 0.01'
  if (percent > 99.95 && percent < 100) return Math.min(percent, 99.99).toFixed(2)
  return shortNumber(percent)
}
