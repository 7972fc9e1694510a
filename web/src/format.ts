/** A number as people read it; the unit is shown quietly after a thin gap. */
export interface Quantity {
  readonly value: string
  readonly unit: string
}

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/**
 * Formatting for one locale and time zone. Every function takes null or undefined for "no data" and answers null,
 * which is shown as an en dash and never as 0.
 */
export function createFormat(locale?: string, timeZone?: string) {
  const decimals = [0, 1, 2, 3].map(
    (digits) => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  )
  /** What rounds to nothing has no sign. */
  const fixed = (value: number, digits: number) =>
    decimals[digits]!.format(Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value)
  const time = new Intl.DateTimeFormat(locale, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZone,
  })
  const minute = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone })
  const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short', timeZone })
  const dayNumber = new Intl.DateTimeFormat(locale, { day: 'numeric', timeZone })
  const full = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23', timeZone })

  /** Three significant digits at most: 9.84, 58.4, 276. */
  const three = (value: number) => fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0)

  function scaled(value: number, base: number, units: readonly string[]): { value: number; step: number } {
    let step = 0
    let scaledValue = value
    while (Math.round(scaledValue) >= base && step < units.length - 1) {
      scaledValue /= base
      step++
    }
    return { value: scaledValue, step }
  }

  return {
    /** Grouped as the locale does: 18,420 or 1,84,500. */
    count: (value: number) => fixed(value, 0),

    /** One decimal: scores. */
    tenths: (value: number) => fixed(value, 1),

    /** `2.1–3.7 mm/s`, `158 KiB–1.2 MiB`: the unit once where both ends share it. */
    range: (low: Quantity, high: Quantity): string =>
      low.value === high.value && low.unit === high.unit
        ? plain(high)
        : low.unit === high.unit || low.value === '0'
          ? `${low.value}–${plain(high)}`
          : `${plain(low)}–${plain(high)}`,

    number(value: number | null | undefined, unit = '', digits = 1): Quantity | null {
      return isNumber(value) ? { value: fixed(value, digits), unit } : null
    },

    /** Memory and sizes, in powers of 1024: 612 MiB, 3.41 GiB. */
    bytes(value: number | null | undefined): Quantity | null {
      if (!isNumber(value)) return null
      const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
      const { value: v, step } = scaled(Math.abs(value), 1024, units)
      const text = step === 0 ? fixed(v, 0) : step < 3 ? fixed(v, v < 99.95 && step > 1 ? 1 : 0) : three(v)
      return { value: value < 0 ? `−${text}` : text, unit: units[step]! }
    },

    /** Transfer rates, in powers of 1000: 48 KB/s, 4.2 MB/s. Less than a byte a second is 0. */
    byteRate(value: number | null | undefined): Quantity | null {
      if (!isNumber(value)) return null
      if (Math.abs(value) < 0.5) return { value: '0', unit: '' }
      const units = ['B/s', 'KB/s', 'MB/s', 'GB/s']
      const { value: v, step } = scaled(Math.abs(value), 1000, units)
      return { value: fixed(v, step > 1 && v < 99.95 ? 1 : 0), unit: units[step]! }
    },

    /** CPU of processes as `top` shows it: stored in cores, 1 core is 100 %. */
    cpu(cores: number | null | undefined): Quantity | null {
      return isNumber(cores) ? { value: fixed(cores * 100, cores >= 9.9995 ? 0 : 1), unit: '%' } : null
    },

    /** A share 0..1 in percent, rounded so that 100 and 0 are said only when they are exact. */
    share(value: number | null | undefined): Quantity | null {
      if (!isNumber(value)) return null
      const percent = value * 100
      if (percent === 0 || percent === 100) return { value: fixed(percent, 0), unit: '%' }
      if (percent > 0 && percent < 0.005) return { value: `< ${fixed(0.01, 2)}`, unit: '%' }
      if (percent > 99.95 && percent < 100) return { value: fixed(Math.min(percent, 99.99), 2), unit: '%' }
      return { value: fixed(percent, percent < 10 || percent >= 99.9 ? 2 : 1), unit: '%' }
    },

    /** Things per second; slow ones per minute or hour, so that the number stays readable. */
    rate(perSecond: number | null | undefined, noun = ''): Quantity | null {
      if (!isNumber(perSecond)) return null
      // Less than one in twenty hours is nothing that an hour's rate could show, nor is a minus before it.
      if (Math.abs(perSecond * 3600) < 0.05) return { value: '0', unit: `${noun}/s` }
      if (perSecond >= 1)
        return { value: perSecond >= 100 ? fixed(perSecond, 0) : fixed(perSecond, 1), unit: `${noun}/s` }
      if (perSecond * 60 >= 1) return { value: fixed(perSecond * 60, 1), unit: `${noun}/min` }
      return { value: fixed(perSecond * 3600, 1), unit: `${noun}/h` }
    },

    /** Milliseconds, short ones exact and long ones in two units: 212 ms, 5.18 s, 2 h 42 min, 41 d 6 h. */
    duration(milliseconds: number | null | undefined): string | null {
      if (!isNumber(milliseconds)) return null
      if (milliseconds < 999.5) return `${fixed(milliseconds, milliseconds > 0 && milliseconds < 9.95 ? 1 : 0)} ms`
      if (milliseconds < 59_995) return `${fixed(milliseconds / 1000, milliseconds < 9995 ? 2 : 1)} s`
      return longDuration(Math.round(milliseconds / 1000))
    },

    /** Whole seconds as people say them: 12 s, 2 min 24 s, 41 d 6 h. */
    seconds: (seconds: number | null | undefined) => (isNumber(seconds) ? longDuration(Math.round(seconds)) : null),

    /** `just now`, `38 s ago`, `3 min ago`, `2 h ago`, `5 d ago`. */
    ago(thenMs: number | null | undefined, nowMs: number): string | null {
      if (!isNumber(thenMs)) return null
      const seconds = Math.max(0, Math.round((nowMs - thenMs) / 1000))
      if (seconds < 5) return 'just now'
      if (seconds < MINUTE) return `${seconds} s ago`
      if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`
      if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h ago`
      return `${Math.floor(seconds / DAY)} d ago`
    },

    /** 14:02:10, always in 24 hours. */
    clock: (ms: number) => time.format(ms),
    /** 14:02 */
    minute: (ms: number) => minute.format(ms),
    /** Tue 17 */
    day: (ms: number) => `${weekday.format(ms)} ${dayNumber.format(ms)}`,
    /** With the date, for titles and other days. */
    full: (ms: number) => full.format(ms),
  }
}

export type Format = ReturnType<typeof createFormat>

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function longDuration(seconds: number): string {
  if (seconds < MINUTE) return `${seconds} s`
  if (seconds < 10 * MINUTE) return pair(seconds, MINUTE, 'min', 1, 's')
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`
  if (seconds < DAY) return pair(seconds, HOUR, 'h', MINUTE, 'min')
  return pair(seconds, DAY, 'd', HOUR, 'h')
}

function pair(seconds: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const whole = Math.floor(seconds / big)
  const rest = Math.floor((seconds % big) / small)
  return rest === 0 ? `${whole} ${bigUnit}` : `${whole} ${bigUnit} ${rest} ${smallUnit}`
}

/** One line of text, for labels that screen readers and titles need whole. */
export function plain(quantity: Quantity | null): string {
  if (!quantity) return 'no data'
  return quantity.unit ? `${quantity.value} ${quantity.unit}` : quantity.value
}

/** The person's own locale and time zone. */
export const format = createFormat()
