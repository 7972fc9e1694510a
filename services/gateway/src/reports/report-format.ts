/** Writes numbers, durations and moments for one locale and time zone; what is not known is an en dash, never 0. */
export interface ReportFormat {
  count(value: number): string
  /** 0.9934 is `99.3 %`; 1 alone is `100 %`. */
  share(value: number | null): string
  /** Milliseconds: `312 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
  duration(ms: number | null): string
  /** Three digits that matter. */
  amount(value: number | null): string
  /** `22 Nov 2026`. */
  day(timeMs: number): string
  /** `22 Nov 2026, 18:40`. */
  moment(timeMs: number): string
  /** The date alone as `2026-11-22`, as it is in the time zone. */
  isoDay(timeMs: number): string
  /** Of a date written `2026-11-22`: `Sun 22 Nov`. */
  weekday(isoDay: string): string
  readonly timeZone: string
}

const NONE = '–'

export function createReportFormat(locale: string, timeZone: string): ReportFormat {
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
  const three = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 })
  const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 })
  const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric', timeZone })
  const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone })
  const iso = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone })
  const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' })

  const amount = (value: number): string => (Math.abs(value) >= 100 ? whole.format(value) : three.format(value))
  const parts = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${whole.format(big)} ${bigUnit}` : `${whole.format(big)} ${bigUnit} ${small} ${smallUnit}`

  function duration(ms: number): string {
    if (ms < 999.5) return `${amount(ms)} ms`
    if (ms < 119_500) return `${three.format(ms / 1000)} s`
    const seconds = Math.round(ms / 1000)
    if (seconds < 7200) return parts(Math.floor(seconds / 60), 'min', seconds % 60, 's')
    const minutes = Math.round(seconds / 60)
    if (minutes < 2880) return parts(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
    const hours = Math.round(minutes / 60)
    return parts(Math.floor(hours / 24), 'd', hours % 24, 'h')
  }

  return {
    count: (value) => whole.format(value),
    share(value) {
      if (value === null) return NONE
      // What is not all must not look like all, and what is something not like nothing.
      const percent = value < 1 ? Math.min(99.9, value * 100) : 100
      return value === 0 || value === 1 ? `${percent} %` : `${tenths.format(Math.max(0.1, percent))} %`
    },
    duration: (ms) => (ms === null ? NONE : duration(ms)),
    amount: (value) => (value === null ? NONE : amount(value)),
    day: (timeMs) => day.format(timeMs),
    moment: (timeMs) => `${day.format(timeMs)}, ${clock.format(timeMs)}`,
    isoDay: (timeMs) => iso.format(timeMs),
    weekday: (isoDay) => weekday.format(Date.parse(isoDay)),
    timeZone,
  }
}
