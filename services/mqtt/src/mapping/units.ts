/** Seconds of a unit of time in UCUM. */
const seconds = new Map<string, number>([
  ['s', 1],
  ['ms', 1e-3],
  ['us', 1e-6],
  ['ns', 1e-9],
  ['min', 60],
  ['h', 3600],
  ['d', 86_400],
  ['wk', 604_800],
])

/** What people write that UCUM writes otherwise, or that is not printable ASCII. */
const spellings = new Map<string, string>([
  ['°C', 'Cel'],
  ['℃', 'Cel'],
  ['degC', 'Cel'],
  ['°F', '[degF]'],
  ['℉', '[degF]'],
  ['degF', '[degF]'],
  ['°', 'deg'],
  ['Ω', 'Ohm'],
  ['µs', 'us'],
  ['μs', 'us'],
  ['µm', 'um'],
  ['μm', 'um'],
  ['m³', 'm3'],
  ['m²', 'm2'],
  ['m³/h', 'm3/h'],
  ['m/s²', 'm/s2'],
  ['rpm', '{rev}/min'],
  ['RPM', '{rev}/min'],
  ['1/min', '/min'],
  ['sec', 's'],
  ['seconds', 's'],
  ['msec', 'ms'],
  ['minutes', 'min'],
  ['hours', 'h'],
  ['‰', '[ppth]'],
  ['0 or 1', '1'],
])

const UNIT = /^[\x21-\x7e]{0,63}$/

/** A unit as it goes into a series: as written, but for spellings that a series cannot hold. Null when there is none. */
export function readUnit(text: string): string | null {
  const trimmed = text.trim()
  const unit = spellings.get(trimmed) ?? trimmed
  return UNIT.test(unit) ? unit : null
}

/** What a value in this unit is multiplied by to become seconds; null when it is no unit of time. */
export const secondsPer = (unit: string): number | null => seconds.get(unit) ?? null

interface Guess {
  readonly pattern: RegExp
  readonly unit: string
}

/** Units by the last word of a name, such as `oil_c` or `cycleMs`; more telling words first. */
const guesses: readonly Guess[] = [
  { pattern: /(^|_)(ms|millis|milliseconds|msec)$/, unit: 'ms' },
  { pattern: /(^|_)(us|micros|microseconds)$/, unit: 'us' },
  { pattern: /(^|_)(ns|nanos|nanoseconds)$/, unit: 'ns' },
  { pattern: /(^|_)(s|sec|secs|seconds)$/, unit: 's' },
  { pattern: /(^|_)(min|minutes)$/, unit: 'min' },
  { pattern: /(^|_)(h|hours)$/, unit: 'h' },
  { pattern: /(^|_)(degc|celsius|c)$/, unit: 'Cel' },
  { pattern: /(^|_)(degf|fahrenheit|f)$/, unit: '[degF]' },
  { pattern: /(^|_)rpm$/, unit: '{rev}/min' },
  { pattern: /(%|(^|_)(pct|percent|percentage))$/, unit: '%' },
  { pattern: /(^|_)(mm_s|mmps)$/, unit: 'mm/s' },
  { pattern: /(^|_)(m_s|mps)$/, unit: 'm/s' },
  { pattern: /(^|_)kwh$/, unit: 'kW.h' },
  { pattern: /(^|_)wh$/, unit: 'W.h' },
  { pattern: /(^|_)kw$/, unit: 'kW' },
  { pattern: /(^|_)(w|watt|watts)$/, unit: 'W' },
  { pattern: /(^|_)(v|volt|volts|voltage)$/, unit: 'V' },
  { pattern: /(^|_)mv$/, unit: 'mV' },
  { pattern: /(^|_)(a|amp|amps|ampere)$/, unit: 'A' },
  { pattern: /(^|_)ma$/, unit: 'mA' },
  { pattern: /(^|_)hz$/, unit: 'Hz' },
  { pattern: /(^|_)khz$/, unit: 'kHz' },
  { pattern: /(^|_)bar$/, unit: 'bar' },
  { pattern: /(^|_)mbar$/, unit: 'mbar' },
  { pattern: /(^|_)hpa$/, unit: 'hPa' },
  { pattern: /(^|_)kpa$/, unit: 'kPa' },
  { pattern: /(^|_)pa$/, unit: 'Pa' },
  { pattern: /(^|_)psi$/, unit: '[psi]' },
  { pattern: /(^|_)(kg)$/, unit: 'kg' },
  { pattern: /(^|_)(mm)$/, unit: 'mm' },
  { pattern: /(^|_)(l_min|lpm)$/, unit: 'L/min' },
  { pattern: /(^|_)(bytes)$/, unit: 'By' },
  { pattern: /(^|_)ppm$/, unit: '[ppm]' },
  { pattern: /(^|_)db$/, unit: 'dB' },
  { pattern: /(^|_)dbm$/, unit: 'dB[mW]' },
  { pattern: /(^|_)(temp|temperature)$/, unit: 'Cel' },
  { pattern: /(^|_)(humidity|rh)$/, unit: '%' },
]

/** `cycleMs` and `Cycle Time ms` as `cycle_ms` and `cycle_time_ms`: words in small letters. */
export const wordsOf = (name: string): string =>
  name
    .replace(/([a-z0-9]{2})([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9%]+/g, '_')
    .toLowerCase()

/** The unit that a name suggests; empty when it suggests none. A guess to be shown to a person, never applied alone. */
export function guessUnit(name: string): string {
  const words = wordsOf(name)
  return guesses.find((guess) => guess.pattern.test(words))?.unit ?? ''
}
